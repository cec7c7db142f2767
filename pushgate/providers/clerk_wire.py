"""Clerk's messages as pure functions: what is typed becomes a code, a reply becomes what it proves."""

import base64
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pushgate.outcome import Failed, FailureKind
from pushgate.text import clean

ID = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}", re.ASCII)
"""A client JWT or a ticket: what may stand in a header, and not more than that bears."""
CODE = re.compile(r"[0-9A-Za-z]{6,64}", re.ASCII)
TOTP = re.compile(r"[0-9]{6}", re.ASCII)
BLANKS = re.compile(r"[\s\u2010-\u2015-]")

FIRST, SECOND = "needs_first_factor", "needs_second_factor"
COMPLETE = "complete"
STATES = frozenset({FIRST, SECOND, COMPLETE})


@dataclass(frozen=True, slots=True)
class ClerkUser:
    """One person as the Backend API knows them."""

    id: str
    shut: str = ""
    """``locked`` or ``banned``; empty for somebody who may log in."""
    totp: bool = False
    password: bool = False


@dataclass(frozen=True, slots=True)
class Way:
    """One strategy that Clerk offers for a factor, and what it needs to reach the person."""

    strategy: str
    target: str = ""
    """The ``email_address_id`` or ``phone_number_id``."""
    shown: str = ""
    """Mail address or number, mostly masked by Clerk."""
    usual: bool = False


@dataclass(frozen=True, slots=True)
class Verification:
    """A reverification as one reply describes it."""

    level: str
    status: str
    session_id: str
    session_status: str
    first_ways: tuple[Way, ...] = field(repr=False)
    second_ways: tuple[Way, ...] = field(repr=False)
    first_status: str = ""
    second_status: str = ""


def read_user(body: Any, attribute: str, name: str) -> ClerkUser | Failed:
    """Read the reply to a look-up; exactly one person must match, and must really have that name.

    A server that ignores the filter answers with everybody: the only user of a small instance would be all of them.
    """
    if not isinstance(body, list):
        return Failed(FailureKind.PROTOCOL, asked=False, detail="users: no list")
    if len(body) != 1:
        return Failed(FailureKind.NOT_ENROLLED, asked=False, detail=f"users: {len(body)} match")
    [user] = body
    user_id = user.get("id") if isinstance(user, dict) else None
    if not isinstance(user_id, str) or not ID.fullmatch(user_id):
        return Failed(FailureKind.PROTOCOL, asked=False, detail="users: no usable id")
    if name.casefold() not in names_of(user, attribute):
        return Failed(FailureKind.NOT_ENROLLED, asked=False, detail=f"users: no verified {attribute} of that name")
    if not isinstance(user.get("locked"), bool) or not isinstance(user.get("banned"), bool):
        return Failed(FailureKind.PROTOCOL, asked=False, detail="users: neither locked nor unlocked")
    return ClerkUser(
        user_id,
        shut="banned" if user["banned"] else "locked" if user["locked"] else "",
        totp=user.get("totp_enabled") is True,
        password=user.get("password_enabled") is True,
    )


def names_of(user: Mapping[str, Any], attribute: str) -> set[str]:
    """Return what a user is called, of mail addresses only those that Clerk has verified.

    Everybody can add somebody else's address to the own account; it stays unverified.
    """
    if attribute == "username":
        return {username.casefold()} if isinstance(username := user.get("username"), str) else set()
    return {
        str(entry.get("email_address")).casefold()
        for entry in objects(user.get("email_addresses"))
        if isinstance(entry.get("verification"), dict) and entry["verification"].get("status") == "verified"
    }


def read_code(typed: str) -> str | None:
    """Return a code in the form in which Clerk checks it; None if it can be none.

    Blanks and hyphens are how people read codes out; backup codes may hold letters.
    """
    text = BLANKS.sub("", unicodedata.normalize("NFKC", typed))
    return text if CODE.fullmatch(text) else None


def strategy_of(code: str, ways: tuple[Way, ...]) -> str | None:
    """Return how a code with nothing sent before is checked; None where the person has no such codes."""
    wanted = "totp" if TOTP.fullmatch(code) else "backup_code"
    return wanted if any(way.strategy == wanted for way in ways) else None


def is_verified(body: Any) -> bool:
    """Whether a check of the Backend API says exactly ``"verified": true``."""
    return isinstance(body, dict) and body.get("verified") is True


def read_verification(body: Any) -> Verification | Failed:
    """Read the reply of a verify call."""
    response = body.get("response") if isinstance(body, dict) else None
    status = response.get("status") if isinstance(response, dict) else None
    if not isinstance(response, dict) or not isinstance(status, str) or status not in STATES:
        return Failed(FailureKind.PROTOCOL, asked=True, detail="verify: no state that we know")
    session = response.get("session")
    session = session if isinstance(session, dict) else {}
    return Verification(
        level=clean(str(response.get("level")), 32),
        status=status,
        session_id=str(session.get("id")),
        session_status=str(session.get("status")),
        first_ways=read_ways(response.get("supported_first_factors")),
        second_ways=read_ways(response.get("supported_second_factors")),
        first_status=status_of(response.get("first_factor_verification")),
        second_status=status_of(response.get("second_factor_verification")),
    )


def read_ways(offered: Any) -> tuple[Way, ...]:
    """Read a list of strategies; null is none."""
    return tuple(
        Way(
            str(entry.get("strategy")),
            target=read_target(entry),
            shown=clean(str(entry.get("safe_identifier") or ""), 64),
            usual=entry.get("default") is True or entry.get("primary") is True,
        )
        for entry in objects(offered)
    )


def read_target(entry: Mapping[str, Any]) -> str:
    """Return where a code is sent to; empty for what is no id, as it could not be written into a form."""
    target = entry.get("email_address_id") or entry.get("phone_number_id")
    return target if isinstance(target, str) and ID.fullmatch(target) else ""


def objects(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the objects of a list, whatever the value is."""
    return (entry for entry in (value if isinstance(value, list) else ()) if isinstance(entry, dict))


def status_of(factor: Any) -> str:
    """Return the status of one factor's verification; empty for null."""
    return str(factor.get("status")) if isinstance(factor, dict) else ""


def fault_of_proof(verification: Verification, level: str, session_id: str) -> Failed | None:
    """Say what is missing for an approval; None if the verification proves what was asked."""
    if verification.level != level:
        return Failed(FailureKind.DOWNGRADED, asked=True, detail=f"level {clean(verification.level, 32)}")
    if verification.status != COMPLETE:
        return Failed(FailureKind.PROTOCOL, asked=True, detail=f"not complete: {verification.status}")
    if verification.session_id != session_id:
        return Failed(FailureKind.PROTOCOL, asked=True, detail="the verification of another session")
    if verification.session_status != "active":
        detail = f"the session is {clean(verification.session_status, 32)}"
        return Failed(FailureKind.PROTOCOL, asked=True, detail=detail)
    proved = [verification.second_status] + ([verification.first_status] if level == "multi_factor" else [])
    if any(status != "verified" for status in proved):
        return Failed(FailureKind.DOWNGRADED, asked=True, detail="complete without every factor")
    return None


def read_new_session(body: Any) -> str | Failed:
    """Return the id of the session that a ticket has opened."""
    response = body.get("response") if isinstance(body, dict) else None
    response = response if isinstance(response, dict) else {}
    session_id = response.get("created_session_id")
    if response.get("status") == COMPLETE and isinstance(session_id, str) and ID.fullmatch(session_id):
        return session_id
    # needs_second_factor, needs_client_trust, needs_protect_check: a ticket alone opens no session there.
    detail = f"sign-in: {clean(str(response.get('status')), 32)} in place of a session"
    return Failed(FailureKind.PROTOCOL, asked=True, detail=detail, hint="the instance wants more than a sign-in token")


def read_jwt(headers: Mapping[str, str]) -> str:
    """Return the client JWT that a reply brings, without its scheme; empty if it brings none."""
    value = headers.get("Authorization", "")
    token = value[7:] if value[:7].lower() == "bearer " else value
    return token if TOKEN.fullmatch(token) else ""


def fault_of_token(body: Any, user_id: str, session_id: str) -> Failed | None:
    """Say what a session token lacks as a proof: user, session, and a second factor of this very minute.

    Its signature is not checked: it comes over TLS from Clerk itself and is believed as the verification is.
    """
    try:
        payload = str(body["jwt"]).split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        named = (claims["sub"], claims["sid"])
        age = claims["fva"][1]
    except (ValueError, LookupError, TypeError, RecursionError):
        return Failed(FailureKind.PROTOCOL, asked=True, detail="tokens: no session token with fva")
    if named != (user_id, session_id):
        return Failed(FailureKind.PROTOCOL, asked=True, detail="tokens: of another user or session")
    if isinstance(age, bool) or age != 0:
        return Failed(FailureKind.DOWNGRADED, asked=True, detail="tokens: no second factor within this minute")
    return None
