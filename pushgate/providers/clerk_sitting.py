"""One person's verification as it goes: which strategy is next, what was sent, and when it is too late to go on."""

import asyncio
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from pushgate.outcome import Handle
from pushgate.providers.clerk_frontend import ClientSession
from pushgate.providers.clerk_wire import FIRST, Verification, Way

SENT = ("phone_code", "email_code")
"""Strategies of which Clerk sends the code."""
RESEND_SECONDS = 30.0
"""Clerk sends no second code within this time."""
RESENDS = 3
LIVES_SECONDS = 600.0
"""How long Clerk takes a code that it has sent."""
SMS = re.compile(r"sms([0-9]{0,4})", re.ASCII)

PROMPTS = {
    "totp": "Code of your authenticator app",
    "backup_code": "Backup code",
    "phone_code": "Code sent to",
    "email_code": "Code sent to",
}
WORDS = {"phone_code": "sms", "email_code": "email"}
"""How a person chooses what is sent."""


@dataclass(eq=False, slots=True)
class Sitting:
    """A verification that is under way, and the session in which it is."""

    name: str
    """Whose, as at the login."""
    key: str
    """Under what the limits count this person."""
    level: str
    session: ClientSession
    verification: Verification
    way: Way = field(default_factory=lambda: Way(""))
    """How the code that is awaited will be checked."""
    sent_at: float = 0.0
    resends: int = 0
    tries: int = 0
    first_proved: bool = False
    """The first factor was proved within this verification: a new one would need it again."""
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)
    """One call of the port at a time: two codes at once must not both be tried."""
    held: bool = False
    """A right password belongs to it: it outlives a question, as the person may choose another way."""
    asked: int = 0
    """The number of the question that counts; an earlier one was withdrawn."""
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    ending: asyncio.Task[None] | None = None
    watch: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        """Whether nothing can be approved any more."""
        return self.ending is not None

    @property
    def factor(self) -> str:
        """Which factor is next: ``first`` or ``second``."""
        return "first" if self.verification.status == FIRST else "second"

    @property
    def ways(self) -> tuple[Way, ...]:
        """What is offered for the next factor."""
        first = self.verification.status == FIRST
        return self.verification.first_ways if first else self.verification.second_ways

    def prompt(self) -> str:
        """Ask for the code."""
        text = PROMPTS[self.way.strategy]
        if self.way.strategy not in SENT:
            return text
        return f"{text} {masked(self.way.shown) or 'you'}"


def masked(shown: str) -> str:
    """Show of an address or number only what its owner knows it by: whoever is at the login may be a stranger."""
    local, at, domain = shown.rpartition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    return f"***{shown[-4:]}" if shown else ""


@dataclass(frozen=True, slots=True)
class SittingQuestion(Handle):
    """A verification that is under way."""

    sitting: Sitting = field(repr=False, compare=False)
    number: int


@dataclass(frozen=True, slots=True)
class CheckedSitting(Handle):
    """A verification in which the password was right; withdrawn, it ends with every question of it."""

    sitting: Sitting = field(repr=False, compare=False)


def choose(sitting: Sitting, word: str) -> Way | None:
    """Choose how the next factor is proved; None where the person has nothing of that kind.

    Args:
        sitting: The verification.
        word: What the person has chosen: ``sms`` with up to four last digits, ``phone``, ``email``; empty: the usual.
    """
    sms = SMS.fullmatch(word)
    if sms or word == "phone":
        wanted, ending = ["phone_code"], sms[1] if sms else ""
    elif word == "email":
        wanted, ending = ["email_code"], ""
    else:
        # A code that the person has costs nothing; backup codes are few.
        wanted = ["email_code", "phone_code"] if sitting.factor == "first" else ["totp", "phone_code", "backup_code"]
        ending = ""
    for strategy in wanted:
        ways = [way for way in sitting.ways if way.strategy == strategy and way.shown.endswith(ending)]
        if ways:
            return next((way for way in ways if way.usual), ways[0])
    return None


def preparation(way: Way) -> Mapping[str, str]:
    """Return the form by which Clerk sends a code."""
    key = "email_address_id" if way.strategy == "email_code" else "phone_number_id"
    return {"strategy": way.strategy} | ({key: way.target} if way.target else {})


def may_resend(sitting: Sitting, now: float) -> bool:
    """Whether another code may be sent for this question now."""
    return sitting.resends < RESENDS and now - sitting.sent_at >= RESEND_SECONDS
