import json
import sqlite3

import pytest
from aiohttp import web

from push_authority.api.exchange import as_api_error, error_body, number_value, parse_json, text_field
from push_authority.errors import ApiError, StoreBusyError, StoreFailedError


@pytest.mark.parametrize(
    "body", [b"", b"{", b'{"a":1}]}', b"\xff", b"NaN", b'{"a":Infinity}', b"[" * 50_000, b"9" * 5000, b"{'a':1}"]
)
def test_other_bytes_are_no_json(body: bytes) -> None:
    """Cut, doubled, deeply nested, enormous and non-UTF-8 text is refused as invalid, without another exception."""
    with pytest.raises(ApiError) as refusal:
        parse_json(body)
    assert (refusal.value.status, refusal.value.code) == (400, "badrequest")


def test_text_fields_have_type_and_limit() -> None:
    """A text may be absent where it has a default; other types and longer texts are refused."""
    assert text_field({}, "a", 3) == ""
    assert text_field({"a": None}, "a", 3) == ""
    assert text_field({"a": "abc"}, "a", 3, None) == "abc"
    for value in ("abcd", 1, [], {}, True, None):
        with pytest.raises(ApiError):
            text_field({"a": value}, "a", 3, None)


@pytest.mark.parametrize(
    "value", [True, "1", None, float("nan"), float("inf"), -1, 31, [], pytest.param(10**400, id="huge")]
)
def test_numbers_have_bounds(value: object) -> None:
    """What is no finite number within its bounds is refused."""
    assert number_value(30, "wait", 0, 30) == 30.0
    with pytest.raises(ApiError):
        number_value(value, "wait", 0, 30)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ApiError(410, "gone", "too late"), (410, "gone")),
        (web.HTTPNotFound(), (404, "notfound")),
        (web.HTTPMethodNotAllowed("PATCH", ["GET"]), (405, "methodnotallowed")),
        (web.HTTPRequestEntityTooLarge(max_size=1, actual_size=2), (413, "toolarge")),
        (StoreBusyError(), (503, "unavailable")),
        (StoreFailedError("disk I/O error"), (503, "unavailable")),
        (sqlite3.OperationalError("no such table: secret"), (500, "internal")),
        (KeyError("secret"), (500, "internal")),
    ],
)
def test_every_exception_becomes_an_answer(error: Exception, expected: tuple[int, str]) -> None:
    """Whatever a handler raises has a documented answer that tells nothing of the inside."""
    told = as_api_error(error)
    assert (told.status, told.code) == expected
    assert "secret" not in told.message


def test_refusal_has_both_keys() -> None:
    """LoginTC's clients need an entry with code and message; ours may have more beside it."""
    body = json.loads(error_body("gone", "too late", {"state": "expired"}))
    assert body == {"errors": [{"code": "api.error.gone", "message": "too late"}], "state": "expired"}
