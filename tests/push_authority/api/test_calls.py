import json
from typing import Any

import pytest

from push_authority.api.calls import parse_consumer, parse_page, parse_person, parse_question, parse_wait
from push_authority.apikeys import ApiKey
from push_authority.asking import Question
from push_authority.codes import Kind, TypedCode
from push_authority.errors import ApiError
from push_authority.people import NewPerson

KEY = ApiKey("id", "default", b"", decode_percent_username=False)
DECODING = ApiKey("id", "vpn", b"", decode_percent_username=True)
ALICE = {"username": "alice"}


def parse(
    body: Any, *, native: bool = True, key: ApiKey = KEY, agent: str = "", idempotency_key: str | None = None
) -> Question:
    """Read a create call."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_question(data, key, "d" * 40, 60, native=native, idempotency_key=idempotency_key, agent=agent)


def test_native_call_has_its_context() -> None:
    """All keys of the native form are read; the time-out shortens the life of the session."""
    asked = parse(
        {
            "user": ALICE,
            "attributes": [{"key": "b", "value": "2"}, {"key": "a", "value": "1", "more": True}],
            "ipAddress": "203.0.113.7",
            "context": {"service": "sudo", "host": "web1", "account": "root", "command": "id", "tty": "pts/1"},
            "client_nonce": "AAECAwQFBgcICQoLDA0ODw",
            "timeout": 12.5,
            "unknown": [1],
        }
    )
    context = asked.context
    assert (asked.username, asked.user_id, asked.lifetime, asked.code) == ("alice", None, 12.5, None)
    assert (context.service, context.host, context.account, context.command) == ("sudo", "web1", "root", "id")
    assert (context.tty, context.origin_kind, context.ip) == ("pts/1", "", "203.0.113.7")
    assert context.attributes == (("b", "2"), ("a", "1"))
    assert context.client_nonce == "AAECAwQFBgcICQoLDA0ODw"


def test_plain_call_ignores_what_it_does_not_know() -> None:
    """In LoginTC's form our keys are unknown keys, and unknown keys are ignored."""
    asked = parse({"user": {"id": "a" * 40}, "attributes": None, "context": 7, "timeout": "x"}, native=False)
    assert (asked.user_id, asked.username, asked.lifetime, asked.context.service) == ("a" * 40, None, 60.0, "")


def test_time_out_is_capped() -> None:
    """A caller may shorten the time of a session, not lengthen it."""
    assert parse({"user": ALICE, "timeout": 300}).lifetime == 60.0


@pytest.mark.parametrize(
    ("sent", "number", "draw"),
    [
        ({}, None, False),
        ({"number": None}, None, False),
        ({"number": "show"}, None, True),
        ({"number": "07"}, "07", False),
    ],
)
def test_number_is_drawn_or_taken(sent: dict[str, Any], number: str | None, draw: bool) -> None:
    """A caller has a number drawn or sends the person's own; LoginTC's form knows neither."""
    asked = parse({"user": ALICE, **sent})
    assert (asked.number, asked.draw_number) == (number, draw)
    plain = parse({"user": ALICE, **sent}, native=False)
    assert (plain.number, plain.draw_number) == (None, False)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ({}, None),
        ({"otp": None, "bypasscode": None}, None),
        ({"otp": "123456"}, TypedCode(Kind.OTP, "123456")),
        ({"bypasscode": "123456789"}, TypedCode(Kind.BYPASS, "123456789")),
        ({"otp": "123456", "bypasscode": "1"}, TypedCode(Kind.BYPASS, "1")),
        ({"otp": " 123-456\u00a0"}, TypedCode(Kind.OTP, "123456")),
        ({"otp": "\uff11\uff12\uff13\uff14\uff15\uff16"}, TypedCode(Kind.OTP, "123456")),
        ({"otp": ""}, TypedCode(Kind.OTP, "")),
    ],
)
@pytest.mark.parametrize("native", [True, False])
def test_typed_code_is_seen(sent: dict[str, Any], code: TypedCode | None, native: bool) -> None:
    """A code that came along is seen in either form and in one spelling; a bypass code wins, null is none."""
    assert parse({"user": ALICE, **sent}, native=native).code == code
    assert "123456" not in repr(code)


@pytest.mark.parametrize(
    "body",
    [
        b'{"user":{"username":"alice"},"otp":"123456"]}',
        [],
        {},
        {"user": "alice"},
        {"user": {}},
        {"user": {"id": "A" * 40}},
        {"user": {"id": "a" * 39}},
        {"user": {"id": 7}},
        {"user": {"username": ""}},
        {"user": {"username": "x" * 129}},
        {"user": {"username": "ali\u202ece"}},
        {"user": {"username": "\udc80"}},
        {"user": ALICE, "attributes": {}},
        {"user": ALICE, "attributes": ["x"]},
        {"user": ALICE, "attributes": [{"key": "a"}]},
        {"user": ALICE, "attributes": [{"key": 1, "value": "b"}]},
        {"user": ALICE, "attributes": [{"key": "a", "value": "b"}] * 21},
        {"user": ALICE, "attributes": [{"key": "k" * 65, "value": "b"}]},
        {"user": ALICE, "attributes": [{"key": "k", "value": "v" * 513}]},
        {"user": ALICE, "ipAddress": 7},
        {"user": ALICE, "ipAddress": "1" * 65},
        {"user": ALICE, "context": []},
        {"user": ALICE, "context": {"service": 1}},
        {"user": ALICE, "context": {"command": "x" * 1025}},
        {"user": ALICE, "client_nonce": "short"},
        {"user": ALICE, "client_nonce": 7},
        {"user": ALICE, "otp": 123456},
        {"user": ALICE, "otp": "1" * 65},
        {"user": ALICE, "bypasscode": ["1"]},
        {"user": ALICE, "number": "SHOW"},
        {"user": ALICE, "number": "7"},
        {"user": ALICE, "number": 57},
        {"user": ALICE, "number": "5\uff17"},
        {"user": ALICE, "timeout": 0},
        {"user": ALICE, "timeout": "60"},
        {"user": ALICE, "timeout": True},
    ],
)
def test_broken_create_is_refused(body: Any) -> None:
    """A create call that breaks a rule is refused with 400, the documented invalid example too."""
    with pytest.raises(ApiError) as refusal:
        parse(body)
    assert refusal.value.status == 400


def test_limits_are_inclusive() -> None:
    """Twenty attributes with the longest key and value are accepted."""
    asked = parse({"user": ALICE, "attributes": [{"key": "k" * 64, "value": "v" * 512}] * 20})
    assert len(asked.context.attributes) == 20


@pytest.mark.parametrize("key", ["", "x" * 65, "a b", "é", "a\x00"])
def test_broken_idempotency_key_is_refused(key: str) -> None:
    """An idempotency key of other characters or length is refused."""
    assert parse({"user": ALICE}, idempotency_key="x" * 64).body_hash is not None
    with pytest.raises(ApiError):
        parse({"user": ALICE}, idempotency_key=key)


@pytest.mark.parametrize(
    ("key", "agent", "expected"),
    [
        (DECODING, "LoginTC-C/1.0", "a@b.de"),
        (DECODING, "curl/8", "a%40b.de"),
        (DECODING, "X LoginTC-C/1.0", "a%40b.de"),
        (KEY, "LoginTC-C/1.0", "a%40b.de"),
    ],
)
def test_percent_is_decoded_for_one_client_only(key: ApiKey, agent: str, expected: str) -> None:
    """Only logintc-c's user names are decoded, and only where the key allows it."""
    assert parse({"user": {"username": "a%40b.de"}}, key=key, agent=agent, native=False).username == expected


def test_decoded_name_is_checked_again() -> None:
    """Percent-decoding cannot smuggle a hidden character in."""
    with pytest.raises(ApiError):
        parse({"user": {"username": "a%00b"}}, key=DECODING, agent="LoginTC-C/1.0", native=False)


def test_person_is_read() -> None:
    """Name and address may be absent; the user name may not, and none may deceive."""
    assert parse_person({"username": "bob", "name": "Bob", "email": "b@example.org"}) == NewPerson(
        "bob", "Bob", "b@example.org"
    )
    assert parse_person({"username": "bob", "name": None, "email": ""}) == NewPerson("bob", "", "")
    for broken in ({}, [], {"username": " bob"}, {"username": "bob", "name": "B\u202eob"}, {"username": 1}):
        with pytest.raises(ApiError):
            parse_person(broken)


def test_wait_is_bounded() -> None:
    """A wait of 0 to 30 seconds is read; anything else is refused."""
    assert [parse_wait(query) for query in (None, "0", "25", "0.5", "30")] == [0.0, 0.0, 25.0, 0.5, 30.0]
    for query in ("", "-1", "31", "nan", "inf", "x", "1e3"):
        with pytest.raises(ApiError):
            parse_wait(query)


def test_pages_count_from_one() -> None:
    """A page is a number from 1; none is the first."""
    assert [parse_page(query) for query in (None, "1", "7", "0009")] == [1, 1, 7, 9]
    for query in ("", "0", "-1", "x", "1.0", "\u0661", "9999999"):
        with pytest.raises(ApiError):
            parse_page(query)


def test_consumer_is_a_short_word() -> None:
    """A consumer is 1 to 64 characters of base64url."""
    assert parse_consumer({"consumer": "A-z_9"}) == "A-z_9"
    for broken in ({}, {"consumer": ""}, {"consumer": "a b"}, {"consumer": "x" * 65}, {"consumer": 7}):
        with pytest.raises(ApiError):
            parse_consumer(broken)
