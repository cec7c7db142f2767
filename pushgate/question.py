"""One question to a person: what it is known by, how a code is tried for it, how it is withdrawn."""

import asyncio
import secrets
from dataclasses import dataclass, replace

from pushgate.clock import Clock
from pushgate.login import Code, Login, Method, Push, Secret
from pushgate.outcome import (
    NOBODY_ASKED,
    TYPED_CODE,
    Approved,
    Denied,
    Failed,
    FailureKind,
    Handle,
    NeedsCode,
    Outcome,
    Pending,
)
from pushgate.providers.base import Provider
from pushgate.tasks import finish

CODE_TRIES = 3
Answer = Approved | Denied | Failed
NO_ANSWER = Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")


@dataclass(frozen=True, slots=True)
class Chosen:
    """The person wants to be reached in another way."""

    method: Method


@dataclass(frozen=True, slots=True)
class Question:
    """A question that is out; without a handle it only looks so, because nobody could be asked.

    A stranger must not learn from a login who is enrolled: so a login that asks nobody waits like any other, and what
    is typed meanwhile is checked as well, since a person without a device can have codes.
    """

    provider: Provider
    login: Login
    handle: Handle | None = None
    number: str = ""

    async def wait(self, deadline: float, clock: Clock) -> Answer:
        """Wait for the person's answer on the device."""
        if self.handle is not None:
            return await self.provider.wait(self.handle, deadline)
        await clock.sleep(max(0.0, deadline - clock.now()))
        return NO_ANSWER

    async def submit(self, code: Secret, deadline: float) -> Outcome:
        """Check a code that was typed meanwhile."""
        if not code.value.isascii():
            return Failed(FailureKind.BAD_CODE, asked=True)
        outcome: Outcome
        stranger = not (self.login.known and self.login.permitted)
        if self.handle is not None:
            outcome = await self.provider.submit(self.handle, code.value.decode("ascii"), deadline)
        else:
            # Nobody's codes open a barred account. Asked for a name that nobody has, so that the answer takes as long.
            user = f"nobody-{secrets.token_hex(8)}" if stranger else self.login.user
            outcome = await self.provider.begin(replace(self.login, user=user, factor=Code(code)), deadline)
        if stranger:
            return outcome if isinstance(outcome, Failed | NeedsCode) else Failed(FailureKind.BAD_CODE, asked=True)
        return replace(outcome, device=TYPED_CODE) if isinstance(outcome, Approved) else outcome

    async def withdraw(self) -> None:
        """Take the question back, to the end even if we are cancelled again; bounded by the provider."""
        if self.handle is not None:
            await finish(asyncio.create_task(self.provider.cancel(self.handle)))


def pretend_to_ask(provider: Provider, login: Login) -> Question:
    """Make a question that looks like one that is out; with a number, if the real one would have one to show."""
    drawn = isinstance(login.factor, Push) and login.factor.draw_number
    return Question(provider, login, number=f"{secrets.randbelow(100):02}" if drawn else "")


async def begin_question(provider: Provider, login: Login, deadline: float) -> Outcome:
    """Ask the person.

    If we are cancelled while the request is on its way, the session may come to life all the same: so the request is
    let through to its end, and what it began is withdrawn.
    """
    begun = asyncio.create_task(provider.begin(login, deadline))
    try:
        return await asyncio.shield(begun)
    except asyncio.CancelledError:
        await finish(begun)
        outcome = None if begun.cancelled() or begun.exception() else begun.result()
        if isinstance(outcome, Pending | NeedsCode):
            await Question(provider, login, outcome.handle).withdraw()
        raise


def is_wrong_code(outcome: Outcome) -> bool:
    """Whether the code was of no use and another one may be tried; says the same of people who have no codes."""
    if isinstance(outcome, Failed):
        return outcome.kind is FailureKind.BAD_CODE or outcome.kind in NOBODY_ASKED
    return isinstance(outcome, NeedsCode)


def is_offered(typed: object, ways: frozenset[str]) -> bool:
    """Whether what was typed names a way in which the provider can reach the person; digits may follow ``sms``."""
    return isinstance(typed, Method) and typed.word.rstrip("0123456789") in ways
