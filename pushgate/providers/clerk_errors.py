"""What each of Clerk's errors means, and what can be tried once more."""

import enum
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import Failed, FailureKind
from pushgate.text import clean

OK = (200, 201, 202)
BACK_OFF = 1.0
"""Seconds after a 429 that does not say how long to wait."""
KEY_REFUSED = "the secret key is refused: make a new one under API keys in Clerk's dashboard (docs/providers/clerk.md)"

NOT_OURS = "the Frontend API refuses us: check frontend_url and that the Native API is on"
PROXY = "a proxy on the way wants a password"
CONNECTION = "look at ca_file, the server's certificate and this machine's network"


class Remedy(enum.StrEnum):
    """What can be tried once."""

    NONE = "none"
    NEW_TICKET = "new_ticket"
    """Sign in anew."""
    RESTART = "restart"
    """Begin the verification anew, in the same session."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What an error means."""

    kind: FailureKind
    remedy: Remedy = Remedy.NONE
    last: bool = False
    """No further code may be tried for this question."""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A call that did not do what it should."""

    failed: Failed
    remedy: Remedy = Remedy.NONE
    last: bool = False
    pause: float | None = None
    """After a 429: seconds until it may be tried again."""


GONE = Meaning(FailureKind.NOT_ENROLLED, Remedy.NEW_TICKET)
TICKET_SPENT = Meaning(FailureKind.PROTOCOL, Remedy.NEW_TICKET)
LOST = Meaning(FailureKind.PROTOCOL, Remedy.RESTART)
SHUT = Meaning(FailureKind.LOCKED, last=True)
TOO_LATE = Meaning(FailureKind.EXPIRED, last=True)
NO_SUCH_FACTOR = Meaning(FailureKind.NOT_ENROLLED, last=True)
WRONG_CODE = Meaning(FailureKind.BAD_CODE)
WRONG_PASSWORD = Meaning(FailureKind.BAD_PASSWORD)

FRONTEND: Mapping[tuple[int, str], Meaning] = {
    (401, "signed_out"): GONE,
    (401, "authentication_invalid"): GONE,
    (404, "resource_not_found"): GONE,
    (400, "client_not_found"): GONE,
    (400, "session_reverification_missing"): LOST,
    (400, "invalid_action_for_session_reverification"): LOST,
    (422, "form_code_incorrect"): WRONG_CODE,
    (400, "verification_failed"): Meaning(FailureKind.BAD_CODE, last=True, hint="too many wrong codes: log in anew"),
    (422, "form_password_incorrect"): WRONG_PASSWORD,
    (422, "password_reset_required"): Meaning(
        FailureKind.BAD_PASSWORD, hint="Clerk wants the person to choose another password first"
    ),
    (400, "verification_expired"): TOO_LATE,
    (400, "verification_missing"): TOO_LATE,
    (400, "verification_not_sent"): TOO_LATE,
    (400, "strategy_for_user_invalid"): NO_SUCH_FACTOR,
    (400, "no_second_factors"): NO_SUCH_FACTOR,
    (403, "user_locked"): SHUT,
    (403, "user_banned"): SHUT,
    (403, "user_deactivated"): SHUT,
    (401, "deprovisioned"): SHUT,
    (422, "account_lockout_warning"): Meaning(
        FailureKind.BAD_CODE, hint="Clerk is about to lock the account: 10 failures of any factor lock it for an hour"
    ),
    (400, "sign_in_token_already_used_code"): TICKET_SPENT,
    (400, "sign_in_token_revoked_code"): TICKET_SPENT,
    (400, "sign_in_token_cannot_be_used_code"): TICKET_SPENT,
    (400, "native_api_disabled"): Meaning(
        FailureKind.CONFIG, last=True, hint="turn the Native API on in Clerk's dashboard, under Native applications"
    ),
    (400, "origin_authorization_headers_conflict"): Meaning(
        FailureKind.CONFIG, last=True, hint="something on the way adds an Origin header: take it out of the proxy"
    ),
}
"""Of the Frontend API. 401 there is the session's end, not our key's."""

BACKEND: Mapping[tuple[int, str], Meaning] = {
    (400, "no_password_set"): WRONG_PASSWORD,
    (422, "incorrect_password"): WRONG_PASSWORD,
    (400, "totp_disabled"): NO_SUCH_FACTOR,
    (404, "resource_not_found"): NO_SUCH_FACTOR,
    (422, "totp_incorrect_code"): WRONG_CODE,
    (422, "totp_invalid_length"): WRONG_CODE,
    (403, "user_locked"): SHUT,
    (403, "user_banned"): SHUT,
}
"""Of the Backend API."""


def trouble_of(reply: Reply, table: Mapping[tuple[int, str], Meaning], what: str, *, asked: bool) -> Trouble:
    """Say what a reply with an error means; ``asked`` as in ``Failed``."""
    codes, trace = error_codes(reply.body)
    code = next((code for code in codes if (reply.status, code) in table), codes[0] if codes else "")
    meaning = table.get((reply.status, code)) or by_status(reply.status, own_key=table is BACKEND)
    failed = Failed(
        meaning.kind,
        asked=asked,
        detail=f"{what}: HTTP {reply.status}" + (f" {clean(code, 64)}" if code else ""),
        status=reply.status,
        trace=trace,
        hint=meaning.hint,
    )
    pause = None
    if reply.status == 429:
        pause = BACK_OFF if reply.retry_after is None else reply.retry_after
    return Trouble(failed, meaning.remedy, meaning.last, pause)


def by_status(status: int, *, own_key: bool) -> Meaning:
    """Say what a status means that comes with no code that we know."""
    if status in (401, 403, 407):
        hint = PROXY if status == 407 else KEY_REFUSED if own_key else NOT_OURS
        return Meaning(FailureKind.CONFIG, last=True, hint=hint)
    if status == 429:
        return Meaning(FailureKind.RATE_LIMITED)
    return Meaning(FailureKind.UNAVAILABLE if status >= 500 else FailureKind.PROTOCOL, last=True)


def error_codes(body: Any) -> tuple[list[str], str]:
    """Return the codes of an error body and Clerk's name of the request; nothing, whatever else the body is."""
    if not isinstance(body, dict):
        return [], ""
    errors = body.get("errors")
    entries = errors if isinstance(errors, list) else []
    codes = [str(entry["code"]) for entry in entries if isinstance(entry, dict) and isinstance(entry.get("code"), str)]
    trace = body.get("clerk_trace_id")
    return codes, clean(trace, 64) if isinstance(trace, str) else ""


def unsent(failure: RequestFailedError, what: str, *, asked: bool) -> Trouble:
    """Say what a call means that got no reply."""
    hint = CONNECTION if failure.kind is FailureKind.CONFIG else ""
    return Trouble(Failed(failure.kind, asked=asked, detail=f"{what}: {failure.detail}", hint=hint), last=True)
