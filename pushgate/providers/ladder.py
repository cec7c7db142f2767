"""What happens when nobody can be asked: other ways in, in the order in which the configuration names them.

::

    first provider ── second_provider ── offline_totp, break_glass ── deny, or if_unreachable: accept

Only an outage hands a login over: ``UNAVAILABLE``, and surely nobody has been asked. Whatever else a rung says is the
answer, a refused certificate or key above all. So whoever wants to get in by a lower rung has to bring the upper ones
down, and cannot do it by a login.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.base import Provider
from pushgate.text import clean

log = structlog.get_logger()

REACH_SHARE = 3
"""A rung may take a third of the time that is left to give a sign of life, so that there is time for those below."""
SHORTEST_REACH = 2.0
"""Seconds that it may take in any case; with less left, no further rung is tried."""

Begin = Callable[[Provider], Awaitable[Outcome]]


@dataclass(frozen=True, slots=True)
class RungHandle(Handle):
    """A question, and which rung has asked it."""

    rung: Provider = field(repr=False)
    inner: Handle


class LadderProvider(Provider):
    """The first provider, and what stands in for it."""

    def __init__(self, first: Provider, rungs: Mapping[str, Provider], clock: Clock) -> None:
        """Take what could be asked.

        Args:
            first: Who is asked at first, always.
            rungs: What stands in, by the name that ``fallbacks`` use.
            clock: Time.
        """
        self.first, self.rungs, self.clock = first, rungs, clock
        self.name = first.name
        self.fallbacks: Mapping[str, tuple[str, ...]] = {}
        """The rungs below the first by service; a service that is not named has none."""
        self.steps: Counter[str] = Counter()
        """How often a login was handed over since the start, by the rung that took it."""

    def replace_fallbacks(self, fallbacks: Mapping[str, tuple[str, ...]]) -> None:
        """Let new logins go by other rungs; questions that are out stay with theirs."""
        self.fallbacks = fallbacks

    @override
    async def look_around(self, login_timeout: float) -> None:
        for provider in (self.first, *self.rungs.values()):
            await provider.look_around(login_timeout)

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        # A number that only the first can draw must not be asked of the second.
        if self.fallbacks and await self.reach_rung(self.first, deadline) is not None:
            return frozenset()
        return await self.first.features(login, deadline)

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return await self.first.reach(deadline)

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        return await self.descend(login, deadline, lambda rung: rung.pretend(login, deadline))

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        return await self.descend(login, deadline, lambda rung: rung.begin(login, deadline))

    async def descend(self, login: Login, deadline: float, begin: Begin) -> Outcome:
        """Try one rung after the other until one answers."""
        names = self.fallbacks.get(login.service, ())
        name, rung, steps = self.name, self.first, list[str]()
        for below in names:
            outcome = await self.reach_rung(rung, deadline) or await begin(rung)
            if not hands_over(outcome):
                return told(outcome, rung, steps)
            steps.append(self.note_step(login, name, outcome, below))
            if deadline - self.clock.now() < SHORTEST_REACH:
                # Not the outage of the last rung: it was not tried, so nothing may fail open.
                return told(Failed(FailureKind.EXPIRED, asked=False, detail="no time left"), rung, steps)
            name, rung = below, self.rungs[below]
        return told(await begin(rung), rung, steps)

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
        rung, inner = self.whose(handle)
        return await rung.wait(inner, deadline)

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        rung, inner = self.whose(handle)
        outcome = await rung.submit(inner, code, deadline)
        if isinstance(outcome, NeedsCode):
            return replace(outcome, handle=RungHandle(outcome.handle.id, rung, outcome.handle))
        return outcome

    @override
    async def cancel(self, handle: Handle) -> None:
        rung, inner = self.whose(handle)
        await rung.cancel(inner)

    @override
    async def close(self) -> None:
        for provider in (self.first, *self.rungs.values()):
            await provider.close()

    def whose(self, handle: Handle) -> tuple[Provider, Handle]:
        """Find the rung of a question, and its own name for it."""
        return (handle.rung, handle.inner) if isinstance(handle, RungHandle) else (self.first, handle)


def hands_over(outcome: Outcome) -> bool:
    """Whether the next rung may be tried: an outage, and surely nobody has been asked."""
    return isinstance(outcome, Failed) and outcome.kind is FailureKind.UNAVAILABLE and not outcome.asked


def told(outcome: Outcome, rung: Provider, steps: list[str]) -> Outcome:
    """Return a rung's answer with the steps that led to it; a question remembers its rung."""
    match outcome:
        case Pending() | NeedsCode():
            handle = RungHandle(outcome.handle.id, rung, outcome.handle)
            return replace(outcome, handle=handle, detail=joined(*steps, outcome.detail))
        case Denied():
            return replace(outcome, reason=joined(*steps, outcome.reason))
        case _:
            return replace(outcome, detail=joined(*steps, outcome.detail))


def joined(*parts: str) -> str:
    """Write what is there on one line."""
    return "; ".join(filter(None, parts))
