"""The configuration: what is accepted, and every fault at once with its place."""

from pathlib import Path

import pytest

from pushgate.errors import ConfigurationError
from pushgate.settings import Settings, load_settings

GOOD = """\
provider:
  type: logintc
  url: https://cloud.logintc.com
  api_key_file: /etc/pushgate/api.key
  domain_id: 9120580e94f134cb7c9f27cd1e43dbc82980e152
radius:
  listen: ["127.0.0.1:1812", "[::1]:1812"]
  first_factor: none
  clients:
    - {name: vpn, address: 192.0.2.0/24, secret_file: /etc/pushgate/vpn.secret}
pam:
  services:
    sshd:
    sudo: {if_unreachable: accept}
"""


def load(folder: Path, text: str, mode: int = 0o600) -> Settings:
    """Load a configuration file with this text."""
    path = folder / "pushgate.yaml"
    path.write_text(text)
    path.chmod(mode)
    return load_settings(path)


def faults(folder: Path, text: str) -> list[str]:
    """The faults of a configuration, without the folder."""
    with pytest.raises(ConfigurationError) as caught:
        load(folder, text)
    return [problem.message.replace(f"{folder}/", "") for problem in caught.value.problems]


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


def test_a_required_first_factor_is_not_guessed(private_folder: Path) -> None:
    """A RADIUS section without first_factor does not start with a default."""
    text = GOOD.replace("  first_factor: none\n", "")
    assert faults(private_folder, text) == ["pushgate.yaml:6: radius.first_factor: required key is missing"]


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("first_factor: none", "first_factor: pam", "radius.first_factor"),
        ("if_unreachable: accept", "if_unreachable: YES", "pam.services.sudo.if_unreachable"),
        ("if_unreachable: accept", "if_unreachabel: deny", "pam.services.sudo.if_unreachabel"),
        ("https://cloud", "http://cloud", "provider"),
        ("https://cloud.logintc.com", "unix:relative", "provider"),
        ("https://cloud.logintc.com", "https://", "provider"),
        ("https://cloud.logintc.com", "https://cloud.logintc.com/api", "provider"),
        ("https://cloud.logintc.com", "https://user@cloud.logintc.com", "provider"),
        ("https://cloud.logintc.com", "https://cloud.logintc.com:99999", "provider"),
        ("https://cloud.logintc.com", "http://127.0.0.1:80@evil.example", "provider"),
        ("https://cloud.logintc.com", "http://localhost.evil.example:80", "provider"),
        ("/etc/pushgate/api.key", "api.key", "provider.api_key_file"),
        ('"127.0.0.1:1812"', '"localhost:1812"', "radius.listen.0"),
        ('"127.0.0.1:1812"', '"127.0.0.1"', "radius.listen.0"),
        ('"127.0.0.1:1812"', '"127.0.0.1:99999"', "radius.listen.0.port"),
        ("name: vpn", "name: sshd", "(top level)"),
        ("name: vpn", 'name: "a b"', "radius.clients.0.name"),
        ("  domain_id: 9120580e94f134cb7c9f27cd1e43dbc82980e152\n", "", "provider"),
        ("clients:\n", "clients: []\nx:\n", "radius.clients"),
        ("listen: [", "answer_within: .nan\n  listen: [", "radius.answer_within"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]


@pytest.mark.parametrize(
    "url", ["https://[2001:db8::1]:8443", "https://auth.example/", "http://localhost:8080", "unix:/run/a.sock"]
)
def test_the_address_of_a_server_is_accepted(private_folder: Path, url: str) -> None:
    """An administrator may name host and port of a server in every usual form."""
    settings = load(private_folder, GOOD.replace("https://cloud.logintc.com", url))
    assert settings.provider is not None
    assert settings.provider.url == url


def test_off_needs_no_quotes(private_folder: Path) -> None:
    """An administrator who writes off as the documentation does is understood, though YAML reads it as false."""
    settings = load(private_folder, GOOD.replace("{name: vpn,", "{name: vpn, message_authenticator: off,"))
    assert settings.radius is not None
    assert settings.radius.clients[0].message_authenticator == "off"


def test_equal_networks_are_refused(private_folder: Path) -> None:
    """Two clients with the same network would make the secret a matter of luck."""
    second = "    - {name: two, address: 192.0.2.0/24, secret_file: /etc/pushgate/two.secret}\n"
    text = GOOD.replace("pam:\n", second + "pam:\n")
    assert faults(private_folder, text) == ["pushgate.yaml:6: radius: two clients have the same address: 192.0.2.0/24"]


def test_a_front_end_without_a_provider_does_not_start(private_folder: Path) -> None:
    """A RADIUS server that could ask nobody is a fault, not a server that denies or accepts all."""
    text = GOOD[GOOD.index("radius:") :]
    assert faults(private_folder, text)[0].startswith("pushgate.yaml:1: (top level): provider is missing")


def test_an_authority_must_stay_on_this_machine(private_folder: Path) -> None:
    """An approval page without TLS is not served to a network."""
    text = "authority:\n  page: 0.0.0.0:8080\n"
    assert faults(private_folder, text) == [
        "pushgate.yaml:1: authority: page must be a loopback address: TLS is not built in yet"
    ]


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
