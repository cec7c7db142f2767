"""The second factor of one login: ask the person, in another way where they choose one, or check a code."""

import asyncio
from dataclasses import dataclass, replace
from typing import TypeGuard

import structlog

from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.clock import Clock
from pushgate.codes import AskingCode
from pushgate.conversation import Conversation
from pushgate.decision import Reason
from pushgate.firstfactor.base import PasswordRight
from pushgate.login import Code, Login, Secret
from pushgate.outcome import NOBODY_ASKED, Approved, Denied, Failed, FailureKind, NeedsCode, Outcome, Pending
from pushgate.parked import Parked, ParkedQuestions
from pushgate.policy import Rule
from pushgate.providers.base import Provider
from pushgate.providers.failures import facts_of
from pushgate.question import CODE_TRIES, Chosen, Question, begin_question, is_wrong_code, pretend_to_ask
from pushgate.tasks import finish
from pushgate.text import clean
from pushgate.verdict import Verdict, judge
from pushgate.waiting import Waiting
from pushgate.words import Words

log = structlog.get_logger()

FAIR_SECONDS = 2.0
"""What a provider must have had to answer before its silence counts as an outage."""
WAYS = 4
"""In how many ways a person may be asked in one login."""


@dataclass(frozen=True, slots=True)
class Guards:
    """What keeps people from being asked too often, and the machine from being filled."""

    places: Places
    budget: PushBudget
    cool_down: CoolDown


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login with what was found about it before the person is asked."""

    login: Login
    rule: Rule
    password: Secret
    """What the first factor has checked; empty where there is none."""
    person: PasswordRight
    ways: frozenset[str]
    """The provider's features: among them the words by which the person may choose another way."""
    deadline: float


class Asking:
    """Puts second factors to the test."""

    def __init__(self, provider: Provider, guards: Guards, clock: Clock) -> None:
        self.provider, self.guards, self.clock = provider, guards, clock
        self.parked = ParkedQuestions(clock)
        self.usual_seconds: dict[str, float] = {}
        """How long the last question for a code took to come, by service."""

    async def ask(self, attempt: Attempt, conversation: Conversation, words: Words) -> Verdict:
        """Ask the person, again in another way as long as they choose one; all under one deadline."""
        verdict = None
        try:
            for _ in range(WAYS):
                found = await self.ask_once(attempt, conversation, words)
                if isinstance(found, Verdict):
                    verdict = found
                    return verdict
                attempt = replace(attempt, login=replace(attempt.login, factor=found.method, asked=True))
            return Verdict(Reason.PROTOCOL, "the person has chosen another way too often")
        finally:
            if verdict is None or verdict.reason is not Reason.CODE_SENT:
                await self.release(attempt.person)

    async def release(self, person: PasswordRight) -> None:
        """Let go of what the provider keeps of a password that it has checked; to the end, even if we are cancelled."""
        if person.handle is not None:
            await finish(asyncio.create_task(self.provider.cancel(person.handle)))

    async def ask_once(self, attempt: Attempt, conversation: Conversation, words: Words) -> Verdict | Chosen:
        """Put one factor to the test."""
        login, deadline = attempt.login, attempt.deadline
        began = self.clock.now()
        hurried = deadline - began < FAIR_SECONDS
        outcome = await self.begin(login, deadline)
        if is_refusal(outcome, login) and not conversation.may_know:
            login, outcome = await self.seem_to_ask(attempt, outcome)
        if isinstance(outcome, NeedsCode):
            await self.keep_pace(login, began, deadline)
        if (hurried or login.asked) and isinstance(outcome, Failed):
            # Who can make what comes before slow, the check of passwords above all, must not open doors by that; nor
            # who has somebody asked, chooses another way and then makes an outage.
            outcome = replace(outcome, asked=True)
        steps = outcome.detail if isinstance(outcome, Pending | NeedsCode) else ""
        answer: Outcome | Chosen = outcome
        if isinstance(outcome, NeedsCode):
            question = Question(self.provider, login, outcome.handle)
            if attempt.rule.two_attempts is not None and not conversation.can_ask:
                return await self.park(attempt, question, outcome, attempt.rule.two_attempts)
            answer = await AskingCode(
                question, outcome, conversation, deadline, self.clock, words, attempt.ways
            ).answer()
        elif isinstance(outcome, Pending):
            question = Question(self.provider, login, outcome.handle, outcome.number)
            answer = await Waiting(question, conversation, deadline, self.clock, words, attempt.ways).outcome()
        elif is_refusal(outcome, login):
            refused = refusal(login, outcome)
            note_nobody_asked(login, refused.value, outcome)
            question = pretend_to_ask(self.provider, login)
            answer = await Waiting(question, conversation, deadline, self.clock, words, attempt.ways).outcome()
            if isinstance(answer, Failed) and answer.kind is FailureKind.EXPIRED:
                return Verdict(refused, outcome.detail, provider=outcome.provider)
        if isinstance(answer, Chosen):
            return answer
        return self.judged(replace(attempt, login=login), answer, steps)

    async def keep_pace(self, login: Login, began: float, deadline: float) -> None:
        """Let a question that asks nobody come when one would that has a code sent: a stopwatch must not tell them."""
        if login.known and login.permitted:
            self.usual_seconds[login.service] = self.clock.now() - began
            return
        at = min(deadline, began + self.usual_seconds.get(login.service, 0.0))
        if at > self.clock.now():
            await self.clock.sleep(at - self.clock.now())

    async def seem_to_ask(self, attempt: Attempt, failure: Failed) -> tuple[Login, Outcome]:
        """Let somebody whom the provider cannot ask see the question for a code that others see, if that is its way.

        Returns:
            The login, which no code opens any more, and the question; both as they were where the provider rings.
        """
        login, stranger = attempt.login, replace(attempt.login, permitted=False)
        # Too many pushes close no door to codes: where they can be typed, they are heard beside a question that waits.
        codes_count = failure.kind is FailureKind.RATE_LIMITED and "code" in attempt.ways
        if codes_count or not (login.known and login.permitted):
            return login, failure
        seen = await self.provider.pretend(stranger, attempt.deadline)
        if not isinstance(seen, NeedsCode):
            return login, failure
        note_nobody_asked(login, failure.kind.value, failure)
        return stranger, replace(seen, detail=f"{failure.kind}: {failure.detail}")

    def judged(self, attempt: Attempt, outcome: Outcome, steps: str = "") -> Verdict:
        """Turn the outcome into a verdict, and note what it means for the next login."""
        if isinstance(outcome, Denied):
            self.guards.cool_down.note_denial(attempt.login)
        if isinstance(outcome, Approved):
            self.guards.budget.refund(attempt.login)
        verdict = judge(attempt.login, outcome, attempt.rule)
        provider = outcome.provider if isinstance(outcome, Approved | Denied | Failed) else ""
        return replace(verdict, provider=provider, detail="; ".join(filter(None, (steps, verdict.detail))))

    async def begin(self, login: Login, deadline: float) -> Outcome:
        """Ask the person, unless there is nobody, or somebody who has been asked too often."""
        if not (login.known and login.permitted):
            return await self.provider.pretend(login, deadline)
        if isinstance(login.factor, Code):
            return await begin_question(self.provider, login, deadline)
        budget = self.guards.budget
        if budget.is_spent(login):
            return Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many pushes that nobody approved")
        # Counted before it is sent, or many logins at the same moment would each find the budget unspent.
        budget.take(login)
        outcome = await begin_question(self.provider, login, deadline)
        if isinstance(outcome, Failed | NeedsCode) and not outcome.asked:
            budget.give_back(login)
        return outcome

    async def park(self, attempt: Attempt, question: Question, needed: NeedsCode, seconds: float) -> Verdict:
        """Refuse this attempt, and keep the question for the one that brings the code."""
        if not question.login.permitted and self.parked.find(attempt.login, attempt.password) is not None:
            # Nothing was sent, as after too many mails: so the code of the mail before is still the one.
            return Verdict(Reason.CODE_SENT, needed.detail)
        until = self.clock.now() + seconds
        if needed.expires_at is not None:
            until = min(until, needed.expires_at)
        if await self.parked.park(attempt.login, question, attempt.person, attempt.password, until):
            return Verdict(Reason.CODE_SENT, needed.detail)
        await question.withdraw()
        return Verdict(Reason.OVERLOADED, "too many codes are on their way")

    async def second_attempt(self, attempt: Attempt, parked: Parked) -> Verdict:
        """Redeem the code of the first attempt; without one, the code that was sent is still good."""
        login = attempt.login
        if not isinstance(login.factor, Code):
            return Verdict(Reason.CODE_SENT, "asked again: the code that was sent is still good")
        async with parked.turn:
            if not self.parked.holds(login, parked) or parked.wrong_codes >= CODE_TRIES:
                return Verdict(Reason.BAD_CODE, "the code has been used, or its time is over")
            # Counted before it is tried: who breaks off meanwhile has tried it all the same.
            parked.wrong_codes += 1
            outcome = await parked.question.submit(login.factor.code, attempt.deadline)
            if isinstance(outcome, NeedsCode) and outcome.handle != parked.question.handle:
                parked.question = replace(parked.question, handle=outcome.handle)
            if isinstance(outcome, Approved | Denied):
                await self.parked.redeemed(login, parked)
            elif is_wrong_code(outcome):
                outcome = Failed(FailureKind.BAD_CODE, asked=True, detail="second attempt")
            else:
                parked.wrong_codes -= 1
            if parked.wrong_codes >= CODE_TRIES or is_over(outcome):
                await self.parked.withdraw(login, parked)
        # The code has been sent: an outage now is none that surely asked nobody.
        return self.judged(attempt, replace(outcome, asked=True) if isinstance(outcome, Failed) else outcome)

    async def close(self) -> None:
        """Withdraw the questions between two attempts."""
        await self.parked.close()


def is_refusal(outcome: Outcome, login: Login) -> TypeGuard[Failed]:
    """Whether nobody is asked because of who the person is: a stranger must not see that."""
    return isinstance(outcome, Failed) and outcome.kind in NOBODY_ASKED and not isinstance(login.factor, Code)


def note_nobody_asked(login: Login, reason: str, failure: Failed) -> None:
    """Tell the administrator who could not be asked, by which provider, and what to do about it."""
    log.warning("nobody_asked", reason=reason, user=clean(login.user, 128), **facts_of(failure))


def refusal(login: Login, failure: Failed) -> Reason:
    """Say why nobody was asked."""
    if not login.known:
        return Reason.UNKNOWN_USER
    return Reason(failure.kind.value) if login.permitted else Reason.BARRED


def is_over(outcome: Outcome) -> bool:
    """Whether no other code can help: the provider has ended the question, and an outage is not in the way."""
    return isinstance(outcome, Failed) and outcome.kind not in (FailureKind.BAD_CODE, FailureKind.UNAVAILABLE)
