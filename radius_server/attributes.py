"""Attributes by name and type, as the shipped dictionary defines them; the only place that knows pyrad.

pyrad reads the dictionary and decodes single values. Its packet decoder is not used: it accepts what
``wire`` must refuse, and its tolerant handling of octets would make different passwords equal.
"""

import functools
import importlib.resources
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from pyrad.dictionary import Dictionary
from pyrad.tools import DecodeAttr

from pushgate.errors import BadMessageError
from radius_server.wire import Attributes, vendor_attributes

HIGHEST_TAG = 0x1F
"""RFC 2868 section 3: a first octet up to this one is a tag, not text."""


@dataclass(frozen=True, slots=True)
class Definition:
    """What the dictionary says about one attribute."""

    name: str
    key: tuple[int, int]
    """Vendor and number; vendor 0 stands for the RFCs."""
    type: str
    tagged: bool


@functools.cache
def load_definitions() -> dict[str, Definition]:
    """Read the shipped dictionary, once (about 2 ms)."""
    with importlib.resources.files("radius_server").joinpath("dictionary/radius.dictionary").open() as file:
        dictionary = Dictionary(file)
    definitions = {}
    for name, attribute in dictionary.attributes.items():
        key = (dictionary.vendors.GetForward(attribute.vendor), attribute.code)
        definitions[name] = Definition(name, key, attribute.type, attribute.has_tag)
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
        return list(_decodable(self.raw(name)))

    def value(self, name: str) -> str | int | None:
        """Return the one value of a number or address attribute; None if absent.

        Raises:
            BadMessageError: for a value of the wrong length, or several values.
        """
        values = self.raw(name)
        if not values:
            return None
        if len(values) > 1:
            raise BadMessageError("attribute_twice", f"{name} occurs {len(values)} times")
        return decode_value(self.definitions[name], values[0])


def decode_value(definition: Definition, value: bytes) -> str | int:
    """Decode a number or address.

    Raises:
        BadMessageError: if the value does not have the length of its type.
    """
    if definition.type == "ipv6addr" and len(value) != 16:
        # pyrad fills shorter ones up with zeros.
        raise BadMessageError("attribute_length", f"{definition.name} has {len(value)} octets")
    try:
        decoded: str | int = DecodeAttr(definition.type, value)
    except (ValueError, KeyError, AttributeError, struct.error) as error:
        raise BadMessageError("attribute_length", f"{definition.name} has {len(value)} octets") from error
    return decoded


def _decodable(values: Iterable[bytes]) -> Iterable[str]:
    for value in values:
        try:
            yield value.decode("utf-8")
        except UnicodeDecodeError:
            continue
