"""Bypass codes: nine digits that an administrator hands to a person who has nothing else to answer with.

A code is shown once, when it is made: only its HMAC is stored. Functions run inside a transaction of the store.
"""

import secrets
from dataclasses import dataclass

from push_authority import audit
from push_authority.errors import ApiError, not_found
from push_authority.sealing import Sealer
from push_authority.store.base import Row, Transaction

DIGITS = 9
MAX_PER_USER = 5
MAX_USES = 1000
MAX_MINUTES = 366 * 24 * 60

SELECT_BYPASS = "SELECT id, user_id, uses_allowed, uses_remaining, expires FROM bypass"
USABLE = "uses_remaining > 0 AND (expires IS NULL OR expires > ?)"


@dataclass(frozen=True, slots=True)
class BypassCode:
    """A code as it can be shown later: without itself."""

    id: str
    user_id: str
    uses_allowed: int
    uses_remaining: int
    expires: float | None
    """None: never."""


def create(
    tx: Transaction, sealer: Sealer, now: float, user_id: str, uses: int, seconds: float | None
) -> tuple[BypassCode, str]:
    """Make a code for so many uses and so long a time (None: without end); return it with its digits.

    Raises:
        ApiError: the person has as many as are allowed.
    """
    if len(codes_of(tx, now, user_id)) >= MAX_PER_USER:
        raise ApiError(400, "toomanybypasscodes", f"a user may have {MAX_PER_USER} bypass codes")
    code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
    expires = None if seconds is None else now + seconds
    made = BypassCode(secrets.token_hex(20), user_id, uses, uses, expires)
    sql = """INSERT INTO bypass (id, user_id, code_hmac, uses_allowed, uses_remaining, created, expires)
        VALUES (?, ?, ?, ?, ?, ?, ?)"""
    tx.execute(sql, made.id, user_id, digest(sealer, user_id, code), uses, uses, now, expires)
    audit.record(tx, now, "bypass.added", bypass=made.id, user=user_id, uses=uses, seconds=seconds)
    return made, code


def find(tx: Transaction, sealer: Sealer, now: float, user_id: str, code: str) -> BypassCode | None:
    """Return the person's usable code with these digits."""
    sql = f"{SELECT_BYPASS} WHERE user_id = ? AND code_hmac = ? AND {USABLE}"
    return one(tx.execute(sql, user_id, digest(sealer, user_id, code), now))


def take(tx: Transaction, now: float, bypass: BypassCode) -> bool:
    """Use a code once more; False if it has no use left. With the last use it is gone."""
    sql = """UPDATE bypass SET uses_remaining = uses_remaining - 1
        WHERE id = ? AND uses_remaining > 0 AND (expires IS NULL OR expires > ?) RETURNING uses_remaining"""
    rows = tx.execute(sql, bypass.id, now)
    if rows and rows[0][0] == 0:
        tx.execute("DELETE FROM bypass WHERE id = ?", bypass.id)
    return bool(rows)


def codes_of(tx: Transaction, now: float, user_id: str) -> list[BypassCode]:
    """Return a person's usable codes, oldest first."""
    sql = f"{SELECT_BYPASS} WHERE user_id = ? AND {USABLE} ORDER BY seq"
    return [BypassCode(*row) for row in tx.execute(sql, user_id, now)]


def get(tx: Transaction, now: float, bypass_id: str) -> BypassCode:
    """Return a usable code.

    Raises:
        ApiError: there is none with this id.
    """
    bypass = one(tx.execute(f"{SELECT_BYPASS} WHERE id = ? AND {USABLE}", bypass_id, now))
    if bypass is None:
        raise not_found("bypasscode")
    return bypass


def revoke(tx: Transaction, now: float, bypass: BypassCode) -> None:
    """Make a code worthless."""
    tx.execute("DELETE FROM bypass WHERE id = ?", bypass.id)
    audit.record(tx, now, "bypass.removed", bypass=bypass.id, user=bypass.user_id)


def revoke_all(tx: Transaction, now: float, user_id: str) -> None:
    """Make all codes of a person worthless."""
    for bypass in codes_of(tx, now, user_id):
        revoke(tx, now, bypass)


def limit_lifetimes(tx: Transaction, now: float) -> None:
    """Let no code live longer than any may: the machine's clock may have gone back since it was made."""
    latest = now + MAX_MINUTES * 60
    tx.execute("UPDATE bypass SET expires = ? WHERE expires > ?", latest, latest)


def forget_old_codes(tx: Transaction, now: float) -> None:
    """Delete what has expired."""
    tx.execute("DELETE FROM bypass WHERE expires <= ?", now)


def digest(sealer: Sealer, user_id: str, code: str) -> bytes:
    """Return what is stored of a code; equal digits of two people are stored as two things."""
    return sealer.digest(f"bypass|{user_id}|{code}")


def one(rows: list[Row]) -> BypassCode | None:
    """Read the row of a code, if there is one."""
    return BypassCode(*rows[0]) if rows else None
