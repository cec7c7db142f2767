"""What a reload exchanges: built as a whole, refused as a whole."""

from pathlib import Path

import pytest
import structlog

from pushgate.build_routes import build_routes
from pushgate.build_rules import Rules, build_policy, build_rules
from pushgate.clock import FakeClock
from pushgate.errors import ConfigurationError
from pushgate.policy import Remember, Rule
from pushgate.providers.ladder import LadderProvider
from pushgate.settings import load_settings
from tests.support.config import PROVIDER, RADIUS, write_config
from tests.support.gate import write_private

PAM = "pam: {{socket: {folder}/pam.sock, services: {{sshd: , sudo: {{if_unreachable: accept}}}}}}\n"
LDAP = (
    '{{type: ldap, servers: ["ldaps://127.0.0.1"], bind_dn: cn=search, bind_password_file: {folder}/ldap.password, '
    "base_dn: dc=example, user_filter: '(uid={{user}})'}}"
)
TWO = RADIUS.replace("first_factor: none", f"first_factor: {LDAP}") + (
    "    - {{name: second, address: 192.0.2.1, secret_file: {folder}/radius.secret}}\n"
    "    - {{name: third, address: 192.0.2.2, secret_file: {folder}/radius.secret, first_factor: none}}\n"
)


def build(path: Path) -> Rules:
    """Build what a file says."""
    return build_rules(load_settings(path), FakeClock(), LadderProvider)


def test_each_service_has_the_rule_that_its_section_says(private_folder: Path) -> None:
    """An administrator who lets sudo fail open gets that for sudo alone, and a warning."""
    settings = load_settings(write_config(private_folder, PROVIDER, RADIUS, PAM))
    with structlog.testing.capture_logs() as logs:
        policy = build_policy(settings, build_routes(settings))
    assert policy.rules == {
        "sshd": Rule(number="optional"),
        "sudo": Rule(accept_if_unreachable=True, number="optional"),
        "vpn": Rule(number="optional"),
    }
    assert [(entry["event"], entry["service"]) for entry in logs] == [("fails_open", "sudo")]


def test_approvals_that_last_are_a_services_own(private_folder: Path) -> None:
    """An administrator who lets ssh remember and sudo be unlocked gets just that, and RADIUS gets neither."""
    services = "{{sshd: {{remember: {{for: 15m, bound_to: key+origin}}}}, sudo: {{unlock: {{longest: 1h}}}}}}"
    settings = load_settings(write_config(private_folder, PROVIDER, RADIUS, f"pam: {{{{services: {services}}}}}\n"))
    assert build_policy(settings, build_routes(settings)).rules == {
        "sshd": Rule(number="optional", remember=Remember(900, "key+origin")),
        "sudo": Rule(number="optional", unlock_longest=3600),
        "vpn": Rule(number="optional"),
    }


async def test_equal_first_factors_are_one(private_folder: Path) -> None:
    """Two clients of one directory share its connections, and a client without a first factor has none."""
    write_private(private_folder / "ldap.password", b"canary")
    rules = build(write_config(private_folder, PROVIDER, TWO))
    assert set(rules.first_factors) == {"vpn", "second"}
    assert rules.first_factors["vpn"] is rules.first_factors["second"]
    await rules.close()


def test_faults_of_all_files_are_found_at_once(private_folder: Path) -> None:
    """An administrator whose secret and whose directory's password are missing hears of both."""
    path = write_config(private_folder, PROVIDER, TWO)
    (private_folder / "radius.secret").unlink()
    with pytest.raises(ConfigurationError) as caught:
        build(path)
    files = {problem.message.split(":")[0].rpartition("/")[2] for problem in caught.value.problems}
    assert files == {"radius.secret", "ldap.password"}


def test_a_provider_that_checks_no_passwords_is_refused(private_folder: Path) -> None:
    """An administrator who leaves the password to LoginTC is told that it checks none."""
    path = write_config(private_folder, PROVIDER, RADIUS.replace("first_factor: none", "first_factor: provider"))
    with pytest.raises(ConfigurationError, match="checks no passwords"):
        build(path)
