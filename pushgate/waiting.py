"""While a question is out: wait for the person under one deadline, hear what is typed, withdraw the question."""

import asyncio
from dataclasses import dataclass, replace

from pushgate.clock import Clock
from pushgate.conversation import CannotAsk, Conversation
from pushgate.factors import Cancel, read_answer
from pushgate.login import Code, Login, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.base import Provider
from pushgate.tasks import finish
from pushgate.words import Words

LAST_LOOK_SECONDS = 0.5
"""What a provider may take after the deadline for its last look at the session."""
CODE_TRIES = 3
NOBODY_ASKED = frozenset({FailureKind.NOT_ENROLLED, FailureKind.LOCKED, FailureKind.RATE_LIMITED})
"""Refusals of a provider that depend on who the person is: a stranger must not be able to tell them apart."""
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

    async def wait(self, deadline: float, clock: Clock) -> Approved | Denied | Failed:
        """Wait for the person's answer on the device."""
        if self.handle is not None:
            return await self.provider.wait(self.handle, deadline)
        await clock.sleep(max(0.0, deadline - clock.now()))
        return NO_ANSWER

    async def submit(self, code: Secret, deadline: float) -> Outcome:
        """Check a code that was typed meanwhile."""
        if self.handle is not None:
            return await self.provider.submit(self.handle, code.value.decode("ascii"), deadline)
        return await self.provider.begin(replace(self.login, factor=Code(code)), deadline)

    async def withdraw(self) -> None:
        """Take the question back, to the end even if we are cancelled again; bounded by the provider."""
        if self.handle is not None:
            await finish(asyncio.create_task(self.provider.cancel(self.handle)))


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
                await self.conversation.tell(self.words.push_sent)
                outcome = await self.converse(answer)
        except TimeoutError:
            outcome = NO_ANSWER
        finally:
            # An approval that comes while we leave is one that nobody waits for: it opens nothing.
            answered = answer.done() and outcome is not None and not answer.cancelled() and answer.result() is outcome
            answer.cancel()
            await finish(answer)
            if not (answered and isinstance(outcome, Approved | Denied)):
                await self.question.withdraw()
        return outcome

    async def converse(self, answer: "asyncio.Task[Approved | Denied | Failed]") -> Outcome:
        """Wait for the device; whenever the front end must speak, let it ask, and hear what was typed."""
        prompt = self.words.question(self.question.number)
        while not await self.answered(answer):
            try:
                typed = read_answer(await self.conversation.ask(prompt, echo=True))
            except CannotAsk:
                return NO_ANSWER
            match typed:
                case Cancel():
                    return Failed(FailureKind.GIVEN_UP, asked=True)
                case Code():
                    outcome = await self.question.submit(typed.code, self.deadline)
                    if not is_wrong_code(outcome):
                        return outcome
                    self.wrong_codes += 1
                    if self.wrong_codes == CODE_TRIES:
                        return Failed(FailureKind.BAD_CODE, asked=True)
                    prompt = self.words.wrong_code_again
                case _:
                    prompt = self.words.question(self.question.number)
        return answer.result()

    async def answered(self, answer: "asyncio.Task[Approved | Denied | Failed]") -> bool:
        """Wait for the device until the front end must speak; whether the device came first."""
        while True:
            reply_by = self.conversation.reply_by
            if reply_by is None:
                await asyncio.shield(answer)
                return True
            try:
                async with self.clock.timeout_at(reply_by):
                    await asyncio.shield(answer)
                return True
            except TimeoutError:
                # Another packet of the same login may have come meanwhile: then there is more time.
                now_by = self.conversation.reply_by
                if now_by is None or now_by <= self.clock.now():
                    return answer.done()


def is_wrong_code(outcome: Outcome) -> bool:
    """Whether the code was of no use and another one may be tried; says the same of people who have no codes."""
    if isinstance(outcome, Failed):
        return outcome.kind is FailureKind.BAD_CODE or outcome.kind in NOBODY_ASKED
    return isinstance(outcome, NeedsCode)
