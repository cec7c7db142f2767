"""OneLogin's v1 login: what is sent, and which replies open anything."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.http import Reply
from pushgate.login import Origin
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.onelogin_devices import Device, Kind
from pushgate.providers.onelogin_v1_wire import (
    RightPassword,
    auth_body,
    read_auth,
    read_verify,
    read_verify_code,
    strange_path,
    verify_body,
    wants_code,
)
from tests.support.core import make_login

USER = 88888888
SESSION = {"user": {"id": USER}, "status": "Authenticated", "session_token": "9x8869x31134x7906x6x54474x21x18xxx90857x"}


def reply(kind: Any = "success", message: Any = "Success", **body: Any) -> Reply:
    """Make a v1 reply with status 200."""
    return Reply(200, {"status": {"type": kind, "code": 200, "message": message, "error": False}, **body})


def test_a_password_goes_out_with_three_fields() -> None:
    """A server is sent name, password and subdomain; the address only where the configuration says so."""
    login = make_login(user='D\u00e9p\\\u00e4lice / ? & %"')
    body = {"username_or_email": login.user, "password": "p,w", "subdomain": "jhainc"}
    assert auth_body(login, "p,w", "jhainc", send_ip=False) == body
    assert auth_body(login, "p,w", "jhainc", send_ip=True) == {**body, "ip_address": "203.0.113.7"}
    assert auth_body(make_login(origin=Origin()), "p", "j", send_ip=True).keys() == body.keys()


def test_only_the_first_look_rings() -> None:
    """A person is rung by the first call alone: every other one says do_not_notify."""
    device = Device(999999, Kind.PUSH)
    rings = {"device_id": "999999", "state_token": "t", "do_not_notify": False}
    assert verify_body(device, "t", notify=True) == rings
    assert verify_body(device, "t") == {**rings, "do_not_notify": True}
    assert verify_body(device, "t", code="012345") == {**rings, "do_not_notify": True, "otp_token": "012345"}


@pytest.mark.parametrize("data", [[SESSION], SESSION])
@pytest.mark.parametrize("user", [USER, str(USER)])
def test_success_for_the_same_person_opens(data: Any, user: Any) -> None:
    """A success opens whether its data are a list or an object, and its id a number or a string."""
    body = data[0] if isinstance(data, list) else data
    changed = {**body, "user": {"id": user}}
    assert read_verify(reply(data=[changed] if isinstance(data, list) else changed), str(USER)) == Approved()


@pytest.mark.parametrize(
    "strange",
    [
        reply("Success", data=[SESSION]),
        reply("SUCCESS", data=[SESSION]),
        reply(["success"], data=[SESSION]),
        reply(None, data=[SESSION]),
        reply("approved", data=[SESSION]),
        reply("pending", data=[SESSION]),
        reply(data=[]),
        reply(data=None),
        reply(data="x"),
        reply(data=[SESSION, SESSION]),
        reply(),
        reply(data=[{**SESSION, "session_token": ""}]),
        reply(data=[{**SESSION, "session_token": None}]),
        reply(data=[{**SESSION, "session_token": True}]),
        reply(data=[{**SESSION, "session_token": ["x"]}]),
        reply(data=[{**SESSION, "status": "authenticated"}]),
        reply(data=[{**SESSION, "status": "Pending"}]),
        reply(data=[{**SESSION, "user": {"id": USER + 1}}]),
        reply(data=[{**SESSION, "user": {"id": float(USER)}}]),
        reply(data=[{**SESSION, "user": {"id": [USER]}}]),
        reply(data=[{**SESSION, "user": None}]),
        reply(data=[{**SESSION, "user": {}}]),
        Reply(200, {"status": {"type": "success", "error": True}, "data": [SESSION]}),
        Reply(200, {"status": {"type": "success", "error": "false"}, "data": [SESSION]}),
        Reply(200, {"status": "success", "data": [SESSION]}),
        Reply(200, [SESSION]),
        Reply(200, {}),
        Reply(200, None),
        Reply(200, "success"),
        Reply(201, {"status": {"type": "success", "error": False}, "data": [SESSION]}),
    ],
)
def test_nothing_else_opens(strange: Reply) -> None:
    """A reply that says success in other letters, of another type, or for another person is refused."""
    outcome = read_verify(strange, str(USER))
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    "waiting",
    [
        reply("pending", "SMS token sent to your mobile device. Authentication pending."),
        reply("pending", ""),
        reply("success", "Authentication PENDING on OL Protect"),
        Reply(200, {"status": {"message": {"description": "pending"}}}),
    ],
)
def test_pending_is_known_by_type_or_message(waiting: Reply) -> None:
    """A person who has not answered is waited for, in whichever of the known ways OneLogin says so."""
    assert read_verify(waiting, str(USER)) is None


def test_pending_is_no_answer_to_a_code() -> None:
    """A code that is answered by pending was not checked, and opens nothing."""
    outcome = read_verify_code(reply("pending", ""), str(USER))
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.PROTOCOL
    assert read_verify_code(reply(data=[SESSION]), str(USER)) == Approved(device="code")


MFA: dict[str, Any] = {
    "callback_url": "https://evil.example/verify",
    "user": {"id": USER},
    "devices": [{"device_type": "Google Authenticator", "device_id": 222222}],
    "state_token": "xx5x2x91331x3x3x341xx51176x7xxx182x65xxx",
}


def test_a_right_password_brings_devices_and_no_address() -> None:
    """A right password is read with what it needs to go on; the callback_url is not believed."""
    right = read_auth(reply(message="MFA is required for this user", data=[MFA]))
    assert right == RightPassword(str(USER), (Device(222222, Kind.CODE, "Google Authenticator"),), MFA["state_token"])
    assert "xx5x2" not in repr(right)
    assert "evil" not in repr(right)


def test_success_without_a_second_factor_is_told_apart() -> None:
    """A password after which OneLogin wants nothing more has no state_token."""
    assert read_auth(reply(data=[SESSION])) == RightPassword(str(USER))


@pytest.mark.parametrize(
    "data",
    [
        [{**MFA, "state_token": ""}],
        [{**MFA, "state_token": None}],
        [{**SESSION, "state_token": None}],
        [{**MFA, "state_token": "x" * 5000}],
        [{**MFA, "user": {}}],
        [{"user": {"id": USER}}],
        [],
        None,
    ],
)
def test_a_strange_answer_to_a_password_is_no_right_password(data: Any) -> None:
    """A reply without a person, a session or a usable state_token says nothing about the password."""
    outcome = read_auth(reply(data=data))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.PROTOCOL, False)


@pytest.mark.parametrize("status", [404, 410])
def test_an_address_without_onelogin_says_so(status: int) -> None:
    """An administrator who mistypes the address is told to look there."""
    outcome = read_auth(Reply(status, None))
    assert outcome == strange_path(Reply(status, None), "login/auth")
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.hint) == (FailureKind.PROTOCOL, "check url and subdomain")


def test_a_device_that_needs_a_code_is_known() -> None:
    """A device that OneLogin will not ring is asked for its code."""
    error = {"status": {"error": True, "code": 400, "type": "bad request", "message": "OTP token blank"}}
    assert wants_code(Reply(400, error))
    assert not wants_code(Reply(401, error))
    assert not wants_code(Reply(400, {}))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
PLACES = (("status",), ("status", "type"), ("status", "error"), ("data",), ("data", 0), ("data", 0, "user"))
DECIDES = (*PLACES, ("data", 0, "user", "id"), ("data", 0, "status"))


@given(place=st.sampled_from(DECIDES), value=JSON)
def test_no_other_value_where_it_counts_opens(place: tuple[Any, ...], value: Any) -> None:
    """A reply in which anything that counts is another value opens nothing, whatever that value is."""
    body: Any = copy.deepcopy(reply(data=[SESSION]).body)
    *way, last = place
    inside = body
    for step in way:
        inside = inside[step]
    same = inside[last] == value and type(inside[last]) is type(value)
    inside[last] = value
    named = place[-1] == "id" and value in (USER, str(USER)) and not isinstance(value, bool | float)
    assert isinstance(read_verify(Reply(200, body), str(USER)), Approved) is (same or named)


@given(body=JSON)
def test_no_value_of_any_form_breaks_the_reading(body: Any) -> None:
    """A server that answers with any JSON value at all makes no password right, opens nothing, and breaks nothing."""
    for status in (200, 400, 401, 404, 500):
        assert isinstance(read_auth(Reply(status, body)), Failed)
        assert not isinstance(read_verify(Reply(status, body), str(USER)), Approved)
        assert isinstance(read_verify_code(Reply(status, body), str(USER)), Failed)
