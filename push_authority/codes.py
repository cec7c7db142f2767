"""Checking a typed code: of which kind it is, whether it is right, and when somebody has tried too often.

Five wrong codes of one person within five minutes lock all codes of that person for a quarter of an hour. Failures and
locks are stored, so a restart is no fresh start. A locked right code is not used up and its answer costs what any
costs; people without codes, and people whom we do not know, are refused at the same price.

Functions run inside a transaction of the store.
"""

import enum
import re
import unicodedata
from dataclasses import dataclass, field

from push_authority import audit, bypass, totp
from push_authority.people import Person
from push_authority.sealing import Sealer
from push_authority.store.base import Transaction

MAX_FAILURES = 5
FAILURE_SECONDS = 300
LOCK_SECONDS = 900

BLANKS = re.compile(r"[\s\u2010-\u2015-]")
NOBODY = "0" * 40
"""Stands for a person who does not exist; no id is all zeros."""

BAD_CODE, LOCKED = "bad_code", "locked"


class Kind(enum.StrEnum):
    """Which key of a create held the code."""

    OTP = "otp"
    BYPASS = "bypasscode"


@dataclass(frozen=True, slots=True)
class TypedCode:
    """A code as somebody typed it, in one spelling."""

    kind: Kind
    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a code has decided: by which method it is right, or why it opens nothing."""

    method: str
    """``totp`` or ``bypass``; ``code`` for one that was refused."""
    refusal: str | None


def normalize(typed: str) -> str:
    """Return a code without what people put between its digits; full-width digits become plain ones.

    Codes are digits: what is not ASCII even then, half a surrogate pair too, becomes a question mark and so no code.
    """
    return BLANKS.sub("", unicodedata.normalize("NFKC", typed)).encode("ascii", "replace").decode("ascii")


def check(
    tx: Transaction, sealer: Sealer, now: float, wall: float, person: Person | None, domain_id: str, typed: TypedCode
) -> Ruling:
    """Check a code of a member of a domain and use it up if it is right; None is a person whom we do not know."""
    member = person is not None and domain_id in person.domains
    user_id = person.id if person and member else NOBODY
    locked = is_locked(tx, now, user_id)
    # Looked up before the lock is heeded: the time must not tell a locked right code from a locked wrong one.
    step = totp.find_step(tx, sealer, wall, user_id, domain_id, typed.digits)
    code = bypass.find(tx, sealer, now, user_id, typed.digits)
    if locked:
        return Ruling("code", LOCKED)
    if typed.kind is Kind.OTP and step is not None and totp.take_step(tx, user_id, domain_id, step):
        return Ruling("totp", None)
    if typed.kind is Kind.BYPASS and code is not None and bypass.take(tx, now, code):
        return Ruling("bypass", None)
    if user_id != NOBODY:
        note_failure(tx, now, user_id)
    return Ruling("code", BAD_CODE)


def is_locked(tx: Transaction, now: float, user_id: str) -> bool:
    """Whether a person's codes are locked."""
    return bool(tx.execute("SELECT 1 FROM code_lock WHERE user_id = ? AND until > ?", user_id, now))


def note_failure(tx: Transaction, now: float, user_id: str) -> None:
    """Count a wrong code, and lock at the last one that is allowed."""
    tx.execute("INSERT INTO code_failure (user_id, at) VALUES (?, ?)", user_id, now)
    sql = "SELECT count(*) FROM code_failure WHERE user_id = ? AND at > ?"
    if tx.execute(sql, user_id, now - FAILURE_SECONDS)[0][0] < MAX_FAILURES:
        return
    tx.execute("DELETE FROM code_failure WHERE user_id = ?", user_id)
    tx.execute("DELETE FROM code_lock WHERE user_id = ?", user_id)
    tx.execute("INSERT INTO code_lock (user_id, until) VALUES (?, ?)", user_id, now + LOCK_SECONDS)
    audit.record(tx, now, "codes.locked", user=user_id, seconds=LOCK_SECONDS)


def limit_lifetimes(tx: Transaction, now: float, wall: float) -> None:
    """Let neither codes nor locks live longer than they may: the machine's clock may have gone back meanwhile."""
    totp.limit_lifetimes(tx, now, wall)
    bypass.limit_lifetimes(tx, now)
    tx.execute("UPDATE code_lock SET until = ? WHERE until > ?", now + LOCK_SECONDS, now + LOCK_SECONDS)
    tx.execute("UPDATE code_failure SET at = ? WHERE at > ?", now, now)


def forget_old(tx: Transaction, now: float) -> None:
    """Delete what has had its time."""
    totp.forget_old_seeds(tx, now)
    bypass.forget_old_codes(tx, now)
    tx.execute("DELETE FROM code_failure WHERE at <= ?", now - FAILURE_SECONDS)
    tx.execute("DELETE FROM code_lock WHERE until <= ?", now)
