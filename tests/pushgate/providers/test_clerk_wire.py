"""What Clerk's replies prove, and what does not."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest

from pushgate.outcome import Failed, FailureKind
from pushgate.providers.clerk_wire import (
    ClerkUser,
    Verification,
    Way,
    fault_of_proof,
    fault_of_token,
    is_verified,
    read_code,
    read_jwt,
    read_new_session,
    read_user,
    read_verification,
    read_ways,
    strategy_of,
)

ALICE: dict[str, Any] = {
    "id": "user_1",
    "username": "Alice",
    "banned": False,
    "locked": False,
    "totp_enabled": True,
    "password_enabled": True,
    "email_addresses": [{"email_address": "alice@example.com", "verification": {"status": "verified"}}],
}
PROVED = Verification("second_factor", "complete", "sess_1", "active", (), (), "", "verified")


def kind_of(outcome: object) -> FailureKind:
    """Return the kind of a failure; anything else fails the test."""
    assert isinstance(outcome, Failed)
    return outcome.kind


def test_a_person_is_found_whatever_the_case() -> None:
    """A person who writes the name in another case is found."""
    assert read_user([ALICE], "username", "alice") == ClerkUser("user_1", totp=True, password=True)


@pytest.mark.parametrize("body", [[], [ALICE, ALICE]])
def test_exactly_one_must_match(body: Any) -> None:
    """A login whose name nobody has, or two, is nobody's."""
    assert kind_of(read_user(body, "username", "alice")) is FailureKind.NOT_ENROLLED


@pytest.mark.parametrize("username", ["bob", None, 5])
def test_a_server_that_ignores_the_filter_lets_nobody_in(username: Any) -> None:
    """An attacker whose name is unknown is not taken for the only user of a small instance."""
    found = read_user([ALICE | {"username": username}], "username", "alice")
    assert kind_of(found) is FailureKind.NOT_ENROLLED


@pytest.mark.parametrize("status", ["unverified", None, "expired"])
def test_a_claimed_address_is_nobodys(status: Any) -> None:
    """An attacker who adds somebody else's address to the own account does not become that person."""
    claimed = [{"email_address": "boss@example.com", "verification": {"status": status}}]
    mallory = ALICE | {"email_addresses": claimed}
    assert kind_of(read_user([mallory], "email_address", "boss@example.com")) is FailureKind.NOT_ENROLLED


@pytest.mark.parametrize(("key", "shut"), [("locked", "locked"), ("banned", "banned")])
def test_who_is_shut_out_is_said(key: str, shut: str) -> None:
    """A person who is locked or banned is known as such."""
    assert read_user([ALICE | {key: True}], "username", "alice") == ClerkUser("user_1", shut, totp=True, password=True)


@pytest.mark.parametrize(
    "body", [None, {}, "text", [5], [ALICE | {"id": 5}], [ALICE | {"id": "../x"}], [ALICE | {"locked": None}]]
)
def test_a_reply_about_people_that_is_none_is_refused(body: Any) -> None:
    """A server that answers in another form tells nobody's name."""
    assert kind_of(read_user(body, "username", "alice")) is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("123 456", "123456"),
        ("123-456", "123456"),
        ("123456", "123456"),
        ("012345", "012345"),
        ("12345678", "12345678"),
        ("123456789", "123456789"),
        ("abcd-EFGH", "abcdEFGH"),
        ("12345", None),
        ("", None),
        ("12345é", None),
        ("a" * 65, None),
    ],
)
def test_codes_are_read_as_people_write_them(typed: str, code: str | None) -> None:
    """A person may write a code with blanks, hyphens and wide digits; zeros in front stay, letters too."""
    assert read_code(typed) == code


def test_a_code_is_checked_as_what_it_looks_like() -> None:
    """Six digits are the app's, everything else is a backup code, where the person has such."""
    ways = (Way("totp"), Way("backup_code"))
    assert (strategy_of("123456", ways), strategy_of("abcd2345", ways)) == ("totp", "backup_code")
    assert strategy_of("123456", (Way("phone_code"),)) is None


@pytest.mark.parametrize("body", [{"verified": 1}, {"verified": "true"}, {"verified": False}, {}, None, [], True])
def test_only_true_is_verified(body: Any) -> None:
    """A reply that says anything else than true approves nothing."""
    assert is_verified({"verified": True})
    assert not is_verified(body)


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {},
        {"response": None},
        {"response": {}},
        {"response": {"status": "COMPLETE"}},
        {"response": {"status": 1}},
        {"response": {"status": ["complete"]}},
        {"response": {"status": {}}},
    ],
)
def test_a_verification_without_a_known_state_is_refused(body: Any) -> None:
    """A server that names a state that we do not know ends the login."""
    assert kind_of(read_verification(body)) is FailureKind.PROTOCOL


def test_nulls_and_other_forms_are_nothing() -> None:
    """A verification with null in place of lists and objects offers and proves nothing."""
    response: dict[str, Any] = {
        "status": "complete",
        "level": "second_factor",
        "session": None,
        "supported_first_factors": None,
    }
    response |= {"second_factor_verification": None, "supported_second_factors": [None, 5, {"strategy": "totp"}]}
    assert read_verification({"response": response}) == Verification(
        "second_factor", "complete", "None", "None", (), (Way("totp"),), "", ""
    )


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"level": "first_factor"}, FailureKind.DOWNGRADED),
        ({"status": "needs_second_factor"}, FailureKind.PROTOCOL),
        ({"session_id": "sess_2"}, FailureKind.PROTOCOL),
        ({"session_status": "pending"}, FailureKind.PROTOCOL),
        ({"session_status": "revoked"}, FailureKind.PROTOCOL),
        ({"second_status": ""}, FailureKind.DOWNGRADED),
        ({"second_status": "unverified"}, FailureKind.DOWNGRADED),
    ],
)
def test_each_condition_of_an_approval_is_needed(change: dict[str, Any], kind: FailureKind) -> None:
    """A verification that lacks one condition approves nothing."""
    assert fault_of_proof(PROVED, "second_factor", "sess_1") is None
    assert kind_of(fault_of_proof(replace(PROVED, **change), "second_factor", "sess_1")) is kind


def test_both_factors_are_needed_for_multi_factor() -> None:
    """A verification of both factors in which only the second was proved approves nothing."""
    both = replace(PROVED, level="multi_factor")
    assert kind_of(fault_of_proof(both, "multi_factor", "sess_1")) is FailureKind.DOWNGRADED
    assert fault_of_proof(replace(both, first_status="verified"), "multi_factor", "sess_1") is None


@pytest.mark.parametrize("status", ["needs_second_factor", "needs_client_trust", "needs_protect_check", None])
def test_a_ticket_that_opens_no_session_is_refused(status: Any) -> None:
    """An instance that wants more than a ticket is told apart, also if it names a session."""
    body = {"response": {"status": status, "created_session_id": "sess_1"}}
    assert kind_of(read_new_session(body)) is FailureKind.PROTOCOL
    assert read_new_session({"response": {"status": "complete", "created_session_id": "sess_1"}}) == "sess_1"


@pytest.mark.parametrize(
    "body", [None, {}, {"response": {"status": "complete"}}, {"response": {"created_session_id": 5}}]
)
def test_a_sign_in_without_a_session_is_refused(body: Any) -> None:
    """A reply to a sign-in that names no session opens none."""
    assert kind_of(read_new_session(body)) is FailureKind.PROTOCOL


@pytest.mark.parametrize(
    ("value", "jwt"),
    [("a.b.c", "a.b.c"), ("Bearer a.b.c", "a.b.c"), ("bearer a.b", "a.b"), ("", ""), ("a\tb", ""), ("ü", "")],
)
def test_the_next_jwt_is_read_with_and_without_its_scheme(value: str, jwt: str) -> None:
    """A reply may name the scheme before the JWT; what is none is not kept."""
    assert read_jwt({"Authorization": value}) == jwt
    assert read_jwt({}) == ""


def token(**claims: Any) -> dict[str, str]:
    """Make a reply with a session token."""
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return {"jwt": f"e30.{payload}.x"}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (token(sub="user_2", sid="sess_1", fva=[0, 0]), FailureKind.PROTOCOL),
        (token(sub="user_1", sid="sess_2", fva=[0, 0]), FailureKind.PROTOCOL),
        (token(sub="user_1", sid="sess_1", fva=[0, -1]), FailureKind.DOWNGRADED),
        (token(sub="user_1", sid="sess_1", fva=[0, 1]), FailureKind.DOWNGRADED),
        (token(sub="user_1", sid="sess_1", fva=[0, False]), FailureKind.DOWNGRADED),
        (token(sub="user_1", sid="sess_1", fva=[0]), FailureKind.PROTOCOL),
        (token(sub="user_1", sid="sess_1"), FailureKind.PROTOCOL),
        ({"jwt": "text"}, FailureKind.PROTOCOL),
        ({"jwt": "a.!.c"}, FailureKind.PROTOCOL),
        ({"jwt": f"a.{base64.urlsafe_b64encode(b'[' * 30_000).decode()}.c"}, FailureKind.PROTOCOL),
        ({}, FailureKind.PROTOCOL),
        (None, FailureKind.PROTOCOL),
    ],
)
def test_a_session_token_must_prove_it_all(body: Any, kind: FailureKind) -> None:
    """A token of another user or session, or of an older second factor, is no proof."""
    assert fault_of_token(token(sub="user_1", sid="sess_1", fva=[-1, 0]), "user_1", "sess_1") is None
    assert kind_of(fault_of_token(body, "user_1", "sess_1")) is kind


@pytest.mark.parametrize("target", ["\ud800", "idn 1&strategy=x", ["idn_1"], "i" * 129])
def test_what_is_no_id_is_sent_nowhere(target: Any) -> None:
    """A server that offers a way to an impossible id gets nothing of it back."""
    offered = [{"strategy": "phone_code", "phone_number_id": target}, {"strategy": "totp"}]
    assert [way.target for way in read_ways(offered)] == ["", ""]


def test_a_level_in_hidden_characters_is_shown_as_such() -> None:
    """A server that writes a screenful in place of a level fills no log, and moves no cursor."""
    found = read_verification({"response": {"status": "complete", "level": "\x1b[2J" * 9000}})
    assert isinstance(found, Verification)
    assert len(found.level) == 32
    assert found.level.startswith("\\x1b[2J")
