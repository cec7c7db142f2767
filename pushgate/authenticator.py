"""The login, from top to bottom, in one coroutine: the only place that decides."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import structlog

from pushgate.asking import Asking, Attempt, Guards
from pushgate.audit import Audit, new_audit_id
from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.errors import where
from pushgate.field import Field, read_field
from pushgate.firstfactor.base import FirstFactor, PasswordRight, PasswordWrong
from pushgate.login import Factor, Login, Method, Push
from pushgate.outcome import Failed
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider
from pushgate.remembered import Remembered
from pushgate.text import clean, is_clean_name
from pushgate.verdict import Verdict, binds_place
from pushgate.words import Words

__all__ = ["Authenticator", "Guards"]

log = structlog.get_logger()

LOOK_SECONDS = 5.0


class Authenticator:
    """Decides logins: policy, first factor, push or code, answer."""

    def __init__(
        self,
        policy: Policy,
        provider: Provider,
        audit: Audit,
        clock: Clock,
        *,
        timeout: float,
        guards: Guards,
        first_factors: Mapping[str, FirstFactor] | None = None,
        words: Words | None = None,
    ) -> None:
        """Take the parts.

        Args:
            policy: The rule of each service.
            provider: Who asks the person.
            audit: Where decisions are recorded.
            clock: Time.
            timeout: Seconds that a person has to answer.
            guards: The limits.
            first_factors: Who checks passwords, by service; a service that is not named has no first factor here.
            words: What people read.
        """
        self.policy, self.provider, self.audit, self.clock = policy, provider, audit, clock
        self.timeout, self.guards = timeout, guards
        self.first_factors = first_factors or {}
        self.words = words or Words()
        self.asking = Asking(provider, guards, clock)
        self.remembered = Remembered(clock)
        self.decided: Counter[str] = Counter()
        """Decisions since the start, by reason."""

    async def close(self) -> None:
        """Withdraw what waits for a second attempt."""
        await self.asking.close()

    def replace_rules(self, policy: Policy, first_factors: Mapping[str, FirstFactor], words: Words) -> None:
        """Let new logins go by other rules; those that are pending go on with what they began with."""
        self.policy, self.first_factors, self.words = policy, first_factors, words

    def decide_at_once(self, login: Login) -> Decision | None:
        """Decide and record a login for which nobody has to be asked and nothing has to be waited for."""
        verdict = self.look_at(login)
        return None if verdict is None else self.conclude(login, verdict, self.clock.now())

    async def provider_works(self) -> bool:
        """Whether anybody could be asked now; never raises."""
        return await self.provider.reach(self.clock.now() + LOOK_SECONDS) is None

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

    def look_at(self, login: Login) -> Verdict | None:
        """Find what can be said by looking at the login alone; None if somebody has to be asked."""
        if not is_clean_name(login.user):
            return Verdict(Reason.BAD_NAME)
        rule = self.policy.rule_for(login)
        if rule is None:
            return Verdict(Reason.NOT_PERMITTED, "no rule names this service")
        may_skip = login.known and login.service not in self.first_factors
        if may_skip and rule.exempts(login.user, login.groups):
            return Verdict(Reason.EXEMPT, factor="exempt")
        return None

    async def decide(self, login: Login, conversation: Conversation) -> Verdict:
        """Check what can be checked without the person, then ask the person."""
        verdict = self.look_at(login)
        # Both now, before anything is waited for: a reload in between must not take the password check away.
        rule, first_factor = self.policy.rule_for(login), self.first_factors.get(login.service)
        if verdict is not None or rule is None:
            return verdict or Verdict(Reason.NOT_PERMITTED)
        if self.guards.cool_down.holds(login):
            return Verdict(Reason.DENIED, "denied a moment ago")
        recalled = self.remembered.recall(login, rule)
        if recalled is not None:
            return recalled
        full = self.guards.places.refusal(login)
        if full:
            return Verdict(Reason.OVERLOADED, full)
        with self.guards.places.taken_by(login):
            deadline = self.clock.now() + self.timeout
            if conversation.ends_by is not None:
                deadline = min(deadline, conversation.ends_by)
            return await self.take_factors(login, rule, first_factor, conversation, deadline)

    async def take_factors(
        self, login: Login, rule: Rule, first_factor: FirstFactor | None, conversation: Conversation, deadline: float
    ) -> Verdict:
        """Check the password, if there is one to check, then the second factor."""
        ways = await self.provider.features(login, deadline)
        typed = read_field(login.secret, rule, has_password=first_factor is not None, number="number" in ways)
        if isinstance(typed, Reason):
            return Verdict(typed)
        factor = numbered(typed.factor or Push(), rule, conversation, ways)
        if rule.number == "required" and not binds_place(factor):
            # Before the password is checked, or this answer would tell that it was right.
            return Verdict(Reason.NUMBER_NEEDED)
        login = replace(login, factor=factor)
        parked = self.asking.parked.find(login, typed.password) if rule.two_attempts is not None else None
        if parked is not None and not isinstance(factor, Method):
            attempt = Attempt(login, rule, typed.password, parked.person, ways, deadline)
            return replace(await self.asking.second_attempt(attempt, parked), person=parked.person)
        person = PasswordRight()
        if first_factor is not None:
            checked = await self.check_password(first_factor, login, typed, rule, deadline)
            if isinstance(checked, Verdict):
                return checked
            person = checked
            if rule.exempts(login.user, person.groups):
                await self.asking.release(person)
                return Verdict(Reason.EXEMPT, factor="exempt", person=person)
            login = replace(login, groups=login.groups | person.groups, checked=person.handle)
            if login.groups or login.checked:
                # Who is asked may depend on the groups, and what can be done on what the password has shown.
                try:
                    ways = await self.provider.features(login, deadline)
                except BaseException:
                    await self.asking.release(person)
                    raise
                login = replace(login, factor=numbered(typed.factor or Push(), rule, conversation, ways))
        attempt = Attempt(login, rule, typed.password, person, ways, deadline)
        return replace(await self.asking.ask(attempt, conversation, self.words), person=person)

    async def check_password(
        self, first_factor: FirstFactor, login: Login, typed: Field, rule: Rule, deadline: float
    ) -> PasswordRight | Verdict:
        """Check the password once; a second time whole, where the configuration says that passwords hold separators."""
        checked = await first_factor.check(login, typed.password, deadline)
        if isinstance(checked, PasswordWrong) and typed.factor is not None and rule.password_may_contain_separator:
            whole = await first_factor.check(login, typed.whole, deadline)
            if isinstance(whole, PasswordRight):
                # Never together with a push: the factor that was read is part of the password.
                return Verdict(Reason.FACTOR_NEEDED)
        match checked:
            case PasswordRight():
                return checked
            case PasswordWrong():
                return Verdict(Reason.BAD_PASSWORD, checked.detail)
            case Failed():
                # Whatever it is, also UNAVAILABLE: without a first factor nothing fails open.
                detail = f"{first_factor.name}: {checked.kind}: {checked.detail}"
                return Verdict(Reason.FIRST_FACTOR_FAILED, detail)

    def conclude(self, login: Login, verdict: Verdict, started: float) -> Decision:
        """Make the decision and write its record."""
        decision = Decision(
            accept=verdict.accept,
            reason=verdict.reason,
            audit_id=new_audit_id(),
            message=self.words.message(verdict.reason, has_password=login.service in self.first_factors),
            factor=verdict.factor if verdict.accept else "",
            provider=verdict.provider,
            groups=verdict.person.groups,
            attributes=verdict.person.attributes,
        )
        self.remembered.learn(login, self.policy.rule_for(login), decision)
        seconds = self.clock.now() - started
        self.decided[decision.reason.value] += 1
        self.audit.record(login, decision, seconds=seconds, detail=verdict.detail)
        # Exemptions are the audit's business: what logs in each minute must not fill the log.
        if decision.reason is not Reason.EXEMPT:
            log.info(
                "decision",
                audit_id=decision.audit_id,
                accept=decision.accept,
                reason=decision.reason.value,
                user=clean(login.user, 128),
                service=clean(login.service, 64),
            )
        return decision


def numbered(factor: Factor, rule: Rule, conversation: Conversation, ways: frozenset[str]) -> Factor:
    """Let the provider draw a number for a plain push, where that is wanted and the person would see it."""
    # Where something stands in, an outage must not end here: the provider, or what stands in, binds the place.
    draws = rule.number != "off" and ("number" in ways or (rule.number == "required" and rule.has_fallback))
    return Push(draw_number=True) if factor == Push() and conversation.shows_at_once and draws else factor
