"""The shipped dictionary, and attributes by name."""

import pytest

from pushgate.errors import BadMessageError
from radius_server.attributes import Definition, TypedAttributes, decode_value, load_definitions
from radius_server.wire import VENDOR_SPECIFIC, encode_attributes, encode_vendor_attribute

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
    values = [attributes.value(name) for name in ("NAS-IP-Address", "NAS-Port", "NAS-IPv6-Address", "NAS-Port-Type")]
    assert values == ["192.0.2.1", 256, "::1", None]


@pytest.mark.parametrize(
    ("attributes", "name", "reason"),
    [
        (((4, b"abc"),), "NAS-IP-Address", "attribute_length"),
        (((5, b""),), "NAS-Port", "attribute_length"),
        (((95, b"\x20\x01"),), "NAS-IPv6-Address", "attribute_length"),
        (((5, bytes(4)), (5, bytes(4))), "NAS-Port", "attribute_twice"),
    ],
)
def test_bad_values(attributes: tuple[tuple[int, bytes], ...], name: str, reason: str) -> None:
    """A value of the wrong length, or two where one belongs, is an error."""
    with pytest.raises(BadMessageError) as caught:
        TypedAttributes(attributes).value(name)
    assert caught.value.reason == reason


def test_unknown_type() -> None:
    """A type that cannot be decoded is an error of the message, not a crash."""
    with pytest.raises(BadMessageError):
        decode_value(Definition("Odd", (0, 200), "tlv", tagged=False), b"abc")
