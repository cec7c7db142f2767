"""Attributes by name and type, as the shipped dictionary defines them; the only place that knows pyrad.

pyrad reads the dictionary and encodes single values. Its decoders are not used: they accept what ``wire`` must refuse,
fill short addresses up with zeros, and their tolerant handling of octets would make different passwords equal.
"""

import functools
import importlib.resources
import ipaddress
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pyrad.dictionary import Dictionary
from pyrad.tools import EncodeAttr

from pushgate.errors import BadMessageError
from radius_server.wire import MAX_VALUE, Attributes, vendor_attributes

FILES = ("radius.dictionary", "vendors.dictionary")
VENDOR_OVERHEAD = 6
"""Octets of a Vendor-Specific value before that of its one sub-attribute (RFC 2865 section 5.26)."""

HIGHEST_TAG = 0x1F
"""RFC 2868 section 3: a first octet up to this one is a tag, not text."""

LENGTHS = {"integer": 4, "ipaddr": 4, "ipv6addr": 16}
REMEMBERED_ADDRESSES = 4096
"""Of those that stand in requests: the same few appliances come again and again."""

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True, slots=True)
class Definition:
    """What the dictionary says about one attribute."""

    name: str
    key: tuple[int, int]
    """Vendor and number; vendor 0 stands for the RFCs."""
    type: str
    tagged: bool
    values: Mapping[str, int] = field(default_factory=dict, compare=False)
    """Numbers that have a name."""


@functools.cache
def load_definitions() -> dict[str, Definition]:
    """Read the shipped dictionary, once (about 2 ms)."""
    dictionary = Dictionary()
    for name in FILES:
        with importlib.resources.files("radius_server").joinpath("dictionary", name).open() as file:
            dictionary.ReadDictionary(file)
    definitions = {}
    for name, attribute in dictionary.attributes.items():
        key = (dictionary.vendors.GetForward(attribute.vendor), attribute.code)
        values = {word: int.from_bytes(octets, "big") for word, octets in attribute.values.forward.items()}
        definitions[name] = Definition(name, key, attribute.type, attribute.has_tag, values)
    return definitions


class TypedAttributes:
    """The attributes of one packet by the names of the dictionary."""

    def __init__(self, attributes: Attributes) -> None:
        self.definitions = load_definitions()
        self.found: dict[tuple[int, int], list[bytes]] = {}
        for code, value in attributes:
            self.found.setdefault((0, code), []).append(value)
        for vendor, code, value in vendor_attributes(attributes):
            self.found.setdefault((vendor, code), []).append(value)

    def raw(self, name: str) -> list[bytes]:
        """Return every value as it stands on the wire, without its tag."""
        definition = self.definitions[name]
        values = self.found.get(definition.key, [])
        if not definition.tagged:
            return values
        return [value[1:] if value and value[0] <= HIGHEST_TAG else value for value in values]

    def texts(self, name: str) -> list[str]:
        """Return every value that is text in UTF-8; others are as good as absent."""
        values = self.raw(name)
        return list(_decodable(values)) if values else []

    def number(self, name: str) -> int | None:
        """Return the one value of a number; None if absent.

        Raises:
            BadMessageError: for a value of the wrong length, or several values.
        """
        octets = self._single(name)
        return None if octets is None else int.from_bytes(octets, "big")

    def address(self, name: str) -> IPAddress | None:
        """Return the one value of an address; None if absent.

        Raises:
            BadMessageError: for a value of the wrong length, or several values.
        """
        octets = self._single(name)
        return None if octets is None else read_address(octets)

    def _single(self, name: str) -> bytes | None:
        values = self.raw(name)
        if not values:
            return None
        if len(values) > 1:
            raise BadMessageError("attribute_twice", f"{name} occurs {len(values)} times")
        if len(values[0]) != LENGTHS[self.definitions[name].type]:
            raise BadMessageError("attribute_length", f"{name} has {len(values[0])} octets")
        return values[0]


@functools.lru_cache(REMEMBERED_ADDRESSES)
def read_address(octets: bytes) -> IPAddress:
    """Read the 4 or 16 octets of an address."""
    return ipaddress.ip_address(octets)


def encode_value(definition: Definition, value: str | int, tag: int = 0) -> bytes:
    """Encode a value as its type wants it; 0 is no tag.

    Raises:
        ValueError: if it cannot be; the text says why, in lower case and without the attribute's name.
    """
    if tag and not definition.tagged:
        raise ValueError("has no tags")
    if not 0 <= tag <= HIGHEST_TAG:
        raise ValueError(f"a tag is a number from 1 to {HIGHEST_TAG}")
    octets = _encode_plain(definition, value)
    if definition.tagged and definition.type == "integer":
        # RFC 2868 section 3.1: the tag takes the place of the highest octet.
        if octets[0]:
            raise ValueError(f"{value!r} is more than three octets hold")
        octets = bytes((tag,)) + octets[1:]
    elif tag:
        octets = bytes((tag,)) + octets
    longest = MAX_VALUE - VENDOR_OVERHEAD if definition.key[0] else MAX_VALUE
    if len(octets) > longest:
        raise ValueError(f"has {len(octets)} octets, {longest} fit")
    return octets


def _encode_plain(definition: Definition, value: str | int) -> bytes:
    if definition.type == "integer":
        number = definition.values.get(value) if isinstance(value, str) else value
        if number is None:
            names = ", ".join(sorted(definition.values, key=definition.values.__getitem__))
            raise ValueError(f"{value!r} is neither a number nor one of its words ({names or 'it has none'})")
        value = number
    elif not isinstance(value, str):
        raise ValueError(f"{value!r} is a number, and text is wanted: put it in quotes")
    elif definition.type in ("string", "octets"):
        # Not pyrad's EncodeOctets: it reads "0x41" and "65" as the octet A. Hidden characters: radcli cuts at NUL.
        if not value or not value.isprintable():
            raise ValueError("is empty" if not value else "holds hidden characters")
        return value.encode()
    try:
        octets: bytes = EncodeAttr(definition.type, value)
    except (ValueError, TypeError, struct.error):
        raise ValueError(f"{value!r} is not of type {definition.type}") from None
    return octets


def _decodable(values: Iterable[bytes]) -> Iterable[str]:
    for value in values:
        try:
            yield value.decode("utf-8")
        except UnicodeDecodeError:
            continue
