"""All stacks of a machine are read once."""

from pathlib import Path

from pushgate.doctor.survey import is_shared, survey
from tests.support.doctor import COMMON_AUTH, PG, machine


def test_services_that_ask(tmp_path: Path) -> None:
    """A service asks whose own file, or one that it includes, loads the module; shared files are no services."""
    stacks = {
        "sshd": "@include common-auth",
        "common_auth": COMMON_AUTH + PG,
        "su": COMMON_AUTH,
        "su_l": "@include sshd",
    }
    seen = survey(machine(tmp_path, stacks))
    assert sorted(seen.ways) == ["sshd", "su-l"]
    assert (seen.loads("sshd"), seen.loads("su"), seen.loads("common-auth")) == (True, False, False)
    assert [(rule.path.name, rule.line) for rule in seen.ours] == [("common-auth", 5)]
    assert [rule.name for rule in seen.rules("su")] == ["pam_unix", "pam_deny", "pam_permit", "pam_cap"]


def test_a_stack_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file spoils the services that include it, and no other."""
    seen = survey(machine(tmp_path, sshd="@include nowhere", su=PG))
    assert list(seen.unreadable) == ["sshd"]
    assert list(seen.ways) == ["su"]


def test_shared_files() -> None:
    """Files that many services include are known by name."""
    assert [name for name in ("common-auth", "system-auth", "other", "sshd", "login") if is_shared(name)] == [
        *("common-auth", "system-auth", "other"),
    ]
