"""The provider ``threatwinds`` and its simulator on one fake clock, without a socket between them."""

import asyncio
from typing import Any

from pushgate.clock import FakeClock
from pushgate.outcome import NeedsCode, Outcome
from tests.simulators.direct import DirectTransport
from tests.simulators.threatwinds import ThreatWindsSimulator
from tests.simulators.threatwinds_rig import provider, session_of
from tests.support.core import make_login

SECONDS = 60.0


class ThreatWindsBench:
    """Everything in reach; each login has a minute."""

    def __init__(self, **changes: Any) -> None:
        self.clock = FakeClock()
        self.simulator = ThreatWindsSimulator(self.clock)
        self.transport = DirectTransport(self.simulator)
        self.provider = provider(self.transport, self.clock, **changes)
        self.counts = self.simulator.ledger.counts

    async def begin(self, **login: Any) -> Outcome:
        """Begin a login."""
        return await self.provider.begin(make_login(**login), self.clock.now() + SECONDS)

    async def asked(self, **login: Any) -> NeedsCode:
        """Begin a login that must get a code mailed."""
        outcome = await self.begin(**login)
        assert isinstance(outcome, NeedsCode), outcome
        return outcome

    async def submit(self, question: NeedsCode, code: str | None = None, seconds: float = SECONDS) -> Outcome:
        """Type a code, the right one by default, while time goes by."""
        typed = self.code(question) if code is None else code
        submitting = self.provider.submit(question.handle, typed, self.clock.now() + seconds)
        return await self.run(asyncio.create_task(submitting), seconds)

    async def run(self, task: "asyncio.Task[Any]", seconds: float = SECONDS) -> Any:
        """Let the clock run until a task has ended."""
        await self.clock.settle()
        for _ in range(int(seconds * 4) + 8):
            if task.done():
                break
            await self.clock.advance(0.25)
        return await task

    def code(self, question: NeedsCode) -> str:
        """Return the code that was mailed for a question."""
        return self.simulator.sessions[session_of(question.handle)].code

    def calls(self) -> list[str]:
        """List what was asked of the server."""
        return [f"{each.method} {each.path.removeprefix('/api/auth/v2')}" for each in self.simulator.ledger.requests]

    async def close(self) -> None:
        """Close the provider, while time goes by."""
        await self.run(asyncio.create_task(self.provider.close()), 10)
