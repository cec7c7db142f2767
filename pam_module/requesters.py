"""One push for each requester: tries of one connection, one sudo or one su are one login, asked again."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from pam_module.requests import Host, Identified
from pam_module.sshd import monitor_of
from pushgate.clock import Clock
from pushgate.decision import Decision, Reason

STANDS = frozenset({Reason.DENIED, Reason.EXPIRED, Reason.BAD_CODE, Reason.GIVEN_UP, Reason.NOT_ENROLLED})
STANDS |= {Reason.LOCKED, Reason.RATE_LIMITED, Reason.UNKNOWN_USER, Reason.BARRED, Reason.DOWNGRADED}
"""Refusals that stand for the requester's further tries: the person was asked, or it must look so."""


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks: a process for as long as it lives, and for whom."""

    pid: int
    start_time: int
    login: tuple[str, str, str, str | None, str, str]


def requester_of(found: Identified) -> Requester | None:
    """Name the requester; None for programs in which one process serves many people.

    sshd makes a new child for each try of one connection, so there it is the child's parent, the monitor.
    """
    if found.host is Host.OTHER:
        return None
    process = monitor_of(found.process) if found.host is Host.SSHD else found.process
    if process is None:
        return None
    login = found.login
    parts = (login.service, login.user, login.account, login.origin.address, login.tty, login.command)
    return Requester(process.pid, process.start_time, parts)


class Requesters:
    """What requesters were told, and what they wait for."""

    SECONDS = 600.0
    LIMIT = 10_000

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.pending: dict[Requester, asyncio.Future[Decision | None]] = {}
        self.refused: OrderedDict[Requester, tuple[float, Decision]] = OrderedDict()

    async def decide(self, requester: Requester, ask: Callable[[], Awaitable[Decision]]) -> Decision:
        """Return what stands for the requester, or what a try that is pending is told; otherwise ask."""
        while (pending := self.pending.get(requester)) is not None:
            decision = await asyncio.shield(pending)
            if decision is not None:
                return decision
        standing = self.standing(requester)
        if standing is not None:
            return standing
        told: asyncio.Future[Decision | None] = asyncio.get_running_loop().create_future()
        self.pending[requester] = told
        decision = None
        try:
            decision = await ask()
            if decision.reason in STANDS:
                self.note(requester, decision)
            return decision
        finally:
            # None: whoever joined asks for itself, since this try has gone away.
            del self.pending[requester]
            told.set_result(decision)

    def standing(self, requester: Requester) -> Decision | None:
        """Return the refusal that the requester was told, while it stands."""
        until, decision = self.refused.get(requester, (0.0, None))
        return decision if self.clock.now() < until else None

    def note(self, requester: Requester, decision: Decision) -> None:
        """Keep a refusal."""
        self.refused[requester] = (self.clock.now() + self.SECONDS, decision)
        self.refused.move_to_end(requester)
        if len(self.refused) > self.LIMIT:
            self.refused.popitem(last=False)
