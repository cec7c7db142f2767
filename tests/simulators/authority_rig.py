"""Our own authority, the real one, with a provider before it: what holds for LoginTC's simulator holds for it."""

import asyncio
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, ClassVar

from typing_extensions import override

from pushgate.clock import Clock, SystemClock
from pushgate.http import JsonClient
from pushgate.login import Login
from pushgate.outcome import Handle
from pushgate.providers.logintc import LoginTc
from tests.simulators.authority_proxy import AuthorityProxy, SharedClock
from tests.simulators.base import running
from tests.simulators.rig import Rig
from tests.support.authority import RunningAuthority, SigningDevice, running_authority
from tests.support.core import make_login


class AuthorityRig(Rig):
    """Alice has a device that signs, and a bypass code that is good for a thousand times."""

    name: ClassVar[str] = "authority"
    rings: ClassVar[bool] = True
    checks_codes: ClassVar[bool] = True
    simulator: AuthorityProxy
    provider: LoginTc

    def __init__(
        self, simulator: AuthorityProxy, authority: RunningAuthority, device: SigningDevice, code: str, clock: Clock
    ) -> None:
        self.simulator, self.authority, self.device, self.code = simulator, authority, device, code
        self.clock = clock
        self.provider = self.provider_at(simulator.url)
        self.deciding: set[asyncio.Task[Any]] = set()

    @override
    async def login(self, user: str = "alice") -> Login:
        return make_login(user=user)

    @override
    def approve(self, handle: Handle) -> None:
        self.decide(handle, "approved")

    @override
    def deny(self, handle: Handle) -> None:
        self.decide(handle, "denied")

    def decide(self, handle: Handle, decision: str) -> None:
        """Let the device sign and send a decision, in the background."""
        self.device.clock_offset = round(self.clock.wall().timestamp() - time.time())
        self.deciding.add(asyncio.create_task(self.device.decide(handle.id, decision)))

    @override
    def expire(self, handle: Handle) -> None:
        self.simulator.forgotten.add(handle.id)

    @override
    def right_code(self, handle: Handle | None = None) -> str:
        return self.code

    @override
    def leftovers(self) -> int:
        return self.authority.authority.keeper.pending - len(self.simulator.forgotten)

    @override
    def provider_at(self, url: str, key: str | None = None) -> LoginTc:
        headers = {"Authorization": f'LoginTC key="{key or self.authority.api_key}"'}
        return LoginTc(JsonClient(url, self.clock, headers), self.authority.domain_id, self.clock)


@asynccontextmanager
async def rig(clock: Clock | None = None) -> AsyncIterator[AuthorityRig]:
    """Run the authority with alice, the proxy, and a provider before it."""
    clock = clock or SystemClock()
    with tempfile.TemporaryDirectory(prefix="pushgate-authority-") as folder:
        async with running_authority(Path(folder), SharedClock(clock)) as authority:
            device = await authority.enrol("alice")
            code = await authority.bypass_code("alice", usesAllowed=1000, expirationTime=0)
            proxy = AuthorityProxy(clock, authority.http, authority.api_url.removesuffix("/api"))
            async with running(proxy):
                made = AuthorityRig(proxy, authority, device, code["code"], clock)
                try:
                    yield made
                finally:
                    if made.deciding:
                        await asyncio.wait(made.deciding)
                    await made.provider.close()
