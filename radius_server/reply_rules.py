"""Attributes of an Access-Accept by group and factor, compiled when the configuration is loaded.

What an Access-Accept may hold is a list of what is permitted (RFC 2865 section 5.44 and the tables of later RFCs).
No rule repeats anything that a user typed: chosen text in a reply is what MD5 collisions are made of.
"""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field

from pushgate.decision import Decision
from pushgate.errors import BadMessageError, ConfigurationError, PushgateError
from radius_server.attributes import Definition, encode_value, load_definitions
from radius_server.wire import (
    MAX_PACKET,
    MAX_VALUE,
    VENDOR_SPECIFIC,
    encode_attributes,
    encode_vendor_attribute,
    vendor_attributes,
)

Key = tuple[int, int]
"""Vendor and number; vendor 0 stands for the RFCs."""

PERMITTED = frozenset(
    {
        *range(6, 17),  # Service-Type to Login-TCP-Port
        *(19, 20, 22, 23, 25, 27, 28, 29, 62),  # Callback, routes, Class, timeouts, Port-Limit
        *(56, 57, 58),  # RFC 4675: VLANs
        *(64, 65, 66, 67, 81, 82, 83, 90, 91),  # RFC 2868: tunnels, without the password, which has to be hidden
        *(85, 88, 89, 92, 123, 135, 136),  # RFC 2869, 4372, 4849, 4818, 5607
        *(96, 97, 98, 99, 100, *range(168, 173)),  # RFC 3162, 6911
    }
)
ONCE: frozenset[tuple[int, int]] = frozenset(
    (0, number) for number in (*range(6, 11), 12, 13, 15, 16, 19, 20, 23, 27, 28, 29, 57, 62, 85, 88, 89, 96, 100, 136)
)
"""Those of which the tables allow no second one."""

MICROSOFT_PERMITTED = frozenset(range(28, 32))
"""Addresses of servers. The others answer MS-CHAP, or are keys that are hidden anew for each packet (RFC 2548)."""
MICROSOFT = 311

CLASS: Key = (0, 25)
PLACEHOLDER = re.compile(r"\{\w*\}")
AUDIT_ID = "{audit_id}"
LONGEST_AUDIT_ID = 32
OTHERS = 20 + 18 + 2 + MAX_VALUE
"""Octets that every Access-Accept needs: header, Message-Authenticator, one Reply-Message."""

Value = str | int


@dataclass(frozen=True, slots=True)
class ReplyAttribute:
    """One attribute, ready for the wire but for the audit id."""

    key: Key
    number: int
    pieces: tuple[bytes, ...] = field(repr=False)
    """The value, cut where the audit id belongs."""

    def build(self, audit_id: str) -> tuple[int, bytes]:
        """Return number and value.

        Raises:
            BadMessageError: if the audit id is needed and there is none.
        """
        if len(self.pieces) > 1 and not audit_id:
            raise BadMessageError("audit_id_missing")
        return self.number, audit_id.encode().join(self.pieces)


@dataclass(frozen=True, slots=True)
class ReplyRule:
    """Attributes for those who meet every condition; None is no condition."""

    attributes: tuple[ReplyAttribute, ...]
    groups: frozenset[str] | None = None
    """Member of one of these."""
    factors: frozenset[str] | None = None
    """Let in by one of these."""

    def matches(self, groups: Set[str], factor: str) -> bool:
        """Whether the rule is for a person of these groups who was let in by this factor."""
        return (self.groups is None or not self.groups.isdisjoint(groups)) and (
            self.factors is None or factor in self.factors
        )


def attributes_for(rules: Iterable[ReplyRule], decision: Decision) -> tuple[tuple[int, bytes], ...]:
    """Return what an Access-Accept carries: what an upstream server said, then what the rules add.

    A rule replaces what stood there before under the same name: what an earlier rule, or the upstream server, said.

    Raises:
        BadMessageError: if it cannot be built, or holds what no Access-Accept may; then nobody is to be let in.
    """
    if not decision.accept:
        return ()
    chosen: dict[Key, list[tuple[int, bytes]]] = {}
    for rule in rules:
        if not rule.matches(decision.groups, decision.factor):
            continue
        said: dict[Key, list[tuple[int, bytes]]] = {}
        for attribute in rule.attributes:
            said.setdefault(attribute.key, []).append(attribute.build(decision.audit_id))
        chosen.update(said)
    built = [attribute for values in chosen.values() for attribute in values]
    return (*_relayed(decision.attributes, chosen.keys()), *built)


def _relayed(attributes: Iterable[tuple[int, bytes]], replaced: Set[Key]) -> Iterator[tuple[int, bytes]]:
    for number, value in attributes:
        inner = list(vendor_attributes(((number, value),)))
        keys = {(vendor, kind) for vendor, kind, _ in inner} or {(0, number)}
        if not all(_permitted(key) for key in keys):
            raise BadMessageError("attribute_not_permitted", f"attribute {number} has no place in an Access-Accept")
        if keys.isdisjoint(replaced):
            yield number, value
        else:
            for vendor, kind, part in inner:
                if (vendor, kind) not in replaced:
                    yield encode_vendor_attribute(vendor, kind, part)


def _permitted(key: Key) -> bool:
    vendor, number = key
    if vendor == 0:
        # A Vendor-Specific body that cannot be taken apart is the vendor's own matter (RFC 2865 section 5.26).
        return number in PERMITTED or number == VENDOR_SPECIFIC
    return vendor != MICROSOFT or number in MICROSOFT_PERMITTED


def definition_to_send(name: str) -> Definition:
    """Return what the dictionary says about an attribute that an Access-Accept may carry.

    Raises:
        PushgateError: for a name that it does not have, or that belongs elsewhere.
    """
    definitions = load_definitions()
    definition = definitions.get(name)
    if definition is None:
        near = difflib.get_close_matches(name, definitions, 1)
        hint = f"do you mean {near[0]}?" if near else "docs/radius.md names the vendors whose attributes are known"
        raise PushgateError("is in no dictionary", hint)
    if not _permitted(definition.key):
        raise PushgateError("has no place in an Access-Accept of ours", "remove it")
    return definition


def compile_rule(
    where: str,
    add: Mapping[str, Value | Sequence[Value]],
    groups: Iterable[str] | None = None,
    factors: Iterable[str] | None = None,
) -> ReplyRule:
    """Turn one rule of the configuration into octets.

    Args:
        where: Whose rule it is, for messages.
        add: Values by attribute name; ``Tunnel-Type:1`` has the tag 1.
        groups: A group that the person must be in; None: anybody.
        factors: How the person was let in; None: anyhow.

    Raises:
        ConfigurationError: naming every attribute that cannot be sent.
    """
    problems: list[PushgateError] = []
    attributes: list[ReplyAttribute] = []
    for key, values in add.items():
        name, colon, tag = key.partition(":")
        try:
            if colon and not (tag.isascii() and tag.isdigit() and int(tag)):
                raise PushgateError(f"{tag!r} is no tag", "write a number from 1 to 31 behind the colon")
            definition = definition_to_send(name)
            listed = (values,) if isinstance(values, str | int) else values
            if len(listed) > 1 and definition.key in ONCE:
                raise ValueError("may stand there once")
            attributes.extend([_compile(definition, value, int(tag or 0)) for value in listed])
        except PushgateError as error:
            problems.append(PushgateError(f"{where}.{key}: {error.message}", error.hint))
        except ValueError as error:
            problems.append(PushgateError(f"{where}.{key}: {error}", "docs/radius.md has examples"))
    size = OTHERS + len(encode_attributes(attribute.build("-" * LONGEST_AUDIT_ID) for attribute in attributes))
    if size > MAX_PACKET:
        problems.append(PushgateError(f"{where}: {size} octets, {MAX_PACKET} fit into a packet", "send less"))
    if problems:
        raise ConfigurationError(problems)
    return ReplyRule(
        tuple(attributes),
        None if groups is None else frozenset(groups),
        None if factors is None else frozenset(factors),
    )


def _compile(definition: Definition, value: Value, tag: int) -> ReplyAttribute:
    placeholders = PLACEHOLDER.findall(value) if isinstance(value, str) else []
    if placeholders and not (definition.key == CLASS and set(placeholders) == {AUDIT_ID}):
        raise ValueError(f"holds {placeholders[0]}, but only Class may hold anything, and that is {AUDIT_ID}")
    octets = encode_value(definition, value, tag)
    pieces = tuple(octets.split(AUDIT_ID.encode()))
    vendor, number = definition.key
    if vendor:
        number, wrapped = encode_vendor_attribute(vendor, number, octets)
        pieces = (wrapped,)
    if sum(map(len, pieces)) + LONGEST_AUDIT_ID * (len(pieces) - 1) > MAX_VALUE:
        raise ValueError(f"is longer than {MAX_VALUE} octets with an audit id in it")
    return ReplyAttribute(definition.key, number, pieces)
