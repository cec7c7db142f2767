"""How far one login at ThreatWinds has come, and what the person is asked."""

import asyncio
from dataclasses import dataclass, field

from pushgate.outcome import Failed, Handle, NeedsCode
from pushgate.providers.threatwinds_wire import Session


@dataclass(slots=True)
class Attempt:
    """How far one login has come."""

    shown: str
    """What the person sees of the address."""
    address: str = field(repr=False)
    session: Session | None = field(repr=False)
    """None for a stranger: nothing was mailed, and no code is right."""
    expires_at: float
    mailed_at: float
    wrong: int = 0
    resends: int = 0
    over: Failed | None = None
    """What every further code gets."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    def finish(self, failed: Failed) -> None:
        """Take no more codes."""
        self.over = self.over or failed
        self.ended.set()


@dataclass(frozen=True, slots=True)
class MailedCode(Handle):
    """The question of one login; a new mail does not change it."""

    attempt: Attempt = field(repr=False, compare=False)


def again(handle: MailedCode, first: str = "") -> NeedsCode:
    """Ask for the code, after a word about what was asked for in its place."""
    attempt = handle.attempt
    sent = f"Code sent to {attempt.shown}" if attempt.shown else "Code sent by e-mail"
    return NeedsCode(handle, f"{first} {sent}".lstrip(), way="email", wrong=not first, expires_at=attempt.expires_at)
