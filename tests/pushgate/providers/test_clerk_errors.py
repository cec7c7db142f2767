"""What each of Clerk's errors means."""

from typing import Any

import pytest

from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import FailureKind
from pushgate.providers.clerk_errors import BACKEND, FRONTEND, Remedy, error_codes, trouble_of, unsent

KINDS = FailureKind


def reply(status: int, *codes: str, after: float | None = None) -> Reply:
    """Make an error in Clerk's form."""
    return Reply(status, {"errors": [{"code": code} for code in codes], "clerk_trace_id": "trace1"}, after)


@pytest.mark.parametrize(
    ("status", "code", "kind", "remedy", "last"),
    [
        (401, "signed_out", KINDS.NOT_ENROLLED, Remedy.NEW_TICKET, False),
        (401, "authentication_invalid", KINDS.NOT_ENROLLED, Remedy.NEW_TICKET, False),
        (404, "resource_not_found", KINDS.NOT_ENROLLED, Remedy.NEW_TICKET, False),
        (400, "client_not_found", KINDS.NOT_ENROLLED, Remedy.NEW_TICKET, False),
        (400, "session_reverification_missing", KINDS.PROTOCOL, Remedy.RESTART, False),
        (400, "invalid_action_for_session_reverification", KINDS.PROTOCOL, Remedy.RESTART, False),
        (422, "form_code_incorrect", KINDS.BAD_CODE, Remedy.NONE, False),
        (400, "verification_failed", KINDS.BAD_CODE, Remedy.NONE, True),
        (422, "form_password_incorrect", KINDS.BAD_PASSWORD, Remedy.NONE, False),
        (422, "password_reset_required", KINDS.BAD_PASSWORD, Remedy.NONE, False),
        (400, "verification_expired", KINDS.EXPIRED, Remedy.NONE, True),
        (400, "verification_missing", KINDS.EXPIRED, Remedy.NONE, True),
        (400, "verification_not_sent", KINDS.EXPIRED, Remedy.NONE, True),
        (400, "strategy_for_user_invalid", KINDS.NOT_ENROLLED, Remedy.NONE, True),
        (400, "no_second_factors", KINDS.NOT_ENROLLED, Remedy.NONE, True),
        (403, "user_locked", KINDS.LOCKED, Remedy.NONE, True),
        (403, "user_banned", KINDS.LOCKED, Remedy.NONE, True),
        (403, "user_deactivated", KINDS.LOCKED, Remedy.NONE, True),
        (401, "deprovisioned", KINDS.LOCKED, Remedy.NONE, True),
        (422, "account_lockout_warning", KINDS.BAD_CODE, Remedy.NONE, False),
        (400, "sign_in_token_already_used_code", KINDS.PROTOCOL, Remedy.NEW_TICKET, False),
        (400, "sign_in_token_revoked_code", KINDS.PROTOCOL, Remedy.NEW_TICKET, False),
        (400, "sign_in_token_cannot_be_used_code", KINDS.PROTOCOL, Remedy.NEW_TICKET, False),
        (429, "verification_code_too_many_requests", KINDS.RATE_LIMITED, Remedy.NONE, False),
        (429, "anything", KINDS.RATE_LIMITED, Remedy.NONE, False),
        (400, "native_api_disabled", KINDS.CONFIG, Remedy.NONE, True),
        (400, "anything", KINDS.PROTOCOL, Remedy.NONE, True),
        (403, "anything", KINDS.CONFIG, Remedy.NONE, True),
        (500, "anything", KINDS.UNAVAILABLE, Remedy.NONE, True),
        (302, "", KINDS.PROTOCOL, Remedy.NONE, True),
    ],
)
def test_each_error_of_the_frontend_has_its_meaning(
    status: int, code: str, kind: FailureKind, remedy: Remedy, last: bool
) -> None:
    """A login that meets an error of the Frontend API ends, or goes on, as that error says."""
    trouble = trouble_of(reply(status, code), FRONTEND, "verify", asked=True)
    assert (trouble.failed.kind, trouble.remedy, trouble.last) == (kind, remedy, last)
    assert (trouble.failed.status, trouble.failed.trace) == (status, "trace1")
    assert code in trouble.failed.detail


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "no_password_set", KINDS.BAD_PASSWORD),
        (422, "incorrect_password", KINDS.BAD_PASSWORD),
        (400, "totp_disabled", KINDS.NOT_ENROLLED),
        (404, "resource_not_found", KINDS.NOT_ENROLLED),
        (422, "totp_incorrect_code", KINDS.BAD_CODE),
        (422, "totp_invalid_length", KINDS.BAD_CODE),
        (401, "clerk_key_invalid", KINDS.CONFIG),
        (403, "", KINDS.CONFIG),
        (407, "", KINDS.CONFIG),
        (422, "anything", KINDS.PROTOCOL),
        (503, "", KINDS.UNAVAILABLE),
    ],
)
def test_each_error_of_the_backend_has_its_meaning(status: int, code: str, kind: FailureKind) -> None:
    """A login that meets an error of the Backend API ends as that error says."""
    assert trouble_of(reply(status, code), BACKEND, "verify_totp", asked=False).failed.kind is kind


def test_a_refused_key_says_what_to_do() -> None:
    """An administrator whose key is refused is told so; a session that is gone is not taken for that."""
    assert "secret key is refused" in trouble_of(reply(401), BACKEND, "users", asked=False).failed.hint
    assert "frontend_url" in trouble_of(reply(401), FRONTEND, "verify", asked=False).failed.hint
    assert "proxy" in trouble_of(reply(407), BACKEND, "users", asked=False).failed.hint


def test_the_code_that_we_know_counts() -> None:
    """An error with several codes means the one that we know."""
    trouble = trouble_of(reply(422, "new_code", "form_code_incorrect"), FRONTEND, "attempt", asked=True)
    assert trouble.failed.kind is FailureKind.BAD_CODE


@pytest.mark.parametrize(
    "body",
    [None, [], "text", {}, {"errors": None}, {"errors": [5, {}]}, {"errors": [{"code": None}], "clerk_trace_id": 5}],
)
def test_an_error_in_another_form_has_no_code(body: Any) -> None:
    """A server that answers an error in another form is judged by its status."""
    assert error_codes(body) == ([], "")
    assert trouble_of(Reply(401, body), BACKEND, "users", asked=False).failed.kind is FailureKind.CONFIG


def test_a_trace_is_cleaned() -> None:
    """A server that writes control characters into its trace id moves no cursor."""
    assert error_codes({"clerk_trace_id": "a\x1b[2J"})[1] == "a\\x1b[2J"


@pytest.mark.parametrize(("after", "pause"), [(7.0, 7.0), (None, 1.0), (0.0, 0.0)])
def test_a_429_says_how_long_to_wait(after: float | None, pause: float) -> None:
    """A server that wants to be left alone says how long; one that does not say is left alone for a second."""
    assert trouble_of(reply(429, after=after), FRONTEND, "sign_ins", asked=False).pause == pause
    assert trouble_of(reply(400), FRONTEND, "sign_ins", asked=False).pause is None


def test_no_reply_keeps_its_kind() -> None:
    """A call that got no reply fails as it failed."""
    error = RequestFailedError(FailureKind.UNAVAILABLE, sent=False, detail="refused")
    failed = unsent(error, "users", asked=False).failed
    assert (failed.kind, failed.asked, failed.detail) == (FailureKind.UNAVAILABLE, False, "users: refused")
    untrusted = RequestFailedError(FailureKind.CONFIG, sent=False, detail="certificate")
    assert "ca_file" in unsent(untrusted, "users", asked=False).failed.hint
