"""The shipped dictionary, and attributes by name."""

from collections.abc import Callable
from ipaddress import ip_address

import pytest
from pyrad.dictionary import Dictionary
from pyrad.packet import AccessAccept, AuthPacket

from pushgate.errors import BadMessageError
from radius_server.attributes import FILES, TypedAttributes, encode_value, load_definitions
from radius_server.wire import VENDOR_SPECIFIC, encode_attributes, encode_vendor_attribute
from tests.support.project import ROOT

NEEDED = {
    "User-Name": (0, 1, "string"),
    "User-Password": (0, 2, "octets"),
    "NAS-IP-Address": (0, 4, "ipaddr"),
    "NAS-Port": (0, 5, "integer"),
    "Framed-IP-Address": (0, 8, "ipaddr"),
    "Reply-Message": (0, 18, "string"),
    "State": (0, 24, "octets"),
    "Class": (0, 25, "octets"),
    "Session-Timeout": (0, 27, "integer"),
    "Calling-Station-Id": (0, 31, "string"),
    "NAS-Identifier": (0, 32, "string"),
    "Proxy-State": (0, 33, "octets"),
    "Acct-Session-Id": (0, 44, "string"),
    "Tunnel-Client-Endpoint": (0, 66, "string"),
    "Prompt": (0, 76, "integer"),
    "EAP-Message": (0, 79, "octets"),
    "Message-Authenticator": (0, 80, "octets"),
    "NAS-IPv6-Address": (0, 95, "ipv6addr"),
    "Cisco-AVPair": (9, 1, "string"),
    "MS-CHAP-Error": (311, 2, "octets"),
    "PaloAlto-Client-Source-IP": (25461, 7, "string"),
    "PaloAlto-User-Group": (25461, 5, "string"),
    "ASA-Group-Policy": (3076, 25, "string"),
    "ASA-TunnelGroupName": (3076, 146, "string"),
    "Fortinet-Group-Name": (12356, 1, "string"),
    "Mikrotik-Rate-Limit": (14988, 8, "string"),
    "Citrix-User-Groups": (66, 16, "string"),
    "Framed-IPv6-Address": (0, 168, "ipv6addr"),
    "NAS-Filter-Rule": (0, 92, "string"),
    "Error-Cause": (0, 101, "integer"),
}


def test_dictionary() -> None:
    """The shipped dictionary is loaded by pyrad with every attribute that the code names."""
    definitions = load_definitions()
    found = {name: (*item.key, item.type) for name, item in definitions.items() if name in NEEDED}
    assert found == NEEDED


def test_dictionary_is_unambiguous() -> None:
    """No two names of the dictionary share a number."""
    definitions = load_definitions().values()
    assert len({item.key for item in definitions}) == len(definitions)


def test_texts() -> None:
    """Texts come in the order of the packet; what is not UTF-8 is as good as absent."""
    attributes = TypedAttributes(((32, b"vpn"), (32, b"\xff"), (32, "süd".encode())))
    assert attributes.texts("NAS-Identifier") == ["vpn", "süd"]
    assert attributes.texts("Calling-Station-Id") == []


def test_tags() -> None:
    """A tag is taken off where the dictionary knows tags, and nowhere else."""
    attributes = TypedAttributes(((66, b"\x01192.0.2.1"), (66, b"192.0.2.2"), (66, b""), (31, b"\x01x")))
    assert attributes.raw("Tunnel-Client-Endpoint") == [b"192.0.2.1", b"192.0.2.2", b""]
    assert attributes.raw("Calling-Station-Id") == [b"\x01x"]


def test_vendors() -> None:
    """Attributes of vendors are found by name, several in one body too; other vendors' are not confused."""
    cisco = (VENDOR_SPECIFIC, b"\0\0\0\x09" + encode_attributes([(1, b"a=1"), (1, b"b=2")]))
    other = encode_vendor_attribute(10, 1, b"c=3")
    assert TypedAttributes((cisco, other)).texts("Cisco-AVPair") == ["a=1", "b=2"]


def test_values() -> None:
    """Numbers and addresses are decoded by their type."""
    attributes = TypedAttributes(((4, bytes((192, 0, 2, 1))), (5, b"\0\0\x01\0"), (95, bytes(15) + b"\x01")))
    addresses = [attributes.address(name) for name in ("NAS-IP-Address", "NAS-IPv6-Address", "Framed-IP-Address")]
    assert addresses == [ip_address("192.0.2.1"), ip_address("::1"), None]
    assert [attributes.number(name) for name in ("NAS-Port", "NAS-Port-Type")] == [256, None]


@pytest.mark.parametrize(
    ("attributes", "read", "name", "reason"),
    [
        (((4, b"abc"),), TypedAttributes.address, "NAS-IP-Address", "attribute_length"),
        (((4, bytes(16)),), TypedAttributes.address, "NAS-IP-Address", "attribute_length"),
        (((5, b""),), TypedAttributes.number, "NAS-Port", "attribute_length"),
        (((5, bytes(5)),), TypedAttributes.number, "NAS-Port", "attribute_length"),
        (((95, b"\x20\x01"),), TypedAttributes.address, "NAS-IPv6-Address", "attribute_length"),
        (((95, bytes(4)),), TypedAttributes.address, "NAS-IPv6-Address", "attribute_length"),
        (((5, bytes(4)), (5, bytes(4))), TypedAttributes.number, "NAS-Port", "attribute_twice"),
    ],
)
def test_bad_values(
    attributes: tuple[tuple[int, bytes], ...], read: Callable[[TypedAttributes, str], object], name: str, reason: str
) -> None:
    """A value of the wrong length, or two where one belongs, is an error."""
    with pytest.raises(BadMessageError) as caught:
        read(TypedAttributes(attributes), name)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "value", "tag", "expected"),
    [
        ("Filter-Id", "staff", 0, b"staff"),
        ("Filter-Id", "süd", 0, b"s\xc3\xbcd"),
        ("Filter-Id", "x" * 253, 0, b"x" * 253),
        ("Class", "0x41", 0, b"0x41"),
        ("Class", "65", 0, b"65"),
        ("Session-Timeout", 28800, 0, b"\0\0\x70\x80"),
        ("Session-Timeout", 2**32 - 1, 0, b"\xff\xff\xff\xff"),
        ("Service-Type", "Administrative", 0, b"\0\0\0\x06"),
        ("Service-Type", "Administrative-User", 0, b"\0\0\0\x06"),
        ("Service-Type", 6, 0, b"\0\0\0\x06"),
        ("Framed-IP-Address", "192.0.2.10", 0, bytes((192, 0, 2, 10))),
        ("Framed-IPv6-Address", "2001:db8::1", 0, b"\x20\x01\x0d\xb8" + bytes(11) + b"\x01"),
        ("Framed-IPv6-Prefix", "2001:db8::/32", 0, b"\0\x20\x20\x01\x0d\xb8" + bytes(12)),
        ("Framed-Interface-Id", "1:2:3:4", 0, b"\0\x01\0\x02\0\x03\0\x04"),
        ("Tunnel-Type", "VLAN", 1, b"\x01\0\0\x0d"),
        ("Tunnel-Type", "VLAN", 0, b"\0\0\0\x0d"),
        ("Tunnel-Type", 2**24 - 1, 31, b"\x1f\xff\xff\xff"),
        ("Tunnel-Private-Group-Id", "42", 1, b"\x0142"),
        ("Tunnel-Private-Group-Id", "42", 0, b"42"),
        ("Tunnel-Private-Group-Id", "x" * 252, 1, b"\x01" + b"x" * 252),
        ("Cisco-AVPair", "x" * 247, 0, b"x" * 247),
    ],
)
def test_encoding(name: str, value: str | int, tag: int, expected: bytes) -> None:
    """A value of the configuration becomes the octets that its type wants; numbers in text stay text."""
    assert encode_value(load_definitions()[name], value, tag) == expected


@pytest.mark.parametrize(
    ("name", "value", "tag", "message"),
    [
        ("Filter-Id", "", 0, "is empty"),
        ("Filter-Id", "a\0b", 0, "holds hidden characters"),
        ("Filter-Id", "a\nb", 0, "holds hidden characters"),
        ("Filter-Id", 5, 0, "5 is a number, and text is wanted: put it in quotes"),
        ("Filter-Id", "x" * 254, 0, "has 254 octets, 253 fit"),
        ("Filter-Id", "ü" * 127, 0, "has 254 octets, 253 fit"),
        ("Cisco-AVPair", "x" * 248, 0, "has 248 octets, 247 fit"),
        ("Tunnel-Private-Group-Id", "x" * 253, 1, "has 254 octets, 253 fit"),
        ("Session-Timeout", -1, 0, "-1 is not of type integer"),
        ("Session-Timeout", 2**32, 0, "4294967296 is not of type integer"),
        ("Session-Timeout", "28800", 0, "'28800' is neither a number nor one of its words (it has none)"),
        ("Prompt", "echo", 0, "'echo' is neither a number nor one of its words (No-Echo, Echo)"),
        ("Framed-IP-Address", "192.0.2", 0, "'192.0.2' is not of type ipaddr"),
        ("Framed-IP-Address", "2001:db8::1", 0, "'2001:db8::1' is not of type ipaddr"),
        ("Framed-IP-Address", 3221225985, 0, "3221225985 is a number, and text is wanted: put it in quotes"),
        ("Framed-IPv6-Address", "192.0.2.1", 0, "'192.0.2.1' is not of type ipv6addr"),
        ("Framed-IPv6-Prefix", "192.0.2.0/24", 0, "'192.0.2.0/24' is not of type ipv6prefix"),
        ("Framed-Interface-Id", "1:2:3", 0, "'1:2:3' is not of type ifid"),
        ("Tunnel-Type", 2**24, 1, "16777216 is more than three octets hold"),
        ("Tunnel-Type", "VLAN", 32, "a tag is a number from 1 to 31"),
        ("Filter-Id", "staff", 1, "has no tags"),
    ],
)
def test_what_cannot_be_encoded(name: str, value: str | int, tag: int, message: str) -> None:
    """A value that its type cannot hold is refused with the reason, and never cut or guessed."""
    with pytest.raises(ValueError) as caught:
        encode_value(load_definitions()[name], value, tag)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("name", "value", "tag"),
    [
        ("Tunnel-Type", "VLAN", 1),
        ("Tunnel-Medium-Type", "IEEE-802", 1),
        ("Tunnel-Private-Group-Id", "42", 1),
        ("Service-Type", "Framed", 0),
        ("Framed-IPv6-Prefix", "2001:db8::/32", 0),
        ("Cisco-AVPair", "ip:dns-servers=192.0.2.53", 0),
    ],
)
def test_encoding_is_that_of_pyrads_packets(name: str, value: str, tag: int) -> None:
    """Another implementation, which puts tags and vendors into packets by itself, makes the same octets."""
    dictionary = Dictionary()
    for file in FILES:
        dictionary.ReadDictionary(str(ROOT / "radius_server" / "dictionary" / file))
    packet = AuthPacket(code=AccessAccept, dict=dictionary, secret=b"s", authenticator=bytes(16))
    packet.AddAttribute(f"{name}:{tag}" if tag else name, value)
    definition = load_definitions()[name]
    vendor, number = definition.key
    octets = encode_value(definition, value, tag)
    attribute = encode_vendor_attribute(vendor, number, octets) if vendor else (number, octets)
    assert encode_attributes([attribute]) in packet.ReplyPacket()
