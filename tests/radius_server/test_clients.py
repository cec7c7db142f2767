"""Which client a source address belongs to."""

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from pushgate.errors import ConfigurationError
from radius_server.clients import Client, ClientTable, plain_address, plain_network


def client(name: str, network: str, secret: bytes = b"secret-of-the-client", **settings: Any) -> Client:
    """Return a client of this network."""
    return Client(name, ip_network(network), secret, **settings)


OFFICE = client("office", "192.0.2.0/24")
FIREWALL = client("firewall", "192.0.2.7/32")
BRANCH = client("branch", "2001:db8::/32")
GATEWAY = client("gateway", "2001:db8::7/128")
MAPPED = client("mapped", "::ffff:198.51.100.0/120")
TABLE = [OFFICE, FIREWALL, BRANCH, GATEWAY, MAPPED]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("192.0.2.1", OFFICE),
        ("192.0.2.7", FIREWALL),
        ("::ffff:192.0.2.7", FIREWALL),
        ("192.0.3.1", None),
        ("2001:db8::1", BRANCH),
        ("2001:db8::7", GATEWAY),
        ("2001:db9::1", None),
        ("2001:db8::1%eth0", BRANCH),
        ("198.51.100.9", MAPPED),
        ("::ffff:198.51.100.9", MAPPED),
        ("127.0.0.1", None),
    ],
)
def test_longest_prefix(source: str, expected: Client | None) -> None:
    """An address finds the client with the longest prefix; a stranger finds none."""
    assert ClientTable(TABLE).find(plain_address(source)) is expected


def test_order_does_not_matter() -> None:
    """The longest prefix wins in whichever order the clients are written."""
    assert ClientTable(list(reversed(TABLE))).find(ip_address("192.0.2.7")) is FIREWALL


def test_whole_internet() -> None:
    """Prefix 0 is a network like any other, below all others."""
    anyone = client("anyone", "0.0.0.0/0")
    table = ClientTable([anyone, OFFICE])
    found = [table.find(ip_address(text)) for text in ("8.8.8.8", "192.0.2.1", "2001:db8::1")]
    assert found == [anyone, OFFICE, None]


def test_equal_networks() -> None:
    """Two clients of one network, one of them written as IPv4-mapped, are an error that names both."""
    with pytest.raises(ConfigurationError) as caught:
        ClientTable([OFFICE, client("again", "::ffff:192.0.2.0/120")])
    assert [problem.message for problem in caught.value.problems] == [
        "radius clients 'office' and 'again' have the same network 192.0.2.0/24"
    ]


SSL = client("ssl", "203.0.113.0/24", nas_identifier="ssl-vpn")
IPSEC = client("ipsec", "203.0.113.0/24", nas_identifier="ipsec")
REST = client("rest", "203.0.113.0/24")


@pytest.mark.parametrize(
    ("nas_identifier", "with_default", "without_default"),
    [
        ("ssl-vpn", SSL, SSL),
        ("ipsec", IPSEC, IPSEC),
        ("IPSEC", REST, None),
        ("ipsec ", REST, None),
        ("", REST, None),
        (None, REST, None),
    ],
)
def test_nas_identifier(nas_identifier: str | None, with_default: Client, without_default: Client | None) -> None:
    """Clients of one network are told apart by the exact NAS-Identifier; the one without a name takes the others."""
    for clients, expected in (([SSL, IPSEC, REST], with_default), ([SSL, IPSEC], without_default)):
        table = ClientTable(clients)
        found = table.find(ip_address("203.0.113.9"))
        assert found is not None
        assert table.choose(found, nas_identifier) is expected


def test_proof_needs_no_name() -> None:
    """Before a packet is proved, its network alone finds a client, the one without a name first."""
    address = ip_address("203.0.113.9")
    assert ClientTable([SSL, IPSEC, REST]).find(address) is REST
    assert ClientTable([SSL, IPSEC]).find(address) is SSL


def test_a_name_does_not_lead_to_another_network() -> None:
    """A NAS that calls itself as one of another network stays in its own."""
    table = ClientTable([OFFICE, client("named", "192.0.2.7/32", nas_identifier="vpn")])
    found = table.find(ip_address("192.0.2.7"))
    assert found is not None
    assert table.choose(found, "other") is None
    assert table.choose(OFFICE, "vpn") is OFFICE


def test_mapped_networks_share_profiles() -> None:
    """A client that is written with IPv4-mapped addresses stands beside those of the same IPv4 network."""
    mapped = client("mapped", "::ffff:203.0.113.0/120", nas_identifier="mapped")
    table = ClientTable([REST, mapped])
    assert table.choose(REST, "mapped") is mapped
    assert table.choose(mapped, None) is REST


def test_one_client_may_have_several_networks() -> None:
    """A client of two networks is found from both."""
    first, second = client("vpn", "192.0.2.1/32"), client("vpn", "2001:db8::1/128")
    table = ClientTable([first, second])
    assert [table.find(ip_address(text)) for text in ("192.0.2.1", "2001:db8::1")] == [first, second]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"nas_identifier": "ssl-vpn"},
            "radius clients 'ssl' and 'again' have the same network 203.0.113.0/24 and nas_identifier 'ssl-vpn'",
        ),
        (
            {"secret": b"another-secret-than-that"},
            "radius clients 'ssl' and 'again' of network 203.0.113.0/24 differ in secret",
        ),
        (
            {"message_authenticator": "required"},
            "radius clients 'ssl' and 'again' of network 203.0.113.0/24 differ in message_authenticator",
        ),
        (
            {"limit_proxy_state": False},
            "radius clients 'ssl' and 'again' of network 203.0.113.0/24 differ in limit_proxy_state",
        ),
        (
            {"status_server": False},
            "radius clients 'ssl' and 'again' of network 203.0.113.0/24 differ in status_server",
        ),
    ],
)
def test_what_clients_of_one_network_must_share(settings: dict[str, Any], message: str) -> None:
    """What proves a packet must not depend on a name that the unproved packet says; secrets are not shown."""
    with pytest.raises(ConfigurationError) as caught:
        ClientTable([SSL, IPSEC, client("again", "203.0.113.0/24", **settings)])
    assert [problem.message for problem in caught.value.problems] == [message]


def test_empty_secret() -> None:
    """A client without a secret is an error."""
    with pytest.raises(ConfigurationError):
        ClientTable([client("bare", "192.0.2.1/32", b"")])


def test_secret_is_hidden() -> None:
    """A client in a log does not show its secret."""
    assert "secret" not in repr(OFFICE)


def test_plain_forms() -> None:
    """Mapped addresses and networks are IPv4; others stay as they are."""
    assert plain_address("::ffff:192.0.2.1") == ip_address("192.0.2.1")
    assert plain_network(ip_network("2001:db8::/64")) == ip_network("2001:db8::/64")
    assert plain_network(ip_network("2001:db8::/120")) == ip_network("2001:db8::/120")
    with pytest.raises(ValueError, match="does not appear"):
        plain_address("vpn.example.com")
