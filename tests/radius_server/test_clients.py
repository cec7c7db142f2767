"""Which client a source address belongs to."""

from ipaddress import ip_address, ip_network

import pytest

from pushgate.errors import ConfigurationError
from radius_server.clients import Client, ClientTable, plain_address, plain_network


def client(name: str, network: str, secret: bytes = b"secret-of-the-client") -> Client:
    """Return a client of this network."""
    return Client(name, ip_network(network), secret)


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
