"""While a question is out: wait for the person under one deadline, hear what is typed, withdraw the question."""

import asyncio
from dataclasses import replace

from pushgate.clock import Clock
from pushgate.conversation import CannotAsk, Conversation
from pushgate.factors import Cancel, read_answer
from pushgate.login import Code, Method
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Outcome
from pushgate.question import CODE_TRIES, NO_ANSWER, Answer, Chosen, Question, is_offered, is_wrong_code
from pushgate.tasks import finish
from pushgate.words import Words

LAST_LOOK_SECONDS = 0.5
"""What a provider may take after the deadline for its last look at the session."""


class Waiting:
    """One question from the moment it is out until the login has its outcome."""

    def __init__(
        self,
        question: Question,
        conversation: Conversation,
        deadline: float,
        clock: Clock,
        words: Words,
        ways: frozenset[str] = frozenset(),
    ) -> None:
        self.question, self.conversation, self.words, self.ways = question, conversation, words, ways
        self.deadline, self.clock = deadline, clock
        self.wrong_codes = 0

    async def outcome(self) -> Outcome | Chosen:
        """Wait until the person has answered, a right code or another way was typed, or the deadline has come.

        On every way out but an answer on the device the question is withdrawn, also where the front end fails at
        being told.
        """
        outcome: Outcome | Chosen | None = None
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

    async def converse(self, answer: "asyncio.Task[Answer]") -> Outcome | Chosen:
        """Wait for the device; whenever the front end must speak, let it ask, and hear what was typed."""
        question = prompt = self.words.question(self.question.number, self.ways)
        # A person who has mistyped a code is told at once.
        while not (answer.done() if prompt != question and self.conversation.can_ask else await self.answered(answer)):
            try:
                typed = read_answer(await self.conversation.ask(prompt, echo=True))
            except CannotAsk:
                return NO_ANSWER
            if isinstance(typed, Cancel):
                return Failed(FailureKind.GIVEN_UP, asked=True)
            if isinstance(typed, Method) and is_offered(typed, self.ways) and not answer.done():
                return Chosen(typed)
            prompt = question
            # What was answered on the device while the question was open comes before any code: a denial above all.
            if isinstance(typed, Code) and not answer.done():
                outcome = await self.check(typed)
                if outcome is not None:
                    return outcome
                prompt = self.words.again(question)
        return answer.result()

    async def ask_for_code(self) -> Outcome | Chosen:
        """Let a person whom no device can ask type a code, or choose another way; Enter gives up."""
        question = prompt = self.words.code_prompt(self.words.code_alone, self.ways)
        while True:
            try:
                typed = read_answer(await self.conversation.ask(prompt, echo=True))
            except CannotAsk:
                return NO_ANSWER
            if isinstance(typed, Method) and is_offered(typed, self.ways):
                return Chosen(typed)
            if not isinstance(typed, Code):
                return NO_ANSWER
            outcome = await self.check(typed)
            if outcome is not None:
                return outcome
            prompt = self.words.again(question)

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


def has_said(answer: "asyncio.Task[Answer]", outcome: Outcome | Chosen | None) -> bool:
    """Whether this outcome is what the device answered."""
    if outcome is None or not answer.done() or answer.cancelled() or answer.exception() is not None:
        return False
    return answer.result() is outcome
