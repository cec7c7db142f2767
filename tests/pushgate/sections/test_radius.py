"""The RADIUS section: clients, networks and words."""

from pathlib import Path

from tests.support.settings import GOOD, faults, load


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


def test_a_required_first_factor_is_not_guessed(private_folder: Path) -> None:
    """A RADIUS section without first_factor does not start with a default."""
    text = GOOD.replace("  first_factor: none\n", "")
    assert faults(private_folder, text) == ["pushgate.yaml:6: radius.first_factor: required key is missing"]
