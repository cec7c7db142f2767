"""Activation codes: shown to a person once, typed into a new device, found by HMAC, single use."""

import ipaddress
import re
import secrets
from collections import deque
from dataclasses import dataclass, field

from push_authority.devices import Device, NewDevice, add_device, find_device
from push_authority.errors import not_found, rate_limited
from push_authority.sealing import Sealer
from push_authority.store.base import Transaction

ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
CODE_LENGTH = 10
LIFETIME = 24 * 3600
"""Seconds; codes of the LoginTC API travel by mail."""

WRONG_PER_SOURCE = 5
WRONG_IN_ALL = 6000
WRONG_WINDOW = 600
"""Seconds in which wrong codes count. 10 tries a second hit one of 30^10 codes within its day with odds of 1 to 700
million; a bound of a few would let anybody keep everybody from enrolling by typing nonsense now and then."""


@dataclass(frozen=True, slots=True)
class PendingCode:
    """A code that waits to be typed."""

    code: str = field(repr=False)
    expires: float


def normalize(code: str) -> str | None:
    """Return what was typed in the spelling that is signed and stored; None if it can be no code."""
    plain = re.sub(r"[\s-]", "", code).lower()
    return plain if len(plain) == CODE_LENGTH and set(plain) <= set(ALPHABET) else None


class WrongCodes:
    """Counts wrong codes, so that guessing ends long before it succeeds; holds at most ``WRONG_IN_ALL``."""

    def __init__(self) -> None:
        self.wrong: deque[tuple[float, str]] = deque()

    def check(self, now: float, source: str) -> None:
        """Refuse a source, or everybody, after too many wrong codes.

        Raises:
            ApiError: too many; ``Retry-After`` says when the oldest is forgotten.
        """
        while self.wrong and self.wrong[0][0] <= now - WRONG_WINDOW:
            self.wrong.popleft()
        # All users of this machine look alike on loopback: one of them must not lock out the others.
        own = [] if is_loopback(source) else [at for at, other in self.wrong if other == source]
        if len(self.wrong) >= WRONG_IN_ALL or len(own) >= WRONG_PER_SOURCE:
            oldest = self.wrong[0][0] if len(self.wrong) >= WRONG_IN_ALL else own[0]
            raise rate_limited("too many wrong activation codes", retry_after=int(oldest + WRONG_WINDOW - now) + 1)

    def add(self, now: float, source: str) -> None:
        """Count one wrong code; to be called after ``check`` has let it pass."""
        self.wrong.append((now, source))


def is_loopback(source: str) -> bool:
    """Whether a source is this machine; what is no address is not."""
    try:
        return ipaddress.ip_address(source).is_loopback
    except ValueError:
        return False


def issue_code(tx: Transaction, sealer: Sealer, now: float, user_id: str, domain_id: str) -> PendingCode:
    """Return the person's pending code; make one if there is none."""
    pending = pending_code(tx, sealer, now, user_id, domain_id)
    if pending:
        return pending
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))
    tx.execute("DELETE FROM activation WHERE user_id = ? AND domain_id = ?", user_id, domain_id)
    tx.execute(
        "INSERT INTO activation (user_id, domain_id, code_hmac, code_enc, expires) VALUES (?, ?, ?, ?, ?)",
        *(user_id, domain_id, sealer.digest(code), sealer.seal(code, place(user_id, domain_id)), now + LIFETIME),
    )
    return PendingCode(code, now + LIFETIME)


def pending_code(tx: Transaction, sealer: Sealer, now: float, user_id: str, domain_id: str) -> PendingCode | None:
    """Return the code that the person could still type, if any."""
    sql = "SELECT code_enc, expires FROM activation WHERE user_id = ? AND domain_id = ? AND expires > ?"
    rows = tx.execute(sql, user_id, domain_id, now)
    if not rows or rows[0][0] is None:
        return None
    code = sealer.open(rows[0][0], place(user_id, domain_id))
    return PendingCode(code, rows[0][1]) if code else None


def activate(tx: Transaction, sealer: Sealer, now: float, code: str, new: NewDevice) -> Device:
    """Exchange a code for a device; the same code with the same key again returns the same device.

    Raises:
        ApiError: the code is wrong, used, or too old; or the person has too many devices.
    """
    sql = "SELECT user_id, domain_id, device_id FROM activation WHERE code_hmac = ? AND expires > ?"
    rows = tx.execute(sql, sealer.digest(code), now)
    if not rows:
        raise not_found("code")
    user_id, domain_id, device_id = rows[0]
    if device_id is not None:
        device = find_device(tx, device_id)
        if device is None or device.public_key != new.public_key:
            raise not_found("code")
        return device
    device = add_device(tx, now, user_id, domain_id, new)
    sql = "UPDATE activation SET device_id = ?, code_enc = NULL WHERE user_id = ? AND domain_id = ?"
    tx.execute(sql, device.id, user_id, domain_id)
    return device


def cancel_code(tx: Transaction, user_id: str, domain_id: str) -> None:
    """Make a person's code worthless."""
    tx.execute("DELETE FROM activation WHERE user_id = ? AND domain_id = ?", user_id, domain_id)


def limit_lifetimes(tx: Transaction, now: float) -> None:
    """Let no code live longer than it may: the machine's clock may have gone back since it was made."""
    tx.execute("UPDATE activation SET expires = ? WHERE expires > ?", now + LIFETIME, now + LIFETIME)


def forget_old_codes(tx: Transaction, now: float) -> None:
    """Delete what can no longer be used."""
    tx.execute("DELETE FROM activation WHERE expires <= ?", now)


def place(user_id: str, domain_id: str) -> str:
    """Bind a sealed code to its row."""
    return f"activation|code_enc|{user_id}/{domain_id}"
