"""What all of OneLogin's replies have in common: errors, lists, codes."""

from typing import Any

import pytest

from pushgate.http import Reply
from pushgate.outcome import FailureKind
from pushgate.providers.onelogin_devices import Device, Kind
from pushgate.providers.onelogin_wire import doubts_token, failure, meaning_of, message_of, only, read_code, strange


def v1(status: int, message: Any) -> Reply:
    """Make a v1 error; its type says no more than its status."""
    return Reply(status, {"status": {"error": True, "code": status, "type": "Unauthorized", "message": message}})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"status": {"message": "Authentication Failure"}}, "authentication failure"),
        ({"status": {"message": {"description": "OTP token blank", "attribute": "otp"}}}, "otp token blank"),
        ({"statusCode": 401, "name": "InvalidCredentials", "message": "No"}, "no"),
        ({"name": "Invalid", "messages": ["A", "b"]}, "a b"),
    ],
)
def test_a_message_is_found_in_each_documented_shape(body: Any, message: str) -> None:
    """An error of any shape in OneLogin's documents is understood."""
    assert message_of(Reply(400, body)) == message


@pytest.mark.parametrize("body", [None, [], "x", 5, {}, {"status": None}, {"status": {"message": 5}}, {"message": [1]}])
def test_a_body_of_another_shape_has_no_message(body: Any) -> None:
    """An error body that is broken is judged by its status alone."""
    assert message_of(Reply(400, body)) == ""


@pytest.mark.parametrize(
    ("status", "message", "kind"),
    [
        (401, "Authentication Failed: Invalid user credentials", FailureKind.BAD_PASSWORD),
        (400, "password is empty", FailureKind.BAD_PASSWORD),
        (400, "username is empty", FailureKind.PROTOCOL),
        (400, "Invalid subdomain", FailureKind.CONFIG),
        (401, "Failed authentication with this factor", FailureKind.BAD_CODE),
        (400, "State token is invalid or expired", FailureKind.EXPIRED),
        (401, "State token is invalid or expired", FailureKind.EXPIRED),
        (401, "User is locked", FailureKind.LOCKED),
        (403, "User suspended", FailureKind.LOCKED),
        (401, "Authentication Failure", FailureKind.CONFIG),
        (401, "Unauthorized", FailureKind.CONFIG),
        (403, "Insufficient Permissions", FailureKind.CONFIG),
        (407, "", FailureKind.CONFIG),
        (404, "", FailureKind.EXPIRED),
        (410, "", FailureKind.EXPIRED),
        (429, "", FailureKind.RATE_LIMITED),
        (500, "User is locked", FailureKind.UNAVAILABLE),
        (503, "", FailureKind.UNAVAILABLE),
        (302, "", FailureKind.PROTOCOL),
        (418, "", FailureKind.PROTOCOL),
        (204, "", FailureKind.PROTOCOL),
    ],
)
def test_each_error_has_its_kind(status: int, message: str, kind: FailureKind) -> None:
    """A refusal is about the person where its message says so; else its status decides."""
    failed = failure(v1(status, message), "step", asked=True)
    assert (failed.kind, failed.status, failed.asked) == (kind, status, True)
    assert bool(failed.hint) is (kind in (FailureKind.CONFIG, FailureKind.RATE_LIMITED))


def test_only_a_401_without_a_meaning_doubts_the_token() -> None:
    """A wrong password, which has the type of a token that ran out, is not taken for one."""
    assert doubts_token(v1(401, "Authentication Failure"))
    assert doubts_token(Reply(401, None))
    assert not doubts_token(v1(401, "Authentication Failed: Invalid user credentials"))
    assert not doubts_token(v1(401, "Failed authentication with this factor"))
    assert not doubts_token(v1(403, "Authentication Failure"))


def test_a_success_means_no_error() -> None:
    """A message that looks like an error in a success is none."""
    assert meaning_of(v1(200, "Authentication Failed")) is None


def test_a_failure_names_the_request_and_no_message() -> None:
    """An administrator finds OneLogin's name of the request; its own words, which may hold anything, stay out."""
    failed = strange(Reply(200, None, headers={"X-Request-Id": "r-1\x1b"}), "users", "no list", asked=False)
    assert (failed.trace, failed.detail) == ("r-1\\x1b", "users: no list")
    assert "secret" not in repr(failure(v1(401, "secret"), "step", asked=True))


@pytest.mark.parametrize(
    ("body", "found"),
    [({"a": 1}, {"a": 1}), ([{"a": 1}], {"a": 1}), ([], {}), ([{}, {}], {}), (None, {}), ("x", {}), ([["a"]], {})],
)
def test_one_object_may_stand_in_a_list(body: Any, found: Any) -> None:
    """A reply is read as a list or an object; two objects are none, as nobody could say which is meant."""
    assert only(body) == found


AUTHENTICATOR, PHONE = Device(1, Kind.CODE), Device(2, Kind.SMS)
YUBIKEY = Device(3, Kind.CODE, modhex=True)
PRESSED = "cccjgjgkhcbbirdrfdnlnghhfgrtnnlgedjlftrbdeut"


@pytest.mark.parametrize(
    ("typed", "device", "code"),
    [
        ("012345", AUTHENTICATOR, "012345"),
        (" 123 456 ", AUTHENTICATOR, "123456"),
        ("123-456", AUTHENTICATOR, "123456"),
        ("\uff11\uff12\uff13\uff14\uff15\uff16", AUTHENTICATOR, "123456"),
        ("12345678", AUTHENTICATOR, "12345678"),
        ("123456789", AUTHENTICATOR, "123456789"),
        ("12345", AUTHENTICATOR, ""),
        ("1234567890", AUTHENTICATOR, ""),
        ("\u0661\u0662\u0663\u0664\u0665\u0666", AUTHENTICATOR, ""),
        ("12ab56", AUTHENTICATOR, ""),
        ("12ab56", PHONE, "12ab56"),
        ("password1", PHONE, "password1"),
        ("push", PHONE, ""),
        (PRESSED, AUTHENTICATOR, ""),
        (PRESSED, YUBIKEY, PRESSED),
        ("012345", YUBIKEY, "012345"),
        ("", AUTHENTICATOR, ""),
    ],
)
def test_a_code_is_read_as_people_write_it(typed: str, device: Device, code: str) -> None:
    """A person may group digits; what can be no code of the device is not sent."""
    assert read_code(typed, device) == code
