"""ThreatWinds' messages: both documented shapes, and what an attacker or a broken server could send in their place."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from pushgate.http import Reply
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.threatwinds_wire import (
    Listed,
    Session,
    create_body,
    failure_of_create,
    failure_of_session,
    is_acknowledged,
    leftovers,
    read_code,
    read_session,
    read_sessions,
    read_time,
    read_verified,
    seconds_left,
    verification_body,
)

ID = "5f35d2c4-5633-4b16-bbf0-5ca22ef8ea2e"
TRACE = "0b9b2e3c-9f0e-4c58-9d2d-0a8f4f5f6a7b"
CREATED = {"bearer": "b" * 64, "sessionID": ID, "expireAt": 1674492894, "verificationCodeID": "c1"}
SESSION = Session(ID, "b" * 64, "c1", "verificationCodeID", 1674492894.0)


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    """Make a reply with headers."""
    return Reply(status, body, headers=CIMultiDict({key.replace("_", "-"): value for key, value in headers.items()}))


@pytest.mark.parametrize(
    ("body", "session"),
    [
        (CREATED, SESSION),
        (CREATED | {"expireAt": "2023-01-23T16:54:54Z"}, SESSION),
        (CREATED | {"expireAt": None}, Session(ID, "b" * 64, "c1")),
        (
            {"bearer": "b", "sessionID": "i", "verificationCodeId": "c1", "expireAt": 7},
            Session("i", "b", "c1", "verificationCodeId", 7.0),
        ),
        # Not hex, as one of the documented ids.
        (
            CREATED | {"sessionID": "6a2b4c5d-6e7f-8g9h"},
            Session("6a2b4c5d-6e7f-8g9h", "b" * 64, "c1", expire_at=1674492894.0),
        ),
        # It cannot be verified, but it can be closed.
        ({"bearer": "b", "sessionID": "i"}, Session("i", "b")),
        ({"bearer": "b", "sessionID": "i", "verificationCodeID": 12}, Session("i", "b")),
        ({"sessionID": "i", "verificationCodeID": "c"}, None),
        ({"bearer": "b", "verificationCodeID": "c"}, None),
        ({"bearer": "b\r\nX-Evil: 1", "sessionID": "i", "verificationCodeID": "c"}, None),
        ({"bearer": "b", "sessionID": "..", "verificationCodeID": "c"}, None),
        ({"bearer": "b", "sessionID": "a b", "verificationCodeID": "c"}, None),
        ({"bearer": "b", "sessionID": "i" * 129, "verificationCodeID": "c"}, None),
        ({"bearer": ["b"], "sessionID": "i", "verificationCodeID": "c"}, None),
        ([], None),
        (None, None),
        ("text", None),
    ],
)
def test_a_created_session_is_read_in_both_shapes(body: Any, session: Session | None) -> None:
    """A server that spells keys and times in either documented way is understood; what cannot be used is not."""
    assert read_session(Reply(200, body)) == session


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1674492894, 1674492894.0),
        (1674492894.5, 1674492894.5),
        ("1674492894", 1674492894.0),
        ("2023-01-23T16:54:54Z", 1674492894.0),
        ("2023-01-23T16:54:54.123456789Z", 1674492894.123456),
        ("2023-01-23T18:54:54+02:00", 1674492894.0),
        ("2023-01-23T16:54:54", None),
        ("soon", None),
        ("", None),
        ("9" * 64, None),
        (True, None),
        (0, None),
        (-5, None),
        (10**400, None),
        (float("nan"), None),
        (float("inf"), None),
        (None, None),
        ([1674492894], None),
    ],
)
def test_a_time_is_read_as_seconds_or_rfc_3339(value: Any, seconds: float | None) -> None:
    """A server that writes ``expireAt`` in either way means the same moment; anything else means none."""
    assert read_time(value) == seconds


def test_a_session_lives_by_the_clock_of_its_server() -> None:
    """A machine whose clock is hours wrong still knows how long a session lives."""
    here = datetime(2023, 1, 23, 10, 0, 0, tzinfo=UTC)
    dated = reply(200, CREATED, Date="Mon, 23 Jan 2023 16:53:54 GMT")
    assert seconds_left(1674492894.0, dated, here) == 60
    assert seconds_left(1674492894.0, reply(200), here) == 6 * 3600 + 54 * 60 + 54
    assert seconds_left(1674492894.0, reply(200, Date="rubbish"), here) == 6 * 3600 + 54 * 60 + 54
    endless = reply(200, Date="Mon, 23 Jan 99999999999999999999 16:53:54 GMT")
    assert seconds_left(1674492894.0, endless, here) == 6 * 3600 + 54 * 60 + 54
    assert seconds_left(1674492894.0, reply(200, Date="Mon, 23 Jan 2023 16:54:54 GMT"), here) is None
    assert seconds_left(None, dated, here) is None


def test_the_bodies_are_those_of_the_documents() -> None:
    """ThreatWinds is sent what its page says, and ``kind`` only where somebody configured it."""
    assert create_body("john@doe.net", None) == {"email": "john@doe.net"}
    assert create_body("john@doe.net", "standard") == {"email": "john@doe.net", "kind": "standard"}
    assert verification_body(SESSION, "012345") == {"verificationCodeID": "c1", "code": "012345"}
    other = Session("i", "b", "c1", "verificationCodeId")
    assert verification_body(other, "1") == {"verificationCodeId": "c1", "code": "1"}


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("012345", "012345"),
        (" 123 456 ", "123456"),
        ("123-456", "123456"),
        ("123\u2013456", "123456"),
        ("\uff11\uff12\uff13456", "123456"),
        ("12345678", "12345678"),
        ("aB3dE6", "aB3dE6"),
        ("", None),
        ("---", None),
        ("12345\u0661", None),
        ("123456;", None),
        ("1" * 65, None),
        ("12\x0034", None),
    ],
)
def test_a_code_is_taken_as_people_write_it(typed: str, code: str | None) -> None:
    """A person may type blanks, hyphens and full-width digits; leading zeros stay."""
    assert read_code(typed) == code


@pytest.mark.parametrize(
    ("answer", "acknowledged"),
    [
        (Reply(200, {"message": "acknowledged"}), True),
        (Reply(202, {"message": "acknowledged"}), True),
        (Reply(204, {"message": "acknowledged"}), False),
        (Reply(400, {"message": "acknowledged"}), False),
        (Reply(200, {"message": "Acknowledged"}), False),
        (Reply(200, {"message": True}), False),
        (Reply(200, ["acknowledged"]), False),
        (Reply(200, None), False),
    ],
)
def test_only_the_exact_word_acknowledges(answer: Reply, acknowledged: bool) -> None:
    """A server that says anything but the documented word has verified nothing."""
    assert is_acknowledged(answer) is acknowledged


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"sessionID": ID, "verified": True}, None),
        ({"sessionID": ID, "verified": False}, FailureKind.DOWNGRADED),
        ({"sessionID": ID, "verified": "true"}, FailureKind.PROTOCOL),
        ({"sessionID": ID, "verified": 1}, FailureKind.PROTOCOL),
        ({"sessionID": ID, "verified": None}, FailureKind.PROTOCOL),
        ({"sessionID": ID}, FailureKind.PROTOCOL),
        ({"sessionID": "another", "verified": True}, FailureKind.PROTOCOL),
        ({"verified": True}, FailureKind.PROTOCOL),
        ([], FailureKind.PROTOCOL),
        (None, FailureKind.PROTOCOL),
    ],
)
def test_only_a_verified_session_of_ours_opens(body: Any, kind: FailureKind | None) -> None:
    """An attacker who is shown as verified in another session, or in other words, gets in nowhere."""
    failed = read_verified(Reply(200, body), SESSION)
    assert (failed.kind if failed else None) == kind


@pytest.mark.parametrize(
    ("status", "kind", "asked"),
    [
        (400, FailureKind.PROTOCOL, False),
        (401, FailureKind.CONFIG, False),
        (403, FailureKind.CONFIG, False),
        (404, FailureKind.NOT_ENROLLED, False),
        (407, FailureKind.CONFIG, False),
        (429, FailureKind.RATE_LIMITED, False),
        (302, FailureKind.PROTOCOL, False),
        (503, FailureKind.UNAVAILABLE, False),
        (500, FailureKind.UNAVAILABLE, True),
        (504, FailureKind.UNAVAILABLE, True),
        (200, FailureKind.PROTOCOL, True),
        (202, FailureKind.PROTOCOL, True),
    ],
)
def test_each_failure_of_a_create_has_its_kind(status: int, kind: FailureKind, asked: bool) -> None:
    """A create that failed says whether a mail may have gone; only an outage that surely mailed nobody may open."""
    failed = failure_of_create(reply(status, None, x_error="words", x_error_id=TRACE))
    assert (failed.kind, failed.asked, failed.status, failed.trace) == (kind, asked, status, TRACE)


@pytest.mark.parametrize(
    ("answer", "words", "trace"),
    [
        (reply(400, None, x_error="in a header", x_error_id=TRACE), "in a header", TRACE),
        (reply(400, {"error": "a text"}, x_error_id=TRACE), "a text", TRACE),
        (reply(400, {"error": {"message": "an object", "error_id": TRACE}}), "an object", TRACE),
        (reply(400, {"error": {"message": 5, "error_id": ["x"]}}, x_error="header", x_error_id="7"), "header", ""),
        (reply(400, {"error": {}}, x_error_id="x" * 36), "", ""),
        (reply(400, {"error": None}), "", ""),
        (reply(400, []), "", ""),
        (reply(400, None, x_error="a\x1b[2Kb"), "a\\x1b[2Kb", ""),
    ],
)
def test_an_error_is_read_from_header_and_body(answer: Reply, words: str, trace: str) -> None:
    """An administrator finds the server's words, cleaned, and its id of the error if it is one, wherever they stand."""
    failed = failure_of_session("verify", answer)
    assert failed.detail == "verify: HTTP 400" + (f": {words}" if words else "")
    assert failed.trace == trace


def test_what_the_server_quotes_of_secrets_is_left_out() -> None:
    """An error that quotes the code or the bearer gets neither into a log."""
    quoting = reply(401, None, x_error="wrong code 123456 for bearer sEcReT")
    assert failure_of_session("verify", quoting, "sEcReT", "123456", "").detail == (
        "verify: HTTP 401: wrong code *** for bearer ***"
    )
    assert "b" * 64 not in repr(SESSION)
    assert "c1" not in repr(SESSION)


def test_a_handle_that_is_gone_has_expired() -> None:
    """A session that the server no longer knows has expired."""
    kinds = {status: failure_of_session("check", Reply(status, None)).kind for status in (404, 410, 429, 500, 302)}
    assert list(kinds.values()) == ["expired", "expired", "rate_limited", "unavailable", "protocol"]


def listed(session_id: str, **more: Any) -> dict[str, Any]:
    """Make an entry of the list."""
    return {"sessionID": session_id, "userAgent": "pushgate/1", "expireAt": 1000, "current": False} | more


def test_a_list_of_sessions_is_read_in_both_shapes() -> None:
    """A server that answers an object or a bare list is understood; entries that cannot be read are left out."""
    entries = [listed("a"), listed("b", current=True, userAgent=None), 5, {"sessionID": "../x y"}, {"sessionID": "c"}]
    expected = [
        Listed("a", is_pushgates=True, current=False, expire_at=1000.0),
        Listed("b", is_pushgates=False, current=True, expire_at=1000.0),
        Listed("c", is_pushgates=False, current=True, expire_at=None),
    ]
    assert read_sessions(Reply(200, {"sessions": entries}), 10) == expected
    assert read_sessions(Reply(200, entries), 10) == expected
    assert read_sessions(Reply(200, entries), 1) == expected[:1]
    assert read_sessions(Reply(401, {"sessions": entries}), 10) == []
    assert read_sessions(Reply(200, {"sessions": "x"}), 10) == []


def test_only_leftovers_of_ours_are_picked() -> None:
    """A person's browser, the login of another daemon and our own stay open; what logins left behind is closed."""
    own = Session("own", "b", "c", expire_at=10_000.0)
    answer = [
        listed("own", expireAt=10_000),
        listed("current", current=True, expireAt=1),
        listed("browser", userAgent="Mozilla/5.0 pushgate/1", expireAt=1),
        listed("other-daemon", expireAt=9_800),
        listed("live", expireAt=1),
        listed("old", expireAt=9_100),
        listed("no-time", expireAt=None),
        listed("noted", expireAt=9_900),
        listed("noted-browser", userAgent="x", expireAt=9_900),
    ]
    entries = read_sessions(Reply(200, answer), 20)
    noted = {"noted", "noted-browser"}
    assert leftovers(entries, own, {"live"}, noted) == ["old", "noted", "noted-browser"]
    assert leftovers(entries, Session("own", "b"), {"live"}, set()) == []


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
)


@given(st.integers(100, 599), json_values | st.fixed_dictionaries({"sessionID": json_values, "verified": json_values}))
def test_no_reply_breaks_the_reading(status: int, body: Any) -> None:
    """A server that sends any JSON at all gets a documented outcome, and opens nothing by it."""
    answer = Reply(status, body)
    read_session(answer)
    read_sessions(answer, 10)
    assert not is_acknowledged(answer)
    assert isinstance(failure_of_create(answer), Failed)
    assert isinstance(failure_of_session("x", answer), Failed)
    assert isinstance(read_verified(answer, SESSION), Failed)
