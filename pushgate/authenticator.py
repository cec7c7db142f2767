"""The login, from top to bottom, in one coroutine: the only place that decides."""

import asyncio
from dataclasses import dataclass

import structlog

from pushgate.attempts import Attempts, CoolDown, Places
from pushgate.audit import Audit, new_audit_id
from pushgate.clock import Clock
from pushgate.conversation import CannotAsk, Conversation
from pushgate.decision import Decision, Reason
from pushgate.errors import where
from pushgate.firstfactor import none
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, NeedsCode, Outcome, Pending
from pushgate.policy import Policy, Rule, may_fail_open
from pushgate.providers.base import Provider
from pushgate.text import clean, is_clean_name
from pushgate.waiting import begin_question, wait_for_answer, withdraw

log = structlog.get_logger()

CODE_TRIES = 3

TELLING = frozenset({Reason.NOT_ENROLLED, Reason.LOCKED, Reason.RATE_LIMITED})
"""Rejections that would tell a stranger who is enrolled, if they came sooner than that of an ignored push."""

NO_ANSWER = "Nobody answered in time"
MESSAGES = {
    Reason.APPROVED: "Approved",
    Reason.DENIED: "Denied",
    Reason.EXPIRED: NO_ANSWER,
    # Who waits as if ignored also hears what the ignored hear, or the text would tell who is enrolled.
    Reason.UNKNOWN_USER: NO_ANSWER,
    **dict.fromkeys(TELLING, NO_ANSWER),
    Reason.BAD_SECRET: "Leave the password empty or type push",
}
"""What the person is told; every other reason is nobody's business but the administrator's."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about a login, before it becomes a recorded decision."""

    reason: Reason
    detail: str = ""

    @property
    def accept(self) -> bool:
        """Only an approval and the configured fail-open accept."""
        return self.reason in (Reason.APPROVED, Reason.FAIL_OPEN)


class Authenticator:
    """Decides logins: policy, first factor, push, answer."""

    def __init__(
        self, policy: Policy, provider: Provider, audit: Audit, clock: Clock, *, timeout: float, places: Places
    ) -> None:
        """Take the parts; ``timeout`` is how many seconds a person has to answer."""
        self.policy, self.provider, self.audit, self.clock = policy, provider, audit, clock
        self.timeout, self.places = timeout, places
        self.attempts: Attempts[Verdict] = Attempts()
        self.cool_down = CoolDown(clock)

    async def authenticate(self, login: Login, conversation: Conversation) -> Decision:
        """Decide one login and record the decision.

        Raises nothing but ``CancelledError``: a front end whose peer went away cancels the task, and by the time that
        comes back the push is withdrawn and the record written.
        """
        started = self.clock.now()
        try:
            verdict = await self.decide(login, conversation)
        except asyncio.CancelledError as error:
            self.conclude(login, Verdict(Reason.WITHDRAWN, str(error)), started)
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it denies
            # A fault of ours must deny, not end the daemon.
            log.error("internal_error", error=type(error).__name__, where=where(error))
            verdict = Verdict(Reason.INTERNAL, type(error).__name__)
        return self.conclude(login, verdict, started)

    async def decide(self, login: Login, conversation: Conversation) -> Verdict:
        """Check what can be checked without the person, then ask the person."""
        if not is_clean_name(login.user):
            return Verdict(Reason.BAD_NAME)
        rule = self.policy.rule_for(login)
        if rule is None:
            return Verdict(Reason.NOT_PERMITTED, "no rule names this service")
        if not none.accepts(login.secret):
            return Verdict(Reason.BAD_SECRET)
        if self.cool_down.holds(login):
            return Verdict(Reason.DENIED, "denied a moment ago")
        full = self.places.refusal(login.user)
        if full:
            return Verdict(Reason.OVERLOADED, full)
        with self.places.taken_by(login.user):
            return await self.attempts.share(login.join_key, lambda: self.ask_person(login, rule, conversation))

    async def ask_person(self, login: Login, rule: Rule, conversation: Conversation) -> Verdict:
        """Open the push session and wait for the answer, all under one deadline."""
        deadline = self.clock.now() + self.timeout
        if conversation.reply_by is not None:
            deadline = min(deadline, conversation.reply_by)
        if not login.known:
            return await self.wait_as_if_ignored(Verdict(Reason.UNKNOWN_USER), deadline)

        outcome = await begin_question(self.provider, login, deadline)
        if isinstance(outcome, NeedsCode):
            outcome = await self.ask_code(outcome, conversation, deadline)
        if isinstance(outcome, Pending):
            outcome = await wait_for_answer(self.provider, outcome.handle, conversation, deadline, self.clock)
        verdict = judge(outcome, rule)

        if verdict.reason is Reason.DENIED:
            self.cool_down.note_denial(login)
        if verdict.reason in TELLING:
            log.warning("nobody_asked", reason=verdict.reason.value, user=clean(login.user, 128))
            return await self.wait_as_if_ignored(verdict, deadline)
        return verdict

    async def ask_code(self, question: NeedsCode, conversation: Conversation, deadline: float) -> Outcome:
        """Let the person type a code, at most three times."""
        outcome: Outcome = question
        try:
            async with self.clock.timeout_at(deadline):
                for _ in range(CODE_TRIES):
                    code = await conversation.ask(question.prompt, echo=True)
                    outcome = await self.provider.submit(question.handle, code, deadline)
                    if not isinstance(outcome, NeedsCode):
                        return outcome
            return Failed(FailureKind.BAD_CODE, asked=True)
        except CannotAsk:
            return Failed(FailureKind.PROTOCOL, asked=True, detail="this front end cannot ask for a code")
        except TimeoutError:
            return Failed(FailureKind.EXPIRED, asked=True)
        finally:
            if not isinstance(outcome, Approved | Denied):
                await withdraw(self.provider, question.handle)

    async def wait_as_if_ignored(self, verdict: Verdict, deadline: float) -> Verdict:
        """Take as long as a push that nobody answers, so that a stranger learns nothing about accounts."""
        await self.clock.sleep(max(0.0, deadline - self.clock.now()))
        return verdict

    def conclude(self, login: Login, verdict: Verdict, started: float) -> Decision:
        """Make the decision and write its record."""
        message = MESSAGES.get(verdict.reason, "Approved" if verdict.accept else "Rejected")
        decision = Decision(verdict.accept, verdict.reason, new_audit_id(), message)
        seconds = self.clock.now() - started
        self.audit.record(login, decision, seconds=seconds, detail=verdict.detail)
        log.info(
            "decision",
            audit_id=decision.audit_id,
            accept=decision.accept,
            reason=decision.reason.value,
            user=clean(login.user, 128),
            service=clean(login.service, 64),
        )
        return decision


def judge(outcome: Outcome, rule: Rule) -> Verdict:
    """Turn what the provider said into a verdict; whatever is not an approval rejects."""
    match outcome:
        case Approved():
            return Verdict(Reason.APPROVED, outcome.device)
        case Denied():
            return Verdict(Reason.DENIED, outcome.reason)
        case Failed() if may_fail_open(rule, outcome):
            return Verdict(Reason.FAIL_OPEN, outcome.detail)
        case Failed():
            return Verdict(Reason(outcome.kind.value), outcome.detail)
        case _:
            return Verdict(Reason.PROTOCOL, "the provider answered neither yes nor no")
