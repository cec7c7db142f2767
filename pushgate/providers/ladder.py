"""Who is asked: the providers of a login, in the order in which the configuration names them for it.

::

    first provider ── further providers ── offline_totp, break_glass ── deny, or if_unreachable: accept

Only an outage hands a login over: ``UNAVAILABLE``, and surely nobody has been asked. Whatever else a rung says is the
answer, a refused certificate or key above all. So whoever wants to get in by a lower rung has to bring the upper ones
down, and cannot do it by a login.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, PasswordRight
from pushgate.firstfactor.provider import can_check_passwords
from pushgate.login import Code, Login, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.base import Provider
from pushgate.providers.failures import LOGGED_BY_CORE, is_failure, log_failure
from pushgate.providers.routes import Order, Routes
from pushgate.text import clean

log = structlog.get_logger()

REACH_SHARE = 3
"""A rung may take a third of the time that is left to give a sign of life, so that there is time for those below."""
SHORTEST_REACH = 2.0
"""Seconds that it may take in any case; with less left, no further rung is tried."""

Begin = Callable[[str, Provider], Awaitable[Outcome]]
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class RungHandle(Handle):
    """A question, or a password that was checked, and whose it is."""

    name: str
    rung: Provider = field(repr=False)
    inner: Handle = field(repr=False)


class LadderProvider(Provider):
    """All providers as one: each login goes its own way among them."""

    name = "providers"

    def __init__(self, rungs: Mapping[str, Provider], routes: Routes, clock: Clock) -> None:
        """Take what could be asked.

        Args:
            rungs: Every provider, and what else stands in, by the name that ``routes`` use.
            routes: Which of them a login has.
            clock: Time.
        """
        self.rungs, self.routes, self.clock = rungs, routes, clock
        self.steps: Counter[str] = Counter()
        """How often a login was handed over since the start, by the rung that took it."""
        self.asked: Counter[str] = Counter()
        """How often a rung was asked since the start: questions, codes and passwords."""
        self.failed: Counter[str] = Counter()
        """How often one of its calls failed."""

    def replace_routes(self, routes: Routes) -> None:
        """Let new logins go by other routes; questions that are out stay with their rungs."""
        self.routes = routes

    def route_of(self, login: Login) -> Order:
        """Return the names of the rungs of a login, the first in front."""
        return self.routes.order_for(login)

    @override
    async def look_around(self, login_timeout: float) -> None:
        await asyncio.gather(*(provider.look_around(login_timeout) for provider in self.rungs.values()))

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        first, *below = self.route_of(login)
        rung, look_until = self.rungs[first], min(deadline, self.clock.now() + SHORTEST_REACH)
        # A number that only the first can draw must not be asked of the second. A short look: ``begin`` takes its time.
        if below and await self.reach_rung(rung, look_until) is not None:
            return frozenset()
        return await rung.features(unwrapped(login, rung), deadline)

    @override
    async def reach(self, deadline: float) -> Failed | None:
        """Say why none of those could be reached by whom somebody is asked first; None if one of them is alive."""
        looks = [asyncio.ensure_future(self.rungs[name].reach(deadline)) for name in sorted(self.routes.firsts())]
        failures = list[Failed]()
        try:
            for look in asyncio.as_completed(looks):
                failed = await look
                if failed is None:
                    return None
                failures.append(failed)
            return failures[0]
        finally:
            for each in looks:
                each.cancel()

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        async def ask(_: str, rung: Provider) -> Outcome:
            return await rung.pretend(unwrapped(login, rung), deadline)

        return await self.descend(login, deadline, ask, pretending=True)

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        async def ask(name: str, rung: Provider) -> Outcome:
            self.asked[name] += 1
            outcome = await rung.begin(unwrapped(login, rung), deadline)
            by_core = isinstance(outcome, Failed) and outcome.kind in LOGGED_BY_CORE
            return self.noted(name, "begin", outcome, quiet=by_core and not isinstance(login.factor, Code))

        return await self.descend(login, deadline, ask)

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Let the first rung of a login check its password; no other, whatever the first says.

        A right one is known again by ``begin``, which hands it only to the rung that has checked it.
        """
        name = self.route_of(login)[0]
        provider = self.rungs[name]
        if not can_check_passwords(provider):
            failed = Failed(FailureKind.CONFIG, asked=False, detail=f"{name} checks no passwords")
            return self.noted(name, "check_password", failed)
        self.asked[name] += 1
        checked = await provider.check_password(login, password, deadline)
        if isinstance(checked, PasswordRight) and checked.handle is not None:
            return replace(checked, handle=RungHandle(checked.handle.id, name, self.rungs[name], checked.handle))
        return self.noted(name, "check_password", checked)

    async def descend(self, login: Login, deadline: float, begin: Begin, *, pretending: bool = False) -> Outcome:
        """Try one rung after the other until one answers."""
        name, *names = self.route_of(login)
        rung, steps = self.rungs[name], list[str]()
        # Who chooses another way does so at the rung that has asked; what it has asked is no outage any more.
        for below in () if login.asked else names:
            outcome: Outcome | None = await self.reach_rung(rung, deadline)
            if outcome is None:
                outcome = await begin(name, rung)
            elif not pretending:
                # A step down is logged as such.
                self.noted(name, "reach", outcome, quiet=hands_over(outcome))
            if not hands_over(outcome):
                return told(outcome, name, rung, steps)
            steps.append(self.note_step(login, name, outcome, below))
            if deadline - self.clock.now() < SHORTEST_REACH:
                # Not the outage of the last rung: it was not tried, so nothing may fail open.
                failed = Failed(FailureKind.EXPIRED, asked=False, detail="no time left")
                return told(failed, name, rung, steps)
            name, rung = below, self.rungs[below]
        return told(await begin(name, rung), name, rung, steps)

    async def reach_rung(self, rung: Provider, deadline: float) -> Failed | None:
        """Look for a sign of life before anybody is asked: what is noticed later can be no reason to step down."""
        now = self.clock.now()
        share = min(deadline, now + max(SHORTEST_REACH, (deadline - now) / REACH_SHARE))
        try:
            async with self.clock.timeout_at(share):
                return await rung.reach(share)
        except TimeoutError:
            return Failed(FailureKind.UNAVAILABLE, asked=False, detail=f"no sign of life within {share - now:.2g} s")

    def note_step(self, login: Login, name: str, outcome: Outcome, below: str) -> str:
        """Count and log a step; return it in the audit's words."""
        problem = f"{outcome.kind}: {outcome.detail}" if isinstance(outcome, Failed) else ""
        self.steps[below] += 1
        who = {"user": clean(login.user, 128), "service": clean(login.service, 64)}
        log.warning("stepped_down", **who, rung=name, problem=clean(problem, 200), to=below)
        return f"{name}: {problem}; stepped down to {below}"

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        whose = self.whose(handle)
        return self.noted(whose.name, "wait", await whose.rung.wait(whose.inner, deadline))

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        whose = self.whose(handle)
        outcome = self.noted(whose.name, "submit", await whose.rung.submit(whose.inner, code, deadline))
        if isinstance(outcome, NeedsCode):
            return replace(outcome, handle=replace(whose, id=outcome.handle.id, inner=outcome.handle))
        return outcome

    @override
    async def cancel(self, handle: Handle) -> None:
        whose = self.whose(handle)
        await whose.rung.cancel(whose.inner)

    @override
    async def close(self) -> None:
        for rung in self.rungs.values():
            await rung.close()

    def noted(self, name: str, call: str, outcome: Answer, *, quiet: bool = False) -> Answer:
        """Count a failure, and log it unless somebody else does; returns what it was given, with the rung's name."""
        if isinstance(outcome, Failed) and is_failure(outcome):
            self.failed[name] += 1
            if not quiet:
                log_failure(name, call, outcome)
        return replace(outcome, provider=name) if isinstance(outcome, Approved | Denied | Failed) else outcome

    def whose(self, handle: Handle) -> RungHandle:
        """Find the rung of a question, and its own name for it."""
        if isinstance(handle, RungHandle):
            return handle
        name = self.routes.default[0]
        return RungHandle(handle.id, name, self.rungs[name], handle)

    def report(self) -> Mapping[str, Mapping[str, int]]:
        """Return how often each rung was asked and has failed since the start."""
        return {name: {"asked": self.asked[name], "failed": self.failed[name]} for name in self.rungs}


def unwrapped(login: Login, rung: Provider) -> Login:
    """Return the login as a rung may see it: what another one has kept of a password is none of its business."""
    checked = login.checked
    if isinstance(checked, RungHandle):
        checked = checked.inner if checked.rung is rung else None
    return replace(login, checked=checked)


def hands_over(outcome: Outcome) -> bool:
    """Whether the next rung may be tried: an outage, and surely nobody has been asked."""
    return isinstance(outcome, Failed) and outcome.kind is FailureKind.UNAVAILABLE and not outcome.asked


def told(outcome: Outcome, name: str, rung: Provider, steps: list[str]) -> Outcome:
    """Return a rung's answer with the steps that led to it; a question remembers its rung."""
    match outcome:
        case Pending() | NeedsCode():
            handle = RungHandle(outcome.handle.id, name, rung, outcome.handle)
            return replace(outcome, handle=handle, detail=joined(*steps, outcome.detail))
        case Denied():
            return replace(outcome, reason=joined(*steps, outcome.reason))
        case _:
            return replace(outcome, detail=joined(*steps, outcome.detail))


def joined(*parts: str) -> str:
    """Write what is there on one line."""
    return "; ".join(filter(None, parts))
