"""Verifying a session again, step by step: begin, have a code sent, hand one in, compare what is proved, end."""

import asyncio
import contextlib
from dataclasses import replace

import structlog

from pushgate.clock import Clock
from pushgate.outcome import TYPED_CODE, Approved, Failed, FailureKind, NeedsCode
from pushgate.providers.base import WITHDRAW_SECONDS
from pushgate.providers.clerk_errors import Remedy, Trouble
from pushgate.providers.clerk_frontend import ClientSession, FrontendApi
from pushgate.providers.clerk_limits import Limits, counts, too_often
from pushgate.providers.clerk_sessions import Sessions
from pushgate.providers.clerk_sitting import (
    LIVES_SECONDS,
    SENT,
    WORDS,
    Sitting,
    SittingQuestion,
    choose,
    may_resend,
    preparation,
)
from pushgate.providers.clerk_wire import Verification, fault_of_proof
from pushgate.tasks import finish
from pushgate.text import clean

log = structlog.get_logger()

GRACE_SECONDS = 900.0
"""A question that nobody ends is ended so long after its deadline: as long as one can wait for a second attempt."""


class Verifier:
    """Takes people through verifications; no call raises but ``CancelledError``."""

    def __init__(
        self,
        frontend: FrontendApi,
        sessions: Sessions,
        clock: Clock,
        limits: Limits,
        *,
        level: str = "second_factor",
        prove_by_token: bool = False,
    ) -> None:
        """Take the parts.

        Args:
            frontend: The Frontend API.
            sessions: Where sessions come from.
            clock: Time.
            limits: What one person may cost.
            level: ``second_factor`` or ``multi_factor``.
            prove_by_token: Have a session token say as well that there was a second factor.
        """
        self.frontend, self.sessions, self.clock, self.limits = frontend, sessions, clock, limits
        self.level, self.prove_by_token = level, prove_by_token
        self.open: set[Sitting] = set()

    async def sit_down(self, name: str, key: str, user_id: str, deadline: float) -> Sitting | Trouble:
        """Open a session and begin a verification; to the end, even if we are cancelled meanwhile."""
        opening = asyncio.create_task(self.open_and_verify(name, key, user_id, deadline))
        try:
            return await asyncio.shield(opening)
        except asyncio.CancelledError:
            # The ticket may be used already: only now can be known which session has to be ended.
            await finish(opening)
            sitting = opening.result()
            if isinstance(sitting, Sitting):
                await self.leave(sitting)
            raise

    async def open_and_verify(self, name: str, key: str, user_id: str, deadline: float) -> Sitting | Trouble:
        """Open a session and begin a verification; a session that Clerk does not know any more is replaced once."""
        session = await self.sessions.open(user_id, deadline)
        if isinstance(session, Trouble):
            return session
        verification = await self.verify(session, deadline)
        if isinstance(verification, Trouble):
            await self.sessions.close(session)
            return verification
        sitting = Sitting(name, key, self.level, session, verification)
        self.open.add(sitting)
        sitting.watch = asyncio.create_task(self.end_late(sitting, deadline + GRACE_SECONDS))
        return sitting

    async def verify(self, session: ClientSession, deadline: float) -> Verification | Trouble:
        """Begin a verification; what can be tried once more is."""
        verification = await self.frontend.verify(session, self.level, deadline)
        if not isinstance(verification, Trouble) or verification.remedy is Remedy.NONE:
            return verification
        if verification.remedy is Remedy.NEW_TICKET:
            trouble = await self.sessions.renew(session, deadline)
            if trouble is not None:
                return trouble
        return await self.frontend.verify(session, self.level, deadline)

    async def ask(self, sitting: Sitting, word: str, deadline: float) -> NeedsCode | Failed:
        """Ask for the code of the next factor; have it sent, if it is one that Clerk sends."""
        way = choose(sitting, word)
        if way is None:
            detail = f"no {word or 'usable'} {sitting.factor} factor"
            return Failed(FailureKind.NOT_ENROLLED, asked=False, detail=detail)
        sitting.way, sitting.asked = way, sitting.asked + 1
        if way.strategy in SENT:
            failed = await self.send(sitting, deadline)
            if failed is not None:
                return failed
        return self.question(sitting)

    async def send(self, sitting: Sitting, deadline: float) -> Failed | None:
        """Have a code sent; None if it was."""
        if not self.limits.messages.take(sitting.key):
            return too_often("messages")
        step = await self.frontend.prepare(sitting.session, sitting.factor, preparation(sitting.way), deadline)
        if isinstance(step, Trouble):
            return step.failed
        sitting.verification, sitting.sent_at = step, self.clock.now()
        return None

    def question(self, sitting: Sitting, *, fresh: bool = False) -> NeedsCode:
        """Return the question for the code that is awaited; ``fresh``: nothing was wrong before it."""
        sent = sitting.way.strategy in SENT
        return NeedsCode(
            SittingQuestion(sitting.id, sitting, sitting.asked),
            sitting.prompt(),
            way=WORDS.get(sitting.way.strategy, ""),
            asked=sent,
            resent=fresh,
            expires_at=sitting.sent_at + LIVES_SECONDS if sent else None,
        )

    async def resend(self, sitting: Sitting, deadline: float) -> NeedsCode | Failed:
        """Have another code sent, if Clerk would; the old one stays valid where not."""
        if may_resend(sitting, self.clock.now()):
            failed = await self.send(sitting, deadline)
            if failed is not None and failed.kind is not FailureKind.RATE_LIMITED:
                return failed
            sitting.resends += 1
        return self.question(sitting, fresh=True)

    async def put_in(self, sitting: Sitting, strategy: str, code: str, deadline: float) -> Verification | Trouble:
        """Hand a code in, if the person has any tries left."""
        keys = (sitting.key, sitting.session.user_id)
        if not self.limits.codes.take(*keys):
            return Trouble(too_often("wrong codes"), last=True)
        step = await self.attempt(sitting, strategy, code, deadline)
        if isinstance(step, Verification) or not counts(step.failed):
            self.limits.codes.give_back(*keys)
        elif step.failed.hint:
            who = clean(sitting.name, 128)
            log.warning(
                "clerk_warns", user=who, detail=step.failed.detail, trace=step.failed.trace, hint=step.failed.hint
            )
        return step

    async def attempt(self, sitting: Sitting, strategy: str, code: str, deadline: float) -> Verification | Trouble:
        """Hand a code in; where Clerk has lost the verification, once more in a new one, if that needs nothing else."""
        form = {"strategy": strategy, "code": code}
        status = sitting.verification.status
        step = await self.frontend.attempt(sitting.session, sitting.factor, form, deadline)
        if isinstance(step, Trouble) and step.remedy is not Remedy.NONE:
            if sitting.first_proved or strategy in SENT:
                detail = f"{step.failed.detail}: the code or password before it is lost with it"
                return replace(step, failed=replace(step.failed, kind=FailureKind.EXPIRED, detail=detail), last=True)
            trouble = await self.start_again(sitting, step.remedy, deadline)
            if trouble is not None:
                return trouble
            step = await self.frontend.attempt(sitting.session, sitting.factor, form, deadline)
        if isinstance(step, Verification) and step.status == status:
            detail = f"attempt: still {status}"
            return Trouble(Failed(FailureKind.BAD_CODE, asked=True, detail=detail))
        return step

    async def start_again(self, sitting: Sitting, remedy: Remedy, deadline: float) -> Trouble | None:
        """Begin the verification anew; None if it has come to where it was."""
        if remedy is Remedy.NEW_TICKET:
            trouble = await self.sessions.renew(sitting.session, deadline)
            if trouble is not None:
                return trouble
        again = await self.frontend.verify(sitting.session, sitting.level, deadline)
        if isinstance(again, Trouble):
            return again
        if again.level != sitting.level or again.status != sitting.verification.status:
            return Trouble(Failed(FailureKind.DOWNGRADED, asked=True, detail=f"verify: {again.level} only"), last=True)
        sitting.verification = again
        return None

    async def conclude(self, sitting: Sitting, step: Verification, deadline: float) -> Approved | Failed:
        """Approve, if every condition holds; the session must still be open."""
        failed = fault_of_proof(step, sitting.level, sitting.session.id)
        if failed is None and self.prove_by_token:
            failed = await self.frontend.prove_by_token(sitting.session, deadline)
        return failed or Approved(device=TYPED_CODE, detail=sitting.way.strategy)

    async def leave(self, sitting: Sitting) -> None:
        """End a verification, once; waits for that only as long as a cancel may take, then it goes on behind us."""
        if sitting.ending is None:
            sitting.ending = asyncio.create_task(self.sessions.close(sitting.session))
            sitting.ending.add_done_callback(lambda _: self.open.discard(sitting))
            if sitting.watch is not None and sitting.watch is not asyncio.current_task():
                sitting.watch.cancel()
        with contextlib.suppress(TimeoutError):
            async with self.clock.timeout_at(self.clock.now() + WITHDRAW_SECONDS):
                await asyncio.shield(sitting.ending)

    async def end_late(self, sitting: Sitting, deadline: float) -> None:
        """End a verification that nobody has ended."""
        await self.clock.sleep(max(0.0, deadline - self.clock.now()))
        await self.leave(sitting)

    async def close(self) -> None:
        """End every verification that is under way."""
        for sitting in list(self.open):
            await self.leave(sitting)
        for sitting in list(self.open):
            if sitting.ending is not None:
                await finish(sitting.ending)
        await self.frontend.close()
