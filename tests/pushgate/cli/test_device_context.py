"""Reading and showing a login as the authority describes it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.cli.device_context import read_context, read_pending, rows
from pushgate.errors import BadMessageError
from pushgate.text import clean
from tests.support.devices import NONCE, SESSION_ID, context, session


def test_pending_login() -> None:
    """A session of the list becomes a login whose ctx is kept to the byte."""
    ctx = json.dumps(context(), indent=3)
    login = read_pending(session(ctx=ctx, waiting={"count": 2, "from": ["198.51.100.1"]}))
    assert (login.id, login.ctx, login.nonce, login.expires_in) == (SESSION_ID, ctx, NONCE, 57.3)
    assert (login.waiting, login.context) == (("198.51.100.1", ""), context())


@pytest.mark.parametrize(
    "changes",
    [
        {"id": None},
        {"id": ""},
        {"id": "../self"},
        {"id": "a" * 65},
        {"ctx": 7},
        {"nonce": None},
        {"nonce": "n" * 65},
        {"expires_in": True},
        {"expires_in": float("nan")},
        {"expires_in": "57"},
        {"expires_in": 10**400},
        {"expires_in": -1},
    ],
    ids=str,
)
def test_malformed_session(changes: dict[str, Any]) -> None:
    """A session of another form is refused, so that no path or text is built of it."""
    with pytest.raises(BadMessageError) as refusal:
        read_pending({**session(), **changes})
    assert refusal.value.reason == "bad_session"


def test_session_that_is_no_object() -> None:
    """A list entry that is no object is refused."""
    with pytest.raises(BadMessageError):
        read_pending(["id"])


@pytest.mark.parametrize(
    "ctx",
    [
        "",
        "[]",
        "null",
        '{"v":2}',
        '{"v":true}',
        "{}",
        '{"v":1,"host":"a","host":"b"}',
        '{"v":1,"attributes":[{"key":"a","value":"b","value":"c"}]}',
        '{"v":1,"host":"a","h\\u006fst":"b"}',
        '{"v":1} ' + " " * 65536,
        '{"v":1,"host":"\ud800"}',
        "[" * 60000,
    ],
    ids=lambda ctx: ascii(ctx[:40]),
)
def test_ctx_that_cannot_be_shown_safely(ctx: str) -> None:
    """A ctx that two readers could read in two ways is refused instead of signed."""
    with pytest.raises(BadMessageError) as refusal:
        read_context(ctx)
    assert refusal.value.reason == "bad_ctx"


def test_rows_of_a_sudo() -> None:
    """Every value of a context is shown, under our label or its own, and only empty ones are left out."""
    shown = list(rows(context(service="sudo", account="root", command="id -u", tty="pts/3", extra=[1])))
    assert shown == [
        ("Authority", "auth.example.org"),
        ("Who", "alice"),
        ("Account", "root"),
        ("Service", "sudo"),
        ("Host", "web1"),
        ("Command", "id -u"),
        ("Terminal", "pts/3"),
        ("From", "203.0.113.7 (as the service reports it)"),
        ("Started", "2026-11-21 21:53:20 UTC"),
        ("Expires", "2026-11-21 21:54:50 UTC"),
        ("Domain", "default"),
        ("Asked by", "default"),
        ("Number needed", "false"),
        ("Nonce of the asker", NONCE),
        ("Version", "1"),
        ("· IP Address", "203.0.113.7"),
        ("· Host", "web1"),
        ("other: extra", "[1]"),
    ]


@pytest.mark.parametrize(
    ("ip", "kind", "expected"),
    [
        ("", "unknown", "address unknown"),
        ("", "", "address unknown"),
        ("", "local", "address unknown (on the machine, outside ssh)"),
        ("203.0.113.7", "nas", "203.0.113.7 (as the network device reports it)"),
        ("203.0.113.7", "unknown", "203.0.113.7 (unknown)"),
        ("203.0.113.7", "guess\x1b", "203.0.113.7 (guess\\x1b)"),
        (None, None, "address unknown"),
    ],
)
def test_origin(ip: str | None, kind: str | None, expected: str) -> None:
    """The address is shown with how it is known; one that is not known is said to be so."""
    assert dict(rows(context(ip=ip, origin_kind=kind)))["From"] == expected


def test_hostile_values_are_shown_whole_and_visible() -> None:
    """An attacker's command neither steers the terminal nor hides its end."""
    command = "\x1b[2J\u202e" + "x" * 5000 + "; rm -rf /"
    assert dict(rows(context(command=command)))["Command"] == "\\x1b[2J\\u202e" + "x" * 5000 + "; rm -rf /"


def test_attributes_of_another_form_are_shown_as_they_are() -> None:
    """Attributes that are no pairs of texts are shown as JSON, not dropped."""
    assert list(rows({"v": 1, "attributes": [{"key": "a", "value": "b", "more": 1}]}))[-1] == (
        "· attributes",
        '[{"key": "a", "value": "b", "more": 1}]',
    )


def test_time_of_another_form_is_shown_as_it_is() -> None:
    """A time that is no number of seconds is shown as it was sent."""
    shown = dict(rows(context(created="today", expires=10**20)))
    assert (shown["Started"], shown["Expires"]) == ("today", str(10**20))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(sorted(context())) | st.text(), json_values))
def test_any_context_is_shown_clean_or_refused(values: dict[str, Any]) -> None:
    """Whatever an authority sends is refused, or shown without a single hidden character."""
    read = read_context(json.dumps({**values, "v": 1}))
    for label, value in rows(read):
        assert (clean(label, 10**6), clean(value, 10**6)) == (label, value)
