"""Who and what Clerk's simulator knows: people, clients, their sessions, verifications under way."""

import base64
import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from typing import Any

TEST_KEY = b"a key of the simulator's"


@dataclass
class Person:
    """One user of the instance."""

    id: str
    username: str
    password: str | None = "correct horse"
    totp: str | None = "012345"
    """The code that the authenticator app shows now; None: no app."""
    backup_codes: set[str] = field(default_factory=lambda: {"abcd2345"})
    emails: dict[str, str] = field(default_factory=dict)
    """By ``email_address_id``."""
    unverified: set[str] = field(default_factory=set)
    """Addresses that this person has only claimed."""
    phones: dict[str, str] = field(default_factory=dict)
    banned: bool = False
    locked: bool = False
    failures: int = 0

    def factors(self, factor: str) -> list[dict[str, Any]]:
        """List what is offered for the ``first`` or ``second`` factor."""
        phones = [
            {"strategy": "phone_code", "phone_number_id": each, "safe_identifier": f"+*******{number[-4:]}"}
            for each, number in self.phones.items()
        ]
        if factor == "first":
            mails = [
                {"strategy": "email_code", "email_address_id": each, "safe_identifier": address, "primary": True}
                for each, address in self.emails.items()
                if address not in self.unverified
            ]
            return ([{"strategy": "password"}] if self.password else []) + mails + phones
        app = [{"strategy": "totp"}] if self.totp else []
        return app + phones + ([{"strategy": "backup_code"}] if self.backup_codes and (app or phones) else [])

    def as_json(self) -> dict[str, Any]:
        """Describe the user as the Backend API does."""
        addresses = [
            {
                "id": each,
                "email_address": address,
                "verification": {"status": "unverified" if address in self.unverified else "verified"},
            }
            for each, address in self.emails.items()
        ]
        return {
            "id": self.id,
            "object": "user",
            "username": self.username,
            "email_addresses": addresses,
            "banned": self.banned,
            "locked": self.locked,
            "totp_enabled": self.totp is not None,
            "two_factor_enabled": bool(self.factors("second")),
            "backup_code_enabled": bool(self.backup_codes),
            "password_enabled": self.password is not None,
            "verification_attempts_remaining": max(0, 10 - self.failures),
            "lockout_expires_in_seconds": 3600 if self.locked else None,
        }


@dataclass
class Reverification:
    """A verification that is under way."""

    id: str
    level: str
    status: str
    first: dict[str, Any] | None = None
    second: dict[str, Any] | None = None
    sent: dict[tuple[str, str], str] = field(default_factory=dict)
    """The code that was sent last, by factor and strategy."""


@dataclass
class Client:
    """A native app, known by its newest JWT."""

    id: str
    jwt: str = ""


@dataclass
class Session:
    """A session of a client."""

    id: str
    person: Person
    client: Client
    status: str = "active"
    verification: Reverification | None = None
    proved: dict[str, float] = field(default_factory=dict)
    """When each factor was proved last."""

    def age(self, now: float) -> list[int]:
        """Return the minutes since each factor was proved, -1 for never."""
        return [int((now - self.proved[each]) // 60) if each in self.proved else -1 for each in ("first", "second")]

    def as_json(self, now: float) -> dict[str, Any]:
        """Describe the session as the Frontend API does."""
        return {
            "object": "session",
            "id": self.id,
            "status": self.status,
            "expire_at": 1_900_000_000_000,
            "abandon_at": 1_900_000_000_000,
            "last_active_at": 1_700_000_000_000,
            "actor": None,
            "tasks": None,
            "factor_verification_age": self.age(now),
        }


class Jwts:
    """Makes tokens in the form of JWTs, no two alike."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)

    def make(self, **claims: Any) -> str:
        """Sign claims."""
        parts = [encode({"alg": "HS256", "typ": "JWT"}), encode({"n": next(self.numbers), **claims})]
        signature = hmac.digest(TEST_KEY, ".".join(parts).encode(), hashlib.sha256)
        return ".".join([*parts, base64.urlsafe_b64encode(signature).decode().rstrip("=")])


def encode(value: dict[str, Any]) -> str:
    """Write one part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
