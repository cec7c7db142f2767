"""The RADIUS section: clients, networks and words."""

from pathlib import Path

import pytest

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


def test_equal_names_are_refused(private_folder: Path) -> None:
    """Two clients of one name would make the rules a matter of luck."""
    second = "    - {name: vpn, address: 192.0.3.0/24, secret_file: /etc/pushgate/two.secret}\n"
    assert faults(private_folder, GOOD.replace("pam:\n", second + "pam:\n")) == [
        "pushgate.yaml:6: radius: two clients have the same name: vpn"
    ]


def test_one_network_may_have_clients_of_several_names(private_folder: Path) -> None:
    """Clients of one network that differ by NAS-Identifier are two clients."""
    second = "    - {name: two, address: 192.0.2.0/24, nas_identifier: x, secret_file: /etc/pushgate/vpn.secret}\n"
    text = GOOD.replace("pam:\n", second + "pam:\n")
    settings = load(private_folder, text)
    assert settings.radius is not None
    assert len(settings.radius.clients) == 2
    third = second.replace("two,", "three,")
    assert faults(private_folder, text.replace("pam:\n", third + "pam:\n")) == [
        "pushgate.yaml:6: radius: two clients have the same address: 192.0.2.0/24 x"
    ]


def test_accounting_has_a_port_of_its_own(private_folder: Path) -> None:
    """An administrator who lets both kinds of requests come to one port is told before the start."""
    text = GOOD.replace("  first_factor", '  accounting_listen: ["[::1]:1812"]\n  first_factor')
    assert faults(private_folder, text) == ["pushgate.yaml:6: radius: listen and accounting_listen share ::1:1812"]
    assert load(private_folder, text.replace('["[::1]:1812"]', '["[::1]:1813"]')).radius is not None


def test_a_group_and_a_foreign_client_do_not_share_a_name(private_folder: Path) -> None:
    """Logins of a client must not be taken for those of a group that happens to have its name."""
    other = "    - {name: two, group: vpn, address: 192.0.3.1, secret_file: /etc/pushgate/two.secret}\n"
    found = faults(private_folder, GOOD.replace("pam:\n", other + "pam:\n"))
    assert found == ["pushgate.yaml:6: radius: the name of a client is the group of others: vpn"]


@pytest.mark.parametrize("place", ["radius", "client"])
def test_a_provider_is_asked_for_a_password_once(private_folder: Path, place: str) -> None:
    """A password that the provider checks is not tried a second time as a whole: each failure counts there."""
    text = GOOD.replace("{name: vpn,", "{name: vpn, password_may_contain_separator: true,")
    if place == "radius":
        text = text.replace("first_factor: none", "first_factor: provider")
    else:
        text = text.replace("{name: vpn,", "{name: vpn, first_factor: provider,")
    assert faults(private_folder, text) == [
        "pushgate.yaml:6: radius: password_may_contain_separator is not for first_factor: provider: vpn"
    ]
