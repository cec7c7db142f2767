"""Preparing codes while all is well: seeds for authenticator apps, and break-glass codes for the wallet."""

import hashlib
import os
import secrets
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyotp
from pyotp.exceptions import OTPVerificationError

from pushgate.offline.database import StoreError, database, transaction
from pushgate.offline.locks import is_locked, lift_locks
from pushgate.offline.spelling import Kind, draw_code, read_code

ISSUER = "pushgate offline"
WINDOW = 1
"""Steps of 30 s before and after the present one: the clocks of phone and machine, and the time to read and type."""
MOST_CODES = 50
"""Break-glass codes that a person can have unused."""
SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a person can log in with while nobody can be asked."""

    user: str
    totp: str
    """``active``, ``unconfirmed`` or ``none``."""
    codes: int
    """Break-glass codes that are left."""
    used: int
    last_used: str | None
    """When the last of them was."""
    locked: list[str]
    """Sorts of codes that are locked now, because of wrong ones."""

    def as_json(self) -> dict[str, Any]:
        """Return it for programs."""
        return asdict(self)


def hash_code(code: str, salt: bytes) -> bytes:
    """Hash a break-glass code: 16 MiB and some 50 ms, so never in the loop's thread (RFC 7914)."""
    return hashlib.scrypt(code.encode(), salt=salt, n=2**14, r=8, p=1, maxmem=64 * 1024 * 1024, dklen=32)


def begin_totp(path: Path, user: str, now: float) -> tuple[str, str]:
    """Make a seed that waits for its first code; return it and its address. An active one goes on meanwhile.

    Raises:
        StoreError: the file cannot be used.
    """
    seed = pyotp.random_base32()
    with database(path) as connection, transaction(connection):
        connection.execute("DELETE FROM totp WHERE user = ? AND active = 0", (user,))
        connection.execute("INSERT INTO totp VALUES (?, 0, ?, 0, ?)", (user, seed, now))
    # With the machine's name: each has a file of its own, and an app may hold the seeds of several.
    return seed, pyotp.TOTP(seed).provisioning_uri(name=f"{user}@{os.uname().nodename}", issuer_name=ISSUER)


def confirm_totp(path: Path, user: str, typed: str, now: float) -> bool:
    """Make the waiting seed the active one; False if this is no code of it.

    Raises:
        StoreError: none waits, or the file cannot be used.
    """
    code = read_code(typed)
    with database(path) as connection, transaction(connection):
        row = connection.execute("SELECT seed FROM totp WHERE user = ? AND active = 0", (user,)).fetchone()
        if row is None:
            raise StoreError(f"no seed of {user!r} waits for a code", "make one: pushgate offline totp USER")
        step = matching_step(row[0], code.text, now) if code is not None and code.kind is Kind.TOTP else None
        if step is None:
            return False
        connection.execute("DELETE FROM totp WHERE user = ? AND active = 1", (user,))
        # The first code has been seen by whoever looked over a shoulder: it opens nothing any more.
        sql = "UPDATE totp SET active = 1, last_step = ?, created = ? WHERE user = ? AND active = 0"
        connection.execute(sql, (step, now, user))
        lift_locks(connection, user, Kind.TOTP)
    return True


def matching_step(seed: str, code: str, now: float) -> int | None:
    """Return the step within the window whose code this is (RFC 6238 section 5.2)."""
    try:
        return pyotp.TOTP(seed).verify_and_get_timecode(code, for_time=int(now), valid_window=WINDOW)
    except OTPVerificationError:
        return None


def add_codes(path: Path, user: str, count: int, now: float) -> list[str]:
    """Make break-glass codes, beside those that are left, and return them: only their hashes are kept.

    Raises:
        StoreError: these would be too many, or the file cannot be used.
    """
    codes = [draw_code() for _ in range(count)]
    with database(path) as connection, transaction(connection):
        left = connection.execute("SELECT count(*) FROM code WHERE user = ? AND used IS NULL", (user,)).fetchone()[0]
        if left + count > MOST_CODES:
            hint = "remove the old ones first: pushgate offline remove USER --codes"
            raise StoreError(f"{user!r} would have more than {MOST_CODES} codes", hint)
        # One salt for all codes of a person, so that a try costs one hash, however many there are.
        connection.execute("INSERT OR IGNORE INTO person VALUES (?, ?)", (user, secrets.token_bytes(SALT_BYTES)))
        salt = connection.execute("SELECT salt FROM person WHERE user = ?", (user,)).fetchone()[0]
        hashes = [hash_code(code.replace("-", ""), salt) for code in codes]
        sql = "INSERT INTO code (user, hash, created) VALUES (?, ?, ?)"
        connection.executemany(sql, [(user, each, now) for each in hashes])
        lift_locks(connection, user, Kind.BREAK_GLASS)
    return codes


def everybody(path: Path, now: float) -> list[Prepared]:
    """List who has prepared what.

    Raises:
        StoreError: the file cannot be used.
    """
    with database(path) as connection:
        users = connection.execute("SELECT user FROM totp UNION SELECT user FROM code ORDER BY user").fetchall()
        found = []
        for (user,) in users:
            states = {active for (active,) in connection.execute("SELECT active FROM totp WHERE user = ?", (user,))}
            sql = "SELECT count(*) - count(used), count(used), max(used) FROM code WHERE user = ?"
            left, used, last = connection.execute(sql, (user,)).fetchone()
            when = None if last is None else datetime.fromtimestamp(last, UTC).strftime("%Y-%m-%d %H:%M UTC")
            totp = "active" if 1 in states else "unconfirmed" if 0 in states else "none"
            locked = [kind.value for kind in Kind if is_locked(connection, user, kind, now)]
            found.append(Prepared(user, totp, left, used, when, locked))
    return found


def remove(path: Path, user: str, *, totp: bool, codes: bool) -> bool:
    """Forget what a person has prepared; False if there was nothing.

    Raises:
        StoreError: the file cannot be used.
    """
    with database(path) as connection, transaction(connection):
        removed = 0
        if totp:
            removed += connection.execute("DELETE FROM totp WHERE user = ?", (user,)).rowcount
        if codes:
            removed += connection.execute("DELETE FROM code WHERE user = ?", (user,)).rowcount
            connection.execute("DELETE FROM person WHERE user = ?", (user,))
    return removed > 0
