"""The configuration: what is accepted, and every fault at once with its place."""

from pathlib import Path

import pytest

from pushgate.errors import ConfigurationError
from tests.support.settings import GOOD, faults, load


def test_a_good_configuration_is_read(private_folder: Path) -> None:
    """An administrator's complete file becomes settings with safe defaults."""
    settings = load(private_folder, GOOD)
    assert settings.radius is not None
    assert settings.pam is not None
    assert [(a.host, a.port) for a in settings.radius.listen] == [("127.0.0.1", 1812), ("::1", 1812)]
    assert settings.radius.clients[0].message_authenticator == "auto"
    assert settings.pam.services["sshd"].if_unreachable == "deny"
    assert settings.pam.services["sudo"].if_unreachable == "accept"
    assert settings.login.timeout == 60


def test_every_fault_is_reported_at_once_with_file_line_and_key(private_folder: Path) -> None:
    """An administrator sees all mistakes in one run, each with its place."""
    text = GOOD.replace("first_factor: none", "frist_factor: none").replace("192.0.2.0/24", "192.0.2.1/24") + (
        "login:\n  timeout: soon\nfail_mode: open\n"
    )
    found = faults(private_folder, text)
    assert [fault.split(": ")[0:2] for fault in found] == [
        ["pushgate.yaml:6", "radius.first_factor"],
        ["pushgate.yaml:8", "radius.frist_factor"],
        ["pushgate.yaml:10", "radius.clients.0.address"],
        ["pushgate.yaml:16", "login.timeout"],
        ["pushgate.yaml:17", "fail_mode"],
    ]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("first_factor: none", "first_factor: pam", "radius.first_factor"),
        ("name: vpn", "name: sshd", "(top level)"),
        ("name: vpn", 'name: "a b"', "radius.clients.0.name"),
        ("clients:\n", "clients: []\nx:\n", "radius.clients"),
        ("listen: [", "answer_within: .nan\n  listen: [", "radius.answer_within"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]


@pytest.mark.parametrize(("old", "new"), [("name: vpn", "name: unlock"), ("sshd:", "unlock:"), ("sshd:", "Unlock:")])
def test_nobody_else_is_called_unlock(private_folder: Path, old: str, new: str) -> None:
    """A service with the name of our own question would let people think that they unlock something: refused."""
    assert "may be called unlock" in faults(private_folder, GOOD.replace(old, new))[0]


def test_a_front_end_without_a_provider_does_not_start(private_folder: Path) -> None:
    """A RADIUS server that could ask nobody is a fault, not a server that denies or accepts all."""
    text = GOOD[GOOD.index("radius:") :]
    assert faults(private_folder, text)[0].startswith("pushgate.yaml:1: (top level): provider is missing")


def test_an_empty_file_does_not_start(private_folder: Path) -> None:
    """An empty configuration runs nothing and says so."""
    assert faults(private_folder, "")[0].startswith("pushgate.yaml:1: (top level): nothing to run")


@pytest.mark.parametrize("text", ["[]", "sshd", "- radius", "42"])
def test_a_file_that_is_no_mapping_is_refused(private_folder: Path, text: str) -> None:
    """A file of another shape is one clear fault."""
    assert len(faults(private_folder, text)) == 1


def test_a_file_that_others_can_write_is_refused(private_folder: Path) -> None:
    """A configuration that anybody could have edited does not start the daemon."""
    with pytest.raises(ConfigurationError, match="writable by others"):
        load(private_folder, GOOD, 0o666)


def test_no_value_is_quoted_in_a_fault(private_folder: Path) -> None:
    """A secret that was pasted into the wrong place does not appear in the error."""
    text = GOOD.replace("secret_file: /etc/pushgate/vpn.secret", "secret_file: hunter2hunter2")
    assert "hunter2" not in str(faults(private_folder, text))


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("{subdomain: acme}", "pushgate.yaml:2: provider.type: required key is missing"),
        ("{type: one-login}", "pushgate.yaml:2: provider.type: there is no such type"),
        (
            "{type: onelogin, subdomain: acme.onelogin.com}",
            "pushgate.yaml:2: provider.subdomain: must be the first word",
        ),
        ("{type: onelogin, client_id: 123456}", "pushgate.yaml:2: provider.client_id: input should be a valid string"),
        ("{type: onelogin, url: http://x.example}", "pushgate.yaml:2: provider.url: must start with https:// (http://"),
        ("{type: threatwinds, address: {template: a@b.example}}", "provider.address.template: must hold {user}, an @"),
    ],
)
def test_a_mistake_is_told_in_words(private_folder: Path, section: str, said: str) -> None:
    """An administrator who writes a provider's section from memory reads in words what is wrong, and on which line."""
    found = faults(private_folder, f"pam: {{services: {{sshd: }}}}\nprovider: {section}\n")
    assert any(said in fault for fault in found), found
