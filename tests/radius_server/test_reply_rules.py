"""Attributes of an Access-Accept by group and factor."""

from dataclasses import replace
from typing import Any

import pytest

from pushgate.audit import new_audit_id
from pushgate.decision import Decision, Reason
from pushgate.errors import BadMessageError, ConfigurationError, PushgateError
from radius_server.attributes import TypedAttributes, load_definitions
from radius_server.reply_rules import (
    LONGEST_AUDIT_ID,
    PERMITTED,
    ReplyRule,
    attributes_for,
    compile_rule,
    definition_to_send,
)
from radius_server.wire import encode_attributes, encode_vendor_attribute

ACCEPT = Decision(
    accept=True,
    reason=Reason.APPROVED,
    audit_id="0123456789abcdef",
    factor="push",
    groups=frozenset({"staff", "vpn"}),
)


def rule(add: dict[str, Any], groups: Any = None, factors: Any = None) -> ReplyRule:
    """Compile a rule."""
    return compile_rule("rules.0.add", add, groups, factors)


def problems(add: dict[str, Any]) -> list[tuple[str, str]]:
    """Message and hint of everything that is wrong with a rule."""
    with pytest.raises(ConfigurationError) as caught:
        rule(add)
    return [(problem.message, problem.hint) for problem in caught.value.problems]


def test_a_whole_rule() -> None:
    """An administrator's rule becomes attributes in its order, with tags, vendors and several values."""
    add = {
        "Filter-Id": "staff",
        "Framed-IP-Address": "192.0.2.10",
        "Tunnel-Type:1": "VLAN",
        "Tunnel-Medium-Type:1": "IEEE-802",
        "Tunnel-Private-Group-Id:1": "42",
        "Cisco-AVPair": ["ip:dns-servers=192.0.2.53", "ip:addr-pool=staff"],
        "Fortinet-Group-Name": "staff",
        "Class": "pg-{audit_id}",
        "Session-Timeout": 28800,
    }
    assert attributes_for([rule(add)], ACCEPT) == (
        (11, b"staff"),
        (8, bytes((192, 0, 2, 10))),
        (64, b"\x01\0\0\x0d"),
        (65, b"\x01\0\0\x06"),
        (81, b"\x0142"),
        encode_vendor_attribute(9, 1, b"ip:dns-servers=192.0.2.53"),
        encode_vendor_attribute(9, 1, b"ip:addr-pool=staff"),
        encode_vendor_attribute(12356, 1, b"staff"),
        (25, b"pg-0123456789abcdef"),
        (27, b"\0\0\x70\x80"),
    )


@pytest.mark.parametrize(
    ("groups", "factors", "expected"),
    [
        (None, None, True),
        (["staff"], None, True),
        (["admins", "vpn"], None, True),
        (["admins"], None, False),
        (["Staff"], None, False),
        ([], None, False),
        (None, ["push"], True),
        (None, ["code", "push"], True),
        (None, ["push+number"], False),
        (["staff"], ["code"], False),
        (["admins"], ["push"], False),
        (["staff"], ["push"], True),
    ],
)
def test_conditions(groups: list[str] | None, factors: list[str] | None, expected: bool) -> None:
    """A rule is for those who meet every condition that it names, each by one of its words."""
    found = attributes_for([rule({"Filter-Id": "x"}, groups, factors)], ACCEPT)
    assert found == (((11, b"x"),) if expected else ())


def test_the_same_on_every_way_in() -> None:
    """A person gets the same attributes whichever factor opened the door, if no rule asks for one."""
    rules = [rule({"Filter-Id": "staff", "Class": "{audit_id}"}, ["staff"])]
    answers = {
        attributes_for(rules, replace(ACCEPT, factor=factor))
        for factor in ("push", "push+number", "code", "exempt", "fail_open")
    }
    assert answers == {((11, b"staff"), (25, b"0123456789abcdef"))}


def test_a_rejection_carries_none() -> None:
    """A rejected login gets no attribute, whatever the rules say and an upstream server said."""
    denied = replace(ACCEPT, accept=False, reason=Reason.DENIED, attributes=((27, bytes(4)),))
    assert attributes_for([rule({"Filter-Id": "staff"})], denied) == ()


def test_a_later_rule_replaces() -> None:
    """A later rule replaces what an earlier one said under the same name, and leaves the rest."""
    rules = [
        rule({"Session-Timeout": 28800, "Filter-Id": ["a", "b"]}),
        rule({"Session-Timeout": 3600, "Tunnel-Type:2": "ESP"}, ["vpn"]),
        rule({"Filter-Id": "nobody"}, ["admins"]),
    ]
    assert attributes_for(rules, ACCEPT) == (
        (27, b"\0\0\x0e\x10"),
        (11, b"a"),
        (11, b"b"),
        (64, b"\x02\0\0\x09"),
    )


def test_what_an_upstream_server_said_comes_first() -> None:
    """Relayed attributes come first and unchanged; what a rule says too is the rule's alone."""
    upstream = ((25, b"\0\xff"), (27, b"\0\0\0\x09"), encode_vendor_attribute(9, 1, b"shell:priv-lvl=1"))
    decision = replace(ACCEPT, attributes=upstream)
    assert attributes_for([], decision) == upstream
    assert attributes_for([rule({"Session-Timeout": 60})], decision) == (
        upstream[0],
        upstream[2],
        (27, b"\0\0\0\x3c"),
    )


def test_a_body_of_several_attributes_is_taken_apart() -> None:
    """Of a vendor's body with several attributes only those are replaced that a rule names."""
    body = (12356).to_bytes(4, "big") + encode_attributes([(1, b"old"), (2, b"kept"), (1, b"older")])
    decision = replace(ACCEPT, attributes=((26, body),))
    assert attributes_for([rule({"Fortinet-Group-Name": "new"})], decision) == (
        encode_vendor_attribute(12356, 2, b"kept"),
        encode_vendor_attribute(12356, 1, b"new"),
    )


@pytest.mark.parametrize(
    "attribute",
    [
        (1, b"mallory"),
        (2, bytes(16)),
        (18, b"welcome"),
        (24, b"pg1.stolen"),
        (33, b"proxy"),
        (69, b"\0\x80\x01" + bytes(16)),
        (79, b"\x03\x01\0\x04"),
        (80, bytes(16)),
        (101, bytes(4)),
        encode_vendor_attribute(311, 16, bytes(34)),
        encode_vendor_attribute(311, 26, bytes(43)),
        (26, (311).to_bytes(4, "big") + encode_attributes([(28, bytes(4)), (17, bytes(34))])),
    ],
)
def test_an_upstream_server_cannot_say_everything(attribute: tuple[int, bytes]) -> None:
    """An upstream server that says what is ours to say, or hidden for another packet, lets nobody in."""
    with pytest.raises(BadMessageError) as caught:
        attributes_for([], replace(ACCEPT, attributes=((25, b"x"), attribute)))
    assert caught.value.reason == "attribute_not_permitted"


def test_an_unknown_vendors_body_is_relayed_as_it_is() -> None:
    """A body that cannot be taken apart, whose form is the vendor's own, is relayed unchanged."""
    upstream = ((26, b"\0\0\x01\xad\0\0\0\x05abc"), (26, b"\0\0"))
    assert attributes_for([rule({"Filter-Id": "x"})], replace(ACCEPT, attributes=upstream)) == (
        *upstream,
        (11, b"x"),
    )


def test_no_class_without_an_audit_id() -> None:
    """A decision without an audit id is no Accept where Class shall name it."""
    with pytest.raises(BadMessageError):
        attributes_for([rule({"Class": "{audit_id}"})], replace(ACCEPT, audit_id=""))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("Filter-ID", "x", "is in no dictionary"),
        ("filter-id", "x", "is in no dictionary"),
        ("", "x", "is in no dictionary"),
        ("Filter-Id:1", "x", "has no tags"),
        ("Tunnel-Type:", "VLAN", "'' is no tag"),
        ("Tunnel-Type:0", "VLAN", "'0' is no tag"),
        ("Tunnel-Type:32", "VLAN", "a tag is a number from 1 to 31"),
        ("Tunnel-Type:one", "VLAN", "'one' is no tag"),
        ("Tunnel-Type:\u0661", "VLAN", "'\u0661' is no tag"),
        ("Tunnel-Type:1", "WLAN", "'WLAN' is neither a number nor one of its words"),
        ("Framed-IP-Address", "vpn.example.org", "'vpn.example.org' is not of type ipaddr"),
        ("Session-Timeout", "long", "'long' is neither a number nor one of its words"),
        ("Session-Timeout", [1, 2], "may stand there once"),
        ("Filter-Id", ["ok", ""], "is empty"),
        ("Filter-Id", "x" * 254, "has 254 octets, 253 fit"),
        ("User-Password", "x", "has no place in an Access-Accept of ours"),
        ("User-Name", "x", "has no place in an Access-Accept of ours"),
        ("Message-Authenticator", "x", "has no place in an Access-Accept of ours"),
        ("Proxy-State", "x", "has no place in an Access-Accept of ours"),
        ("State", "x", "has no place in an Access-Accept of ours"),
        ("EAP-Message", "x", "has no place in an Access-Accept of ours"),
        ("Reply-Message", "x", "has no place in an Access-Accept of ours"),
        ("Error-Cause", 407, "has no place in an Access-Accept of ours"),
        ("NAS-IP-Address", "192.0.2.1", "has no place in an Access-Accept of ours"),
        ("MS-CHAP-Error", "x", "has no place in an Access-Accept of ours"),
        ("Tunnel-Password", "x", "is in no dictionary"),
        ("MS-MPPE-Send-Key", "x", "is in no dictionary"),
        ("Vendor-Specific", "x", "is in no dictionary"),
    ],
)
def test_refused_when_loaded(key: str, value: Any, message: str) -> None:
    """What cannot be sent is a fault of the configuration that names the key and says what to do."""
    [(found, hint)] = problems({key: value})
    assert found.startswith(f"rules.0.add.{key}: {message}")
    assert hint


def test_all_faults_at_once() -> None:
    """An administrator with several faults in one rule hears of all, and a misspelt name is recognised."""
    found = problems({"Fliter-Id": "x", "Filter-Id": "x", "State": "x"})
    assert [hint for _, hint in found] == ["do you mean Filter-Id?", "remove it"]


@pytest.mark.parametrize(
    ("key", "value", "placeholder"),
    [
        ("Filter-Id", "{audit_id}", "{audit_id}"),
        ("Cisco-AVPair", "x={audit_id}", "{audit_id}"),
        ("Class", "{user}", "{user}"),
        ("Class", "{audit_id}-{user}", "{audit_id}"),
        ("Class", "{}", "{}"),
    ],
)
def test_nothing_that_a_user_typed(key: str, value: str, placeholder: str) -> None:
    """No rule can put a user's name into an answer, and the audit id stands in Class alone."""
    assert problems({key: value})[0][0].startswith(f"rules.0.add.{key}: holds {placeholder}")


def test_room_for_the_audit_id() -> None:
    """A Class fits with the audit id in it, or is refused when loaded."""
    assert len(new_audit_id()) <= LONGEST_AUDIT_ID
    room = 253 - LONGEST_AUDIT_ID
    fitting = rule({"Class": "x" * room + "{audit_id}"})
    [(_, value)] = attributes_for([fitting], replace(ACCEPT, audit_id="i" * LONGEST_AUDIT_ID))
    assert len(value) == 253
    assert "longer than 253 octets" in problems({"Class": "x" * (room + 1) + "{audit_id}"})[0][0]


def test_room_in_the_packet() -> None:
    """A rule that fits into no packet is refused when loaded."""
    [(message, _)] = problems({"Filter-Id": ["x" * 253] * 16})
    assert message == "rules.0.add: 4373 octets, 4096 fit into a packet"
    assert rule({"Filter-Id": ["x" * 253] * 14})


SAMPLES: dict[str, str | int] = {
    "integer": 7,
    "string": "text",
    "octets": "text",
    "ipaddr": "192.0.2.1",
    "ipv6addr": "2001:db8::1",
    "ipv6prefix": "2001:db8::/32",
    "ifid": "1:2:3:4",
}


def test_whatever_may_be_sent_can_be_sent() -> None:
    """Every attribute of the dictionary is either refused by name or comes back from the wire as it was written."""
    sent = set()
    for name, definition in load_definitions().items():
        try:
            definition_to_send(name)
        except PushgateError:
            continue
        attributes = attributes_for([rule({name: SAMPLES[definition.type]})], ACCEPT)
        assert len(TypedAttributes(attributes).raw(name)) == 1, name
        sent.add(definition.key)
    assert {number for vendor, number in sent if vendor == 0} == PERMITTED


def test_rules_hide_their_values() -> None:
    """A rule in a traceback does not show what it sends."""
    assert "staff" not in repr(rule({"Filter-Id": "staff"}))
