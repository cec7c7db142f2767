"""ThreatWinds' messages as pure functions: what is sent, what a reply says, and which failure it is.

The API is documented in two shapes: ``expireAt`` as Unix seconds or as RFC 3339, ``verificationCodeID`` or
``verificationCodeId``, errors in headers or in the body. Every shape is read, whichever server it comes from.
"""

import re
import unicodedata
from collections.abc import Container
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard

from pushgate.http import Reply
from pushgate.outcome import Failed, FailureKind
from pushgate.text import clean

DONE = (200, 201, 202)
"""Documented are 200 and 202."""
ACKNOWLEDGED = "acknowledged"
REFUSED_CODE = (400, 401, 403, 404)
"""It is not documented which of them a wrong code gets."""
GONE = (404, 410)

# Opaque, but they become a header, a segment of a path and a key in our tables. One documented id is not hex.
BEARER = re.compile(r"[!-~]{1,2048}", re.ASCII)
ID = re.compile(r"(?!\.{1,2}$)[!-~]{1,128}", re.ASCII)
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
CODE = re.compile(r"[0-9A-Za-z]{1,64}", re.ASCII)
"""How long a code is, and of what, is not documented."""
BLANKS = re.compile(r"[\s\u2010-\u2015-]")

OLD_SECONDS = 900.0
"""A session that ends so much before another was begun so much before it: no login takes that long."""
LATEST = 253402300799
"""The last second that a date has; a larger number is no Unix time."""

NOT_THE_API = "is url the ThreatWinds API? creating a session needs no key there"
NO_ACCOUNT = "no ThreatWinds account has this address, or url is not the API"
RATE_HINT = "ThreatWinds wants fewer requests: lower mails_per_user"


@dataclass(frozen=True, slots=True)
class Session:
    """A session that ThreatWinds has created, and the key of the mailed code."""

    id: str
    bearer: str = field(repr=False)
    code_id: str = field(default="", repr=False)
    """Empty: it can never be verified, only closed."""
    code_key: str = "verificationCodeID"
    """How this server spells it; it gets it back like that."""
    expire_at: float | None = None
    """By the server's clock, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Listed:
    """One of the person's sessions, as the list has it."""

    id: str
    is_pushgates: bool
    """Its user agent is ours."""
    current: bool
    expire_at: float | None


def create_body(address: str, kind: str | None) -> dict[str, str]:
    """Build the body of ``POST /session``; ``kind`` is newer than the documents, so only who wants it sends it."""
    return {"email": address} if kind is None else {"email": address, "kind": kind}


def verification_body(session: Session, code: str) -> dict[str, str]:
    """Build the body of ``PUT /session/verification``."""
    return {session.code_key: session.code_id, "code": code}


def read_code(typed: str) -> str | None:
    """Return a code as it goes on the wire, leading zeros kept; None if it can be none.

    Blanks and hyphens are how people read codes out.
    """
    code = BLANKS.sub("", unicodedata.normalize("NFKC", typed))
    return code if CODE.fullmatch(code) else None


def read_session(reply: Reply) -> Session | None:
    """Read a created session, as far as it can be used or at least closed; None if not even that."""
    body = reply.body if isinstance(reply.body, dict) else {}
    session_id, bearer = body.get("sessionID"), body.get("bearer")
    if not is_word(session_id, ID) or not is_word(bearer, BEARER):
        return None
    spelt = [key for key in ("verificationCodeID", "verificationCodeId") if is_word(body.get(key), ID)]
    key = spelt[0] if spelt else "verificationCodeID"
    code_id = body[key] if spelt else ""
    return Session(session_id, bearer, code_id, key, read_time(body.get("expireAt")))


def is_word(value: Any, form: re.Pattern[str]) -> TypeGuard[str]:
    """Whether a value is a text of this form."""
    return isinstance(value, str) and form.fullmatch(value) is not None


def read_time(value: Any) -> float | None:
    """Read a time as Unix seconds or RFC 3339; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value) if 0 < value <= LATEST else None
    if not isinstance(value, str) or len(value) > 64:
        return None
    if value.isascii() and value.isdigit():
        return read_time(int(value))
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    # RFC 3339 section 5.6: without an offset it is no time.
    return None if at.tzinfo is None else read_time(at.timestamp())


def seconds_left(expire_at: float | None, reply: Reply, now: datetime) -> float | None:
    """Return how long a session lives by the clock of the server that says so; None if it does not tell.

    By our own clock only where a reply has no date: a machine whose clock goes wrong must still let people in. A time
    that has passed in the reply that creates the session says nothing.
    """
    if expire_at is None:
        return None
    try:
        there = parsedate_to_datetime(reply.headers.get("Date", ""))
    except (ValueError, OverflowError):
        there = now
    left = expire_at - there.replace(tzinfo=there.tzinfo or UTC).timestamp()
    return left if left > 0 else None


def is_acknowledged(reply: Reply) -> bool:
    """Whether the server has done what was asked, in exactly its word."""
    return reply.status in DONE and isinstance(reply.body, dict) and reply.body.get("message") == ACKNOWLEDGED


def read_verified(reply: Reply, session: Session) -> Failed | None:
    """Read ``GET /session`` after the code was acknowledged; None: this very session is verified."""
    body = reply.body if isinstance(reply.body, dict) else {}
    if body.get("sessionID") != session.id:
        return failure(FailureKind.PROTOCOL, "check: another session, or no object", reply)
    match body.get("verified"):
        case True:
            return None
        case False:
            return failure(FailureKind.DOWNGRADED, "check: acknowledged, but not verified", reply)
        case _:
            return failure(FailureKind.PROTOCOL, "check: verified is no truth value", reply)


def read_sessions(reply: Reply, limit: int) -> list[Listed]:
    """Read the person's sessions out of an object or a bare list; what cannot be read is left out."""
    body = reply.body
    listed = body.get("sessions") if isinstance(body, dict) else body
    if reply.status not in DONE or not isinstance(listed, list):
        return []
    return [
        Listed(
            each["sessionID"],
            is_pushgates=str(each.get("userAgent", "")).startswith("pushgate/"),
            # Whatever is not plainly another session is taken for our own.
            current=each.get("current") is not False,
            expire_at=read_time(each.get("expireAt")),
        )
        for each in listed[:limit]
        if isinstance(each, dict) and is_word(each.get("sessionID"), ID)
    ]


def leftovers(listed: list[Listed], own: Session, live: Container[str], noted: Container[str]) -> list[str]:
    """Pick the sessions that logins of ours have left behind, by their ids.

    Those that we could not close, and those of any pushgate that are so old that nobody waits for them: another daemon
    may have a login of the same person under way.
    """
    return [
        each.id
        for each in listed
        if not each.current
        and each.id != own.id
        and each.id not in live
        and (each.id in noted or (each.is_pushgates and is_old(each, own)))
    ]


def is_old(other: Listed, own: Session) -> bool:
    """Whether a session was begun so long before ours that no login can still be using it."""
    if own.expire_at is None or other.expire_at is None:
        return False
    return other.expire_at <= own.expire_at - OLD_SECONDS


def failure_of_create(reply: Reply) -> Failed:
    """Name the failure of ``POST /session``; of the server's own faults only a 503 surely mailed nobody."""
    hints = {404: NO_ACCOUNT, 401: NOT_THE_API, 403: NOT_THE_API, 407: NOT_THE_API, 429: RATE_HINT}
    kind = FailureKind.NOT_ENROLLED if reply.status == 404 else failure_of_status(reply.status)
    mailed = reply.status in DONE or (reply.status >= 500 and reply.status != 503)
    failed = failure(kind, "create", reply)
    return replace(failed, asked=mailed, hint=hints.get(reply.status, ""))


def failure_of_session(step: str, reply: Reply, *secrets: str) -> Failed:
    """Name the failure of a call about a session that exists; secrets are what the server's words may quote."""
    kind = FailureKind.EXPIRED if reply.status in GONE else failure_of_status(reply.status)
    return failure(kind, step, reply, *secrets)


def failure(kind: FailureKind, step: str, reply: Reply, *secrets: str) -> Failed:
    """Build the failure of a reply, with what the administrator and the provider's support find it by."""
    words = error_text(reply, *secrets)
    detail = f"{step}: HTTP {reply.status}" + (f": {words}" if words else "")
    return Failed(kind, asked=True, detail=detail, status=reply.status, trace=trace_of(reply))


def failure_of_status(status: int) -> FailureKind:
    """Name the kind of a status that no call gives a meaning of its own."""
    if status in (401, 403, 407):
        return FailureKind.CONFIG
    if status == 429:
        return FailureKind.RATE_LIMITED
    return FailureKind.UNAVAILABLE if status >= 500 else FailureKind.PROTOCOL


def error_text(reply: Reply, *secrets: str) -> str:
    """Return the server's words on an error, from the body or the header ``x-error``: for the log, never the person.

    They may quote what was sent, as the code or the bearer: that is left out.
    """
    error = error_of(reply)
    found = error.get("message") if isinstance(error, dict) else error
    text = found if isinstance(found, str) and found else reply.headers.get("x-error", "")
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return clean(text, 200)


def trace_of(reply: Reply) -> str:
    """Return the server's id of an error, if it is a UUID: other values of that header were seen in its place."""
    error = error_of(reply)
    inner = error.get("error_id") if isinstance(error, dict) else None
    found = inner if is_word(inner, UUID) else reply.headers.get("x-error-id", "")
    return found if is_word(found, UUID) else ""


def error_of(reply: Reply) -> Any:
    """Return ``error`` of an error body: an object, a text, or None."""
    return reply.body.get("error") if isinstance(reply.body, dict) else None
