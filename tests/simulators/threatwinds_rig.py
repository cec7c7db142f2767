"""The provider ``threatwinds`` and its simulator, for the contract suite and the corner cases."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from typing_extensions import override

from pushgate.clock import Clock, SystemClock
from pushgate.http import JsonClient
from pushgate.limiter import Limiter
from pushgate.login import Login
from pushgate.outcome import Handle
from pushgate.providers.threatwinds import ThreatWinds
from pushgate.providers.threatwinds_addresses import Addresses, Template
from pushgate.providers.threatwinds_attempt import MailedCode
from pushgate.providers.threatwinds_server import Transport
from tests.simulators.base import running
from tests.simulators.rig import Rig
from tests.simulators.threatwinds import ThreatWindsSimulator
from tests.support.core import make_login


class ThreatWindsRig(Rig):
    """Mails a code to alice."""

    name = "threatwinds"
    rings = False
    checks_codes = False

    simulator: ThreatWindsSimulator
    provider: ThreatWinds

    def __init__(self, simulator: ThreatWindsSimulator, clock: Clock) -> None:
        self.simulator, self.clock = simulator, clock
        self.provider = self.provider_at(simulator.url)

    @override
    async def login(self, user: str = "alice") -> Login:
        return make_login(user=user)

    @override
    def approve(self, handle: Handle) -> None:
        raise AssertionError("nothing rings")

    @override
    def deny(self, handle: Handle) -> None:
        raise AssertionError("nothing rings")

    @override
    def expire(self, handle: Handle) -> None:
        self.simulator.forget(session_of(handle))

    @override
    def right_code(self, handle: Handle | None = None) -> str:
        mails = [mail for mail in self.simulator.mails if handle is None or mail.session_id == session_of(handle)]
        return mails[-1].code

    @override
    def leftovers(self) -> int:
        return len(self.simulator.open_sessions())

    @override
    def provider_at(self, url: str, key: str | None = None) -> ThreatWinds:
        # There is no key: creating a session needs none.
        return provider(JsonClient(url, self.clock, {}), self.clock)


def provider(transport: Transport, clock: Clock, **changes: Any) -> ThreatWinds:
    """Build the provider with limits that no test reaches by accident."""
    mails = changes.pop("mails", None) or Limiter(clock, 1000, 900)
    addresses = changes.pop("addresses", None) or Addresses(Template("{user}@example.com"))
    return ThreatWinds(transport, clock, addresses, mails, **({"code_ttl": 300.0} | changes))


def session_of(handle: Handle) -> str:
    """Name the session behind a question, as it is now."""
    assert isinstance(handle, MailedCode)
    assert handle.attempt.session is not None
    return handle.attempt.session.id


@asynccontextmanager
async def rig(clock: Clock | None = None) -> AsyncIterator[ThreatWindsRig]:
    """Run the simulator and a provider that is connected to it."""
    shared = clock or SystemClock()
    simulator = ThreatWindsSimulator(shared)
    async with running(simulator):
        made = ThreatWindsRig(simulator, shared)
        try:
            yield made
        finally:
            await made.provider.close()
