"""LoginTC's simulator with a provider before it, for the suite that all providers pass."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar

from typing_extensions import override

from pushgate.clock import Clock, SystemClock
from pushgate.http import JsonClient
from pushgate.login import Login
from pushgate.outcome import Handle
from pushgate.providers.logintc import LoginTc
from pushgate.providers.logintc_handles import MailedCode
from tests.simulators.base import running
from tests.simulators.logintc import DOMAIN, KEY, LoginTcSimulator
from tests.simulators.logintc_town import User
from tests.simulators.rig import Rig
from tests.support.core import make_login


class LoginTcRig(Rig):
    """LoginTC's cloud; alice has the app."""

    name: ClassVar[str] = "logintc"
    rings: ClassVar[bool] = True
    checks_codes: ClassVar[bool] = True
    simulator: LoginTcSimulator
    provider: LoginTc

    def __init__(self, simulator: LoginTcSimulator, clock: Clock) -> None:
        self.simulator, self.clock = simulator, clock
        self.provider = self.provider_at(simulator.url)

    @property
    def alice(self) -> User:
        """The person."""
        return self.simulator.town.user_named("alice")

    @override
    async def login(self, user: str = "alice") -> Login:
        return make_login(user=user)

    @override
    def approve(self, handle: Handle) -> None:
        self.simulator.town.answer(handle.id, "approved")

    @override
    def deny(self, handle: Handle) -> None:
        self.simulator.town.answer(handle.id, "denied")

    @override
    def expire(self, handle: Handle) -> None:
        self.simulator.town.sessions.pop(handle.id, None)
        self.alice.mailed.clear()

    @override
    def right_code(self, handle: Handle | None = None) -> str:
        if isinstance(handle, MailedCode):
            return self.alice.mailed[-1][0]
        return self.alice.app_code

    @override
    def leftovers(self) -> int:
        town = self.simulator.town
        return sum(town.state_of(session) == "pending" for session in town.sessions.values())

    @override
    def provider_at(self, url: str, key: str | None = None) -> LoginTc:
        transport = JsonClient(url, self.clock, {"Authorization": f'LoginTC key="{key or KEY}"'})
        return LoginTc(transport, DOMAIN, self.clock)


@asynccontextmanager
async def rig(clock: Clock | None = None) -> AsyncIterator[LoginTcRig]:
    """Run the simulator with alice, and a provider before it."""
    clock = clock or SystemClock()
    simulator = LoginTcSimulator(clock)
    simulator.town.add_user("alice", simulator.domain)
    async with running(simulator):
        made = LoginTcRig(simulator, clock)
        try:
            yield made
        finally:
            await made.provider.close()
