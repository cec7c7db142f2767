"""Time-based one-time codes (RFC 6238): six digits every 30 seconds, from a seed that an app shares with us.

A seed opens nothing until a first code has shown that the app has it. Each step counts once: the step of a right code
is stored by compare-and-set, and what is not newer is refused (RFC 6238 section 5.2).

Functions run inside a transaction of the store. ``wall`` is the time of day, by which the app counts too.
"""

from dataclasses import dataclass

import pyotp
from pyotp.exceptions import OTPVerificationError

from push_authority import audit
from push_authority.errors import ApiError, not_found
from push_authority.sealing import Sealer
from push_authority.store.base import Transaction

LIFETIME = 24 * 3600
"""Seconds that a seed waits for its first code; it may travel to the person by way of the administrator."""
DIGITS = 6
STEP_SECONDS = 30
WINDOW = 1
"""Steps before and after the present one: the clock of a phone, and the time to read and type."""

NOBODYS_SEED = "A" * 32
"""What a code is checked against where nothing is enrolled, so that it takes as long; what it says is not looked at."""


@dataclass(frozen=True, slots=True)
class TotpState:
    """What a person has: since when a seed is active, until when one waits for its first code."""

    active_since: float | None
    pending_until: float | None


def begin(tx: Transaction, sealer: Sealer, now: float, user_id: str, domain_id: str) -> str:
    """Make a seed that waits for its first code, and return it; an active one goes on meanwhile."""
    seed = pyotp.random_base32()
    tx.execute("DELETE FROM totp WHERE user_id = ? AND domain_id = ? AND active = 0", user_id, domain_id)
    sql = "INSERT INTO totp (user_id, domain_id, active, seed_enc, created, expires) VALUES (?, ?, 0, ?, ?, ?)"
    tx.execute(sql, user_id, domain_id, sealer.seal(seed, place(user_id, domain_id)), now, now + LIFETIME)
    return seed


def confirm(
    tx: Transaction, sealer: Sealer, now: float, wall: float, user_id: str, domain_id: str, code: str, by: str
) -> None:
    """Make the waiting seed the active one.

    Raises:
        ApiError: none waits; or the code is not of it.
    """
    sql = "SELECT seed_enc FROM totp WHERE user_id = ? AND domain_id = ? AND active = 0 AND expires > ?"
    rows = tx.execute(sql, user_id, domain_id, now)
    seed = sealer.open(rows[0][0], place(user_id, domain_id)) if rows else None
    if seed is None:
        raise not_found("totp")
    step = matching_step(seed, code, wall)
    if step is None:
        raise ApiError(400, "badcode", "not a code of this seed at this time")
    tx.execute("DELETE FROM totp WHERE user_id = ? AND domain_id = ? AND active = 1", user_id, domain_id)
    sql = """UPDATE totp SET active = 1, last_step = ?, created = ?, expires = NULL
        WHERE user_id = ? AND domain_id = ? AND active = 0"""
    tx.execute(sql, step, now, user_id, domain_id)
    audit.record(tx, now, "totp.added", user=user_id, domain=domain_id, by=by)


def find_step(tx: Transaction, sealer: Sealer, wall: float, user_id: str, domain_id: str, code: str) -> int | None:
    """Return the step of a right code; None if it is wrong, or nothing is enrolled. Takes the same time for all."""
    sql = "SELECT seed_enc FROM totp WHERE user_id = ? AND domain_id = ? AND active = 1"
    rows = tx.execute(sql, user_id, domain_id)
    sealed = rows[0][0] if rows else sealer.seal(NOBODYS_SEED, place(user_id, domain_id))
    seed = sealer.open(sealed, place(user_id, domain_id))
    step = matching_step(seed or NOBODYS_SEED, code, wall)
    return step if rows and seed else None


def take_step(tx: Transaction, user_id: str, domain_id: str, step: int) -> bool:
    """Use a step up; False if it, or a later one, has been used."""
    sql = """UPDATE totp SET last_step = ? WHERE user_id = ? AND domain_id = ? AND active = 1 AND last_step < ?
        RETURNING last_step"""
    return bool(tx.execute(sql, step, user_id, domain_id, step))


def matching_step(seed: str, code: str, wall: float) -> int | None:
    """Return the step within the window whose code this is."""
    try:
        step = pyotp.TOTP(seed).verify_and_get_timecode(code, for_time=wall, valid_window=WINDOW)
    except OTPVerificationError:
        return None
    return step if len(code) == DIGITS and code.isascii() and code.isdigit() else None


def totp_state(tx: Transaction, now: float, user_id: str, domain_id: str) -> TotpState:
    """Say what a person has."""
    sql = "SELECT active, created, expires FROM totp WHERE user_id = ? AND domain_id = ?"
    rows = tx.execute(sql, user_id, domain_id)
    active = [created for is_active, created, _ in rows if is_active]
    pending = [expires for is_active, _, expires in rows if not is_active and expires > now]
    return TotpState(active[0] if active else None, pending[0] if pending else None)


def remove(tx: Transaction, now: float, user_id: str, domain_id: str) -> bool:
    """Forget a person's seeds; False if there were none."""
    sql = "DELETE FROM totp WHERE user_id = ? AND domain_id = ? RETURNING active"
    rows = tx.execute(sql, user_id, domain_id)
    if any(active for (active,) in rows):
        audit.record(tx, now, "totp.removed", user=user_id, domain=domain_id)
    return bool(rows)


def provisioning_uri(seed: str, username: str, issuer: str) -> str:
    """Return the ``otpauth://`` address that an app reads out of a QR code."""
    return pyotp.TOTP(seed).provisioning_uri(name=username, issuer_name=issuer)


def limit_lifetimes(tx: Transaction, now: float, wall: float) -> None:
    """Bring what is stored into the time of this run: the machine's clock may have gone back meanwhile."""
    tx.execute("UPDATE totp SET expires = ? WHERE expires > ?", now + LIFETIME, now + LIFETIME)
    # A code that was used while the clock ran ahead would lock its person out until that day comes.
    latest = int(wall // STEP_SECONDS) + WINDOW
    tx.execute("UPDATE totp SET last_step = ? WHERE last_step > ?", latest, latest)


def forget_old_seeds(tx: Transaction, now: float) -> None:
    """Delete seeds whose first code never came."""
    tx.execute("DELETE FROM totp WHERE expires <= ?", now)


def place(user_id: str, domain_id: str) -> str:
    """Bind a sealed seed to its person and domain; it stays there when it becomes active."""
    return f"totp|seed_enc|{user_id}/{domain_id}"
