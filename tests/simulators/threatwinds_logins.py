"""Whole logins through the core with the provider ``threatwinds``, over real HTTP."""

import asyncio
from collections.abc import Callable
from typing import Any

from typing_extensions import override

from pushgate.authenticator import Authenticator
from pushgate.clock import Clock, FakeClock
from pushgate.decision import Decision
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider
from tests.simulators.threatwinds_rig import ThreatWindsRig
from tests.support.core import RecordingAudit, RecordingConversation, make_guards, make_login

OPENS = "open"
"""A service that lets people in while nobody can be asked."""


class Person(RecordingConversation):
    """Types lines; one that is a function is found out when it is typed."""

    def __init__(self, *lines: str | Callable[[], str]) -> None:
        super().__init__(can_ask=True)
        self.lines = list(lines)
        self.prompted = asyncio.Event()

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        self.asked.append(prompt)
        self.prompted.set()
        if not self.lines:
            await asyncio.Event().wait()
        line = self.lines.pop(0)
        return line if isinstance(line, str) else line()


class Gate:
    """The core in front of a provider."""

    def __init__(self, provider: Provider, clock: Clock, timeout: float = 60.0) -> None:
        self.clock, self.audit = clock, RecordingAudit()
        policy = Policy({"sshd": Rule(), OPENS: Rule(accept_if_unreachable=True)})
        guards = make_guards(clock)
        self.core = Authenticator(policy, provider, self.audit, clock, timeout=timeout, guards=guards)

    def start(self, person: Person, **login: Any) -> "asyncio.Task[Decision]":
        """Begin a login."""
        return asyncio.create_task(self.core.authenticate(make_login(**login), person))

    async def decide(self, person: Person, **login: Any) -> tuple[bool, str]:
        """Decide a login: whether it was let in, and the reason."""
        deciding = self.start(person, **login)
        decision = await (driven(deciding, self.clock) if isinstance(self.clock, FakeClock) else deciding)
        return decision.accept, decision.reason.value


def newest_code(rig: ThreatWindsRig) -> Callable[[], str]:
    """Let the person read the newest mail."""
    return lambda: rig.simulator.mails[-1].code


async def driven(task: "asyncio.Task[Any]", clock: Clock) -> Any:
    """Let a task come to its end: real sockets take their time, and a fake clock jumps where somebody sleeps."""
    assert isinstance(clock, FakeClock)
    while not task.done():
        due = [at for at, _, timer in clock.timers if isinstance(timer, asyncio.Future) and not timer.done()]
        if due:
            await clock.advance(min(due) - clock.now())
        await asyncio.sleep(0.001)
    return await task
