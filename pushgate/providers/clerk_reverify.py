"""The provider ``clerk``, modes ``reverify-ticket`` and ``reverify-enrolled``: a session is verified again.

::

    session ── verify(level) ── first factor: a password, or a code by mail or SMS ── second factor ── proof ── end

Clerk falls back to ``first_factor`` where the person has no second one: so the level is compared before anybody is
asked. Whatever happens, the session is ended, or given back if it is the enrolment's.
"""

from dataclasses import replace

from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.providers.clerk import OVER, TRIES, WRONG, AppQuestion, Clerk
from pushgate.providers.clerk_backend import BackendApi
from pushgate.providers.clerk_errors import Trouble
from pushgate.providers.clerk_limits import Limits, too_often
from pushgate.providers.clerk_sitting import SENT, SMS, CheckedSitting, Sitting, SittingQuestion
from pushgate.providers.clerk_verifying import Verifier
from pushgate.providers.clerk_wire import FIRST, SECOND, ClerkUser, Verification, Way, read_code, strategy_of

RESEND_WORD = "resend"


class ClerkReverify(Clerk):
    """Verifies people again in a session of theirs."""

    def __init__(
        self,
        backend: BackendApi,
        verifier: Verifier,
        clock: Clock,
        limits: Limits,
        *,
        mail_domain: str = "",
        name: str = "clerk",
    ) -> None:
        """Take the parts, as ``Clerk`` does, and who takes people through verifications."""
        super().__init__(backend, clock, limits, mail_domain=mail_domain, name=name)
        self.verifier = verifier

    @override
    def words(self) -> frozenset[str]:
        # A code cannot be the first factor, and whether a password comes before it is not known here.
        return frozenset({"sms", "email"} if self.verifier.level == "multi_factor" else {"code", "sms"})

    @override
    async def look_for_life(self, deadline: float) -> Failed | None:
        return await super().look_for_life(deadline) or await self.verifier.frontend.look_for_life(deadline)

    @override
    async def password_of(self, login: Login, user: ClerkUser, password: str, deadline: float) -> Checked:
        if self.verifier.level != "multi_factor":
            return await super().password_of(login, user, password, deadline)
        sitting = await self.verifier.sit_down(login.user, self.address(login.user), user.id, deadline)
        if isinstance(sitting, Trouble):
            return sitting.failed
        done = False
        try:
            form = {"strategy": "password", "password": password}
            step = await self.verifier.frontend.attempt(sitting.session, "first", form, deadline)
            if isinstance(step, Verification):
                sitting.verification, sitting.first_proved = step, step.status != FIRST
            done = sitting.first_proved
            if done:
                sitting.held = True
                return PasswordRight(handle=CheckedSitting(sitting.id, sitting))
        finally:
            if not done:
                await self.verifier.leave(sitting)
        if isinstance(step, Trouble) and step.failed.kind is not FailureKind.BAD_PASSWORD:
            return step.failed
        return PasswordWrong(step.failed.detail if isinstance(step, Trouble) else "Clerk asks for it again")

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        outcome: Outcome | None = None
        try:
            outcome = await super().begin(login, deadline)
            return outcome
        finally:
            if not isinstance(outcome, NeedsCode):
                await self.drop_checked(login)

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        await self.drop_checked(login)
        return await super().pretend(login, deadline)

    @override
    async def begin_question(self, login: Login, word: str, deadline: float) -> Outcome:
        known = word in ("", "phone", "email") or SMS.fullmatch(word)
        if not known or (word == "email" and self.verifier.level != "multi_factor"):
            return await super().begin_question(login, word, deadline)
        if word and self.limits.messages.is_spent(self.address(login.user)):
            return too_often("messages")
        sitting = await self.begin_sitting(login, deadline)
        if isinstance(sitting, Failed):
            return sitting
        outcome: Outcome | None = None
        try:
            # The word says how the second factor comes; without a password the first is a code by mail, or by that.
            outcome = await self.verifier.ask(sitting, word, deadline)
            return outcome
        finally:
            if not isinstance(outcome, NeedsCode):
                await self.verifier.leave(sitting)

    @override
    async def begin_code(self, login: Login, typed: str, deadline: float) -> Outcome:
        code = read_code(typed)
        if code is None:
            return WRONG
        if self.verifier.level == "multi_factor" and not isinstance(login.checked, CheckedSitting):
            hint = "set first_factor: provider, or level: second_factor"
            detail = "level multi_factor needs a password before the code"
            return Failed(FailureKind.CONFIG, asked=False, detail=detail, hint=hint)
        sitting = await self.begin_sitting(login, deadline)
        if isinstance(sitting, Failed):
            return sitting
        try:
            strategy = strategy_of(code, sitting.ways)
            if strategy is None:
                return Failed(FailureKind.NOT_ENROLLED, asked=False, detail="no codes of that kind")
            sitting.way = Way(strategy)
            step = await self.verifier.put_in(sitting, strategy, code, deadline)
            if isinstance(step, Verification):
                return await self.verifier.conclude(sitting, step, deadline)
        finally:
            await self.verifier.leave(sitting)
        wrong = step.failed.kind is FailureKind.BAD_CODE
        return replace(step.failed, asked=False) if wrong else step.failed

    async def begin_sitting(self, login: Login, deadline: float) -> Sitting | Failed:
        """Go on from the password, or begin; in either case with the level that was asked."""
        if isinstance(login.checked, CheckedSitting) and login.checked.sitting.name == login.user:
            sitting = login.checked.sitting
            if sitting.over:
                return OVER
        else:
            user = await self.find(login, deadline)
            if isinstance(user, Failed):
                return user
            begun = await self.verifier.sit_down(login.user, self.address(login.user), user.id, deadline)
            if isinstance(begun, Trouble):
                return begun.failed
            sitting = begun
        if sitting.verification.level == sitting.level and sitting.verification.status in (FIRST, SECOND):
            return sitting
        await self.verifier.leave(sitting)
        if sitting.verification.level != sitting.level:
            return Failed(FailureKind.DOWNGRADED, asked=False, detail=f"verify: {sitting.verification.level} only")
        return Failed(FailureKind.PROTOCOL, asked=False, detail="verify: complete before a code was typed")

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        if isinstance(handle, AppQuestion):
            return await super().submit(handle, code, deadline)
        if not isinstance(handle, SittingQuestion):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="not a question of this provider")
        sitting = handle.sitting
        if handle.number != sitting.asked:
            return OVER
        outcome: Approved | NeedsCode | Failed | None = None
        try:
            async with sitting.busy:
                outcome = await self.hear(sitting, code, deadline)
            return outcome
        finally:
            if not isinstance(outcome, NeedsCode):
                await self.verifier.leave(sitting)

    async def hear(self, sitting: Sitting, typed: str, deadline: float) -> Approved | NeedsCode | Failed:
        """Take what was typed: a code, or the wish for another one."""
        if sitting.over:
            return OVER
        if sitting.way.strategy in SENT and typed.strip().casefold() == RESEND_WORD:
            return await self.verifier.resend(sitting, deadline)
        code = read_code(typed)
        strategy = strategy_for(sitting, code) if code is not None else None
        if code is None or strategy is None:
            step: Verification | Trouble = Trouble(WRONG)
        else:
            step = await self.verifier.put_in(sitting, strategy, code, deadline)
        if isinstance(step, Trouble):
            sitting.tries += 1
            wrong = step.failed.kind is FailureKind.BAD_CODE and not step.last
            if wrong and sitting.tries < TRIES:
                return replace(self.verifier.question(sitting), detail=step.failed.detail)
            return replace(step.failed, asked=True)
        if step.status == SECOND:
            # The first factor is proved, and the next has a question of its own.
            sitting.verification, sitting.tries, sitting.first_proved = step, 0, True
            following = await self.verifier.ask(sitting, "", deadline)
            return replace(following, resent=True) if isinstance(following, NeedsCode) else following
        return await self.verifier.conclude(sitting, step, deadline)

    async def drop_checked(self, login: Login) -> None:
        """End what the check of the password has begun, if the login goes no further."""
        if isinstance(login.checked, CheckedSitting):
            await self.verifier.leave(login.checked.sitting)

    @override
    async def cancel(self, handle: Handle) -> None:
        match handle:
            case SittingQuestion() if handle.sitting.held:
                # The person may go another way with the same password; with that it ends.
                handle.sitting.asked += handle.number == handle.sitting.asked
            case SittingQuestion() | CheckedSitting():
                await self.verifier.leave(handle.sitting)
            case _:
                await super().cancel(handle)

    @override
    async def close(self) -> None:
        await self.verifier.close()
        await super().close()


def strategy_for(sitting: Sitting, code: str) -> str | None:
    """Return how what was typed is checked: as what was asked for, or as a backup code if it looks like one."""
    if len(code) == 6 and code.isdigit():
        return sitting.way.strategy
    return strategy_of(code, sitting.ways)
