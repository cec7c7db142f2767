"""Where the person is, as the appliance says it."""

from ipaddress import ip_address

import pytest

from pushgate.login import Origin, OriginSource
from radius_server.attributes import TypedAttributes
from radius_server.origin import parse_address, read_origin
from radius_server.presets import GENERIC
from radius_server.wire import encode_vendor_attribute

PALO_ALTO = encode_vendor_attribute(25461, 7, b"203.0.113.1")
CISCO = encode_vendor_attribute(9, 1, b"ip:source-ip=203.0.113.2")
TUNNEL = (66, b"\x00203.0.113.3")
CALLING = (31, b"203.0.113.4")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.1:4500", "192.0.2.1"),
        ("192.0.2.1[4500]", "192.0.2.1"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:4500", "2001:db8::1"),
        ("2001:db8::1[4500]", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%eth0]:22", "fe80::1"),
        ("fe80::1%eth0[22]", "fe80::1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("[::ffff:192.0.2.1]:80", "192.0.2.1"),
        ("10.1.2.3", "10.1.2.3"),
    ],
)
def test_addresses(text: str, expected: str) -> None:
    """Each form that appliances write is read to the plain address."""
    assert str(parse_address(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "00-11-22-33-44-55",
        "00:11:22:33:44:55",
        "0011.2233.4455",
        "001122334455",
        "00:11:22:33:44:55:66:77",
        "00-11-22-33-44-55:guest",
        "0.0.0.0",
        "::",
        "::ffff:0.0.0.0",
        "127.0.0.1",
        "::1",
        "::ffff:127.0.0.1",
        "224.0.0.1",
        "ff02::1",
        "255.255.255.255",
        "192.0.2.1:65536",
        "192.0.2.1:",
        "192.0.2.1[x]",
        "[192.0.2.1]",
        "[192.0.2.1]:80",
        "192.0.2.1%eth0",
        "192.0.2.01",
        "192.0.2",
        "3221225985",
        "0xc0000201",
        " 192.0.2.1",
        "192.0.2.1\n",
        "192.0.2.1\0",
        "192.0.2.1/32",
        "[2001:db8::1",
        "2001:db8::1]",
        "vpn.example.com",
        "١٩٢.0.2.1",
        "fe80::1%" + "x" * 100,
    ],
)
def test_refused(text: str) -> None:
    """What is no address, or no address of a person, is refused."""
    assert parse_address(text) is None


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ((CALLING, TUNNEL, CISCO, PALO_ALTO), "203.0.113.1"),
        ((CALLING, TUNNEL, CISCO), "203.0.113.2"),
        ((CALLING, TUNNEL), "203.0.113.3"),
        ((CALLING,), "203.0.113.4"),
        ((encode_vendor_attribute(25461, 7, b"0.0.0.0"), CALLING), "203.0.113.4"),
        ((encode_vendor_attribute(9, 1, b"shell:priv-lvl=15"), CISCO), "203.0.113.2"),
        (((66, b"tunnel-a"), (31, b"203.0.113.4[4500]")), "203.0.113.4"),
    ],
)
def test_order(attributes: tuple[tuple[int, bytes], ...], expected: str) -> None:
    """The most trustworthy attribute that holds an address wins."""
    assert read_origin(TypedAttributes(attributes), GENERIC.origin, ()) == Origin(expected, OriginSource.NAS)


@pytest.mark.parametrize(
    "attributes",
    [
        (),
        ((31, b"00-11-22-33-44-55"),),
        ((31, b"alice.example.com"),),
        ((31, b"\xff\xfe"),),
        ((8, bytes((10, 0, 0, 1))),),
    ],
)
def test_unknown(attributes: tuple[tuple[int, bytes], ...]) -> None:
    """Without an address of the person the origin is unknown; the address inside the tunnel is none."""
    assert read_origin(TypedAttributes(attributes), GENERIC.origin, ()) == Origin()


def test_machines_are_not_people() -> None:
    """The address of the appliance or of ourselves never becomes the person's."""
    machines = {ip_address("203.0.113.1"), ip_address("203.0.113.2"), None}
    assert read_origin(TypedAttributes((PALO_ALTO, CISCO, CALLING)), GENERIC.origin, machines) == Origin(
        "203.0.113.4", OriginSource.NAS
    )
