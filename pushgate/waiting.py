"""While a question is out: wait for the person under one deadline, hear what is typed, withdraw the question."""

import asyncio
import secrets
from dataclasses import dataclass, replace

from pushgate.clock import Clock
from pushgate.conversation import CannotAsk, Conversation
from pushgate.factors import Cancel, read_answer
from pushgate.login import Code, Login, Push, Secret
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
from pushgate.words import Words

LAST_LOOK_SECONDS = 0.5
"""What a provider may take after the deadline for its last look at the session."""
CODE_TRIES = 3
Answer = Approved | Denied | Failed
NO_ANSWER = Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")


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
            return outcome if isinstance(outcome, Failed) else Failed(FailureKind.BAD_CODE, asked=True)
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


class Waiting:
    """One question from the moment it is out until the login has its outcome."""

    def __init__(
        self, question: Question, conversation: Conversation, deadline: float, clock: Clock, words: Words
    ) -> None:
        self.question, self.conversation, self.words = question, conversation, words
        self.deadline, self.clock = deadline, clock
        self.wrong_codes = 0

    async def outcome(self) -> Outcome:
        """Wait until the person has answered, a right code was typed, or the deadline has come.

        On every way out but an answer on the device the question is withdrawn, also where the front end fails at
        being told.
        """
        outcome: Outcome | None = None
        answer = asyncio.create_task(self.question.wait(self.deadline, self.clock))
        try:
            async with self.clock.timeout_at(self.deadline + LAST_LOOK_SECONDS):
                if self.question.handle is None and self.conversation.may_know:
                    outcome = await self.ask_for_code()
                else:
                    await self.conversation.tell(self.words.announcement(self.question.number))
                    outcome = await self.converse(answer)
        except TimeoutError:
            outcome = NO_ANSWER
        finally:
            # An approval that comes while we leave is one that nobody waits for: it opens nothing.
            answered = has_said(answer, outcome)
            answer.cancel()
            await finish(answer)
            if not (answered and isinstance(outcome, Approved | Denied)):
                await self.question.withdraw()
        if not isinstance(outcome, Failed):
            return outcome
        await self.level(outcome)
        # From here on nothing fails open: the person has been asked, or it shall look so.
        return replace(outcome, asked=True)

    async def level(self, failure: Failed) -> None:
        """Let an ignored question end at the same moment whether there was somebody to ask or not.

        The last look at a session and its withdrawal take time that a question without one does not need.
        """
        if failure.kind is FailureKind.EXPIRED and self.clock.now() >= self.deadline:
            await self.clock.sleep(max(0.0, self.deadline + LAST_LOOK_SECONDS - self.clock.now()))

    async def converse(self, answer: "asyncio.Task[Answer]") -> Outcome:
        """Wait for the device; whenever the front end must speak, let it ask, and hear what was typed."""
        question = prompt = self.words.question(self.question.number)
        # A person who has mistyped a code is told at once.
        while not (answer.done() if prompt != question and self.conversation.can_ask else await self.answered(answer)):
            try:
                typed = read_answer(await self.conversation.ask(prompt, echo=True))
            except CannotAsk:
                return NO_ANSWER
            if isinstance(typed, Cancel):
                return Failed(FailureKind.GIVEN_UP, asked=True)
            prompt = question
            # What was answered on the device while the question was open comes before any code: a denial above all.
            if isinstance(typed, Code) and not answer.done():
                outcome = await self.check(typed)
                if outcome is not None:
                    return outcome
                prompt = self.words.again(question)
        return answer.result()

    async def ask_for_code(self) -> Outcome:
        """Let a person whom no device can ask type a code; Enter gives up."""
        prompt = self.words.code_alone
        while True:
            try:
                typed = read_answer(await self.conversation.ask(prompt, echo=True))
            except CannotAsk:
                return NO_ANSWER
            if not isinstance(typed, Code):
                return NO_ANSWER
            outcome = await self.check(typed)
            if outcome is not None:
                return outcome
            prompt = self.words.again(self.words.code_alone)

    async def check(self, typed: Code) -> Outcome | None:
        """Check a code; None if it was wrong and another may be tried."""
        outcome = await self.question.submit(typed.code, self.deadline)
        if not is_wrong_code(outcome):
            return outcome
        self.wrong_codes += 1
        return Failed(FailureKind.BAD_CODE, asked=True) if self.wrong_codes == CODE_TRIES else None

    async def answered(self, answer: "asyncio.Task[Answer]") -> bool:
        """Wait for the device until the front end must speak; whether the device came first."""
        while True:
            speak_by = self.speak_by()
            if speak_by is None:
                await asyncio.shield(answer)
                return True
            try:
                async with self.clock.timeout_at(speak_by):
                    await asyncio.shield(answer)
                return True
            except TimeoutError:
                # Another packet of the same login may have come meanwhile: then there is more time.
                speak_by = self.speak_by()
                if speak_by is not None and speak_by <= self.clock.now():
                    return answer.done()

    def speak_by(self) -> float | None:
        """Return when the front end must say something; where that can only be a no, after the last look."""
        reply_by = self.conversation.reply_by
        if reply_by is None or self.conversation.can_ask:
            return reply_by
        return reply_by + LAST_LOOK_SECONDS


def has_said(answer: "asyncio.Task[Answer]", outcome: Outcome | None) -> bool:
    """Whether this outcome is what the device answered."""
    if outcome is None or not answer.done() or answer.cancelled() or answer.exception() is not None:
        return False
    return answer.result() is outcome


def is_wrong_code(outcome: Outcome) -> bool:
    """Whether the code was of no use and another one may be tried; says the same of people who have no codes."""
    if isinstance(outcome, Failed):
        return outcome.kind is FailureKind.BAD_CODE or outcome.kind in NOBODY_ASKED
    return isinstance(outcome, NeedsCode)
