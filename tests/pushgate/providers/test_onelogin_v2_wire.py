"""OneLogin's v2 verifications: whom we ask, what is sent, and which replies open anything."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.http import Reply
from pushgate.outcome import Approved, Denied, Failed, FailureKind
from pushgate.providers.onelogin_devices import Device, Kind
from pushgate.providers.onelogin_v2_wire import (
    create_body,
    devices_path,
    read_created,
    read_device_list,
    read_otp,
    read_user,
    read_verification,
    sms_text,
    users_path,
    verifications_path,
)
from tests.support.core import make_login

ID = "afc1a96d-2006-452a-a484-b2d084b00d76"
ALICE = {"id": 64515901, "username": "alice", "email": "alice@example.com", "status": 1}


def kind_of(outcome: object) -> FailureKind | None:
    """Return the kind of a failure."""
    return outcome.kind if isinstance(outcome, Failed) else None


def test_names_are_encoded() -> None:
    """A name cannot change the path or add to the query."""
    assert (
        users_path("username", "D\\a/b?c&d%e\u00e9+f g") == "/api/2/users?username=D%5Ca%2Fb%3Fc%26d%25e%C3%A9%2Bf%20g"
    )
    assert users_path("email", "a@b.c") == "/api/2/users?email=a%40b.c"
    assert devices_path("../1") == "/api/2/mfa/users/..%2F1/devices"
    assert verifications_path("1", "a/b") == "/api/2/mfa/users/1/verifications/a%2Fb"
    assert verifications_path("1") == "/api/2/mfa/users/1/verifications"


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ([ALICE], "64515901"),
        (ALICE, "64515901"),
        ([{**ALICE, "id": "64515901"}], "64515901"),
        ([{**ALICE, "username": "ALICE"}], "64515901"),
        ([ALICE, {**ALICE, "username": "alicea"}], "64515901"),
        ([], FailureKind.NOT_ENROLLED),
        ([ALICE, {**ALICE, "id": 2}], FailureKind.NOT_ENROLLED),
        ([{**ALICE, "username": "alicea"}], FailureKind.NOT_ENROLLED),
        ([{**ALICE, "username": None}], FailureKind.NOT_ENROLLED),
        ([{"id": 1}], FailureKind.NOT_ENROLLED),
        ([None, "x"], FailureKind.NOT_ENROLLED),
        ([{**ALICE, "status": 2}], FailureKind.LOCKED),
        ([{**ALICE, "status": 3}], FailureKind.LOCKED),
        ([{**ALICE, "id": None}], FailureKind.PROTOCOL),
        ([{**ALICE, "id": "1/../2"}], FailureKind.PROTOCOL),
        (None, FailureKind.PROTOCOL),
        ("alice", FailureKind.PROTOCOL),
    ],
)
def test_exactly_one_person_of_exactly_this_name_is_asked(body: Any, found: Any) -> None:
    """A name that OneLogin takes for a pattern, or that two people have, asks nobody."""
    user = read_user(Reply(200, body), "username", "alice")
    assert user == found if isinstance(found, str) and not isinstance(found, FailureKind) else kind_of(user) is found


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, FailureKind.CONFIG),
        (403, FailureKind.CONFIG),
        (404, FailureKind.NOT_ENROLLED),
        (410, FailureKind.NOT_ENROLLED),
        (429, FailureKind.RATE_LIMITED),
        (502, FailureKind.UNAVAILABLE),
        (400, FailureKind.PROTOCOL),
    ],
)
def test_a_read_that_fails_asks_nobody(status: int, kind: FailureKind) -> None:
    """A login for which OneLogin cannot be read has asked nobody for sure."""
    for outcome in (read_user(Reply(status, None), "email", "a"), read_device_list(Reply(status, None))):
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked, outcome.status) == (kind, False, status)


def test_devices_are_a_list() -> None:
    """A reply that is no list of devices is not taken for a person without any."""
    assert read_device_list(Reply(200, [{"device_id": "1", "auth_factor_name": "SMS"}])) == (
        Device("1", Kind.SMS, "SMS"),
    )
    assert kind_of(read_device_list(Reply(200, {}))) is FailureKind.PROTOCOL


@pytest.mark.parametrize(("seconds", "life"), [(0.5, 120), (60, 120), (120.2, 121), (4000, 900)])
def test_a_verification_lives_as_long_as_onelogin_allows(seconds: float, life: int) -> None:
    """A verification is asked for with a life that OneLogin takes, whatever our deadline is."""
    assert create_body(Device(1, Kind.PUSH), seconds, make_login()) == {"device_id": 1, "expires_in": life}


def test_a_message_by_sms_holds_the_code_and_no_template_of_a_stranger() -> None:
    """An attacker who puts a template or escapes into a name gets no second code into the message."""
    login = make_login(service="{{otp_code}}", host="h\x1b\u202e" * 40)
    text = sms_text(login)
    assert text.count("{{") == 1
    assert text.startswith("{{otp_code}} is your code for ((otp_code)) on h\\x1b")
    assert len(text) <= 160
    assert create_body(Device("1", Kind.SMS), 60, login)["custom_message"] == text
    assert sms_text(make_login()) == "{{otp_code}} is your code for sshd on web1 from 203.0.113.7"


@pytest.mark.parametrize(
    ("status", "body", "created"),
    [
        (201, [{"id": ID, "user_id": "64515901", "device_id": "3920371"}], ID),
        (201, {"id": ID, "device_id": 3920371}, ID),
        (200, {"id": 5, "user_id": 64515901}, "5"),
        (202, [{"id": ID}], ID),
        (201, [{"id": ID, "user_id": "1"}], FailureKind.PROTOCOL),
        (201, [{"id": "../x"}], FailureKind.PROTOCOL),
        (201, [], FailureKind.PROTOCOL),
        (201, None, FailureKind.PROTOCOL),
        (204, None, FailureKind.PROTOCOL),
        (401, {"name": "InvalidCredentials"}, FailureKind.CONFIG),
        (404, None, FailureKind.NOT_ENROLLED),
        (422, None, FailureKind.PROTOCOL),
        (429, None, FailureKind.RATE_LIMITED),
        (500, None, FailureKind.UNAVAILABLE),
        (503, None, FailureKind.UNAVAILABLE),
    ],
)
def test_each_answer_to_a_create(status: int, body: Any, created: Any) -> None:
    """A verification that began is known by its id; whoever surely was not asked is known, too."""
    outcome = read_created(Reply(status, body), "64515901")
    if isinstance(outcome, Failed):
        assert outcome.kind is created
        assert outcome.asked is (status in (200, 201, 204, 500))
    else:
        assert outcome == created


@pytest.mark.parametrize(
    ("entry", "outcome"),
    [
        ({"id": ID, "status": "accepted", "device_id": "1"}, Approved()),
        ({"id": ID, "status": "rejected"}, Denied()),
        ({"id": ID, "status": "pending"}, None),
    ],
)
def test_a_verification_is_read_in_both_shapes(entry: Any, outcome: Any) -> None:
    """An answer counts whether it came as a list or an object."""
    assert read_verification(Reply(200, [entry]), ID) == outcome
    assert read_verification(Reply(200, entry), ID) == outcome


@pytest.mark.parametrize(
    "body",
    [
        [{"id": ID, "status": "Accepted"}],
        [{"id": ID, "status": "ACCEPTED"}],
        [{"id": ID, "status": "approved"}],
        [{"id": ID, "status": True}],
        [{"id": ID, "status": ["accepted"]}],
        [{"id": ID, "status": None}],
        [{"id": ID}],
        [{"id": ID[:-1] + "0", "status": "accepted"}],
        [{"status": "accepted"}],
        [{"id": ID, "status": "accepted"}, {"id": ID, "status": "rejected"}],
        ["accepted"],
        [],
        None,
        "accepted",
    ],
)
def test_nothing_else_opens(body: Any) -> None:
    """A reply in other letters, of another type, or about another verification is refused."""
    assert kind_of(read_verification(Reply(200, body), ID)) is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("status", "kind"), [(404, "expired"), (410, "expired"), (401, "config"), (502, "unavailable")]
)
def test_a_verification_that_is_gone_has_expired(status: int, kind: str) -> None:
    """A verification that OneLogin does not know any more ends the login at once."""
    assert kind_of(read_verification(Reply(status, None), ID)) == kind


SUCCESS = {"status": {"type": "success", "code": 200, "message": "Success", "error": False}}


@pytest.mark.parametrize("body", [SUCCESS, [SUCCESS], SUCCESS["status"]])
def test_a_right_code_opens(body: Any) -> None:
    """A right code opens in both shapes."""
    assert read_otp(Reply(200, body), asked=True) == Approved(device="code")


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {"name": "Unauthorized", "message": "Failed authentication with this factor"}, FailureKind.BAD_CODE),
        (401, {"name": "InvalidCredentials", "message": "Please provide valid credentials"}, FailureKind.BAD_CODE),
        (403, {"name": "ForbiddenAction"}, FailureKind.BAD_CODE),
        (401, {"message": "User is locked"}, FailureKind.LOCKED),
        (404, None, FailureKind.EXPIRED),
        (429, None, FailureKind.RATE_LIMITED),
        (500, None, FailureKind.UNAVAILABLE),
        (200, {"status": {"type": "Success", "error": False}}, FailureKind.PROTOCOL),
        (200, {"status": {"type": "success", "error": True}}, FailureKind.PROTOCOL),
        (200, {"status": {"type": "success"}}, FailureKind.PROTOCOL),
        (200, {"status": {"type": "pending", "error": False}}, FailureKind.PROTOCOL),
        (200, {"status": "success"}, FailureKind.PROTOCOL),
        (200, {"type": "success"}, FailureKind.PROTOCOL),
        (200, {"type": "Success", "error": False}, FailureKind.PROTOCOL),
        (200, {"status": None, "type": "success", "error": False}, FailureKind.PROTOCOL),
        (200, [], FailureKind.PROTOCOL),
        (200, None, FailureKind.PROTOCOL),
        (204, None, FailureKind.PROTOCOL),
    ],
)
def test_no_other_answer_to_a_code_opens(status: int, body: Any, kind: FailureKind) -> None:
    """A code opens only if OneLogin says success in these very letters."""
    outcome = read_otp(Reply(status, body), asked=True)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (kind, True)


@pytest.mark.parametrize(
    ("status", "asked"), [(401, False), (404, False), (429, False), (503, False), (500, True), (502, True), (200, True)]
)
def test_a_code_that_may_have_been_used_opens_nothing_by_an_outage(status: int, asked: bool) -> None:
    """An attacker who makes OneLogin fail at a code opens no service that fails open: it may have been checked."""
    outcome = read_otp(Reply(status, None), asked=False)
    assert isinstance(outcome, Failed)
    assert outcome.asked is asked


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(body=JSON)
def test_no_value_of_any_form_breaks_the_reading(body: Any) -> None:
    """A server that answers with any JSON value at all finds nobody, opens nothing, and breaks nothing."""
    for status in (200, 201, 401, 404, 500):
        answered = Reply(status, body)
        assert isinstance(read_user(answered, "username", "alice"), Failed)
        assert isinstance(read_created(answered, "1"), Failed)
        assert isinstance(read_verification(answered, ID), Failed)
        assert isinstance(read_otp(answered, asked=True), Failed)


@given(key=st.sampled_from(["id", "status"]), value=JSON)
def test_no_other_value_where_it_counts_opens(key: str, value: Any) -> None:
    """A verification whose id or status is any other value opens nothing."""
    good = {"id": ID, "status": "accepted"}
    outcome = read_verification(Reply(200, [{**good, key: value}]), ID)
    assert isinstance(outcome, Approved) is (value == good[key])
