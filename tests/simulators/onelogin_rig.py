"""OneLogin for the contract suite: once with the password, once without."""

from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from typing_extensions import override

from pushgate.build_onelogin import assemble
from pushgate.clock import Clock, SystemClock
from pushgate.firstfactor.base import PasswordRight
from pushgate.http import JsonClient
from pushgate.login import Login, Secret
from pushgate.outcome import Handle
from pushgate.providers.onelogin import OneLogin
from pushgate.providers.onelogin_v1 import FactorQuestion
from pushgate.providers.onelogin_v2 import Verification
from pushgate.sections.onelogin import OneLoginSettings
from tests.simulators.base import running
from tests.simulators.jumping import JumpingClock, run
from tests.simulators.onelogin import CLIENT_ID, CLIENT_SECRET, SUBDOMAIN, OneLoginSimulator, OneLoginTwists
from tests.simulators.onelogin_people import AUTHENTICATOR_CODE, Asked
from tests.simulators.rig import Rig
from tests.support.core import make_login

Found = TypeVar("Found")


class OneLoginRig(Rig):
    """OneLogin without passwords: v2."""

    name: ClassVar[str] = "onelogin-v2"
    rings: ClassVar[bool] = True
    checks_codes: ClassVar[bool] = True
    simulator: OneLoginSimulator
    provider: OneLogin

    def __init__(self, simulator: OneLoginSimulator, clock: Clock, **settings: Any) -> None:
        self.simulator, self.clock, self.settings = simulator, clock, settings
        self.provider = self.provider_at(simulator.url)

    @override
    async def login(self, user: str = "alice") -> Login:
        return make_login(user=user)

    @override
    def approve(self, handle: Handle) -> None:
        self.question(handle).answer = "approved"

    @override
    def deny(self, handle: Handle) -> None:
        self.question(handle).answer = "denied"

    @override
    def expire(self, handle: Handle) -> None:
        self.question(handle).over = True

    @override
    def right_code(self, handle: Handle | None = None) -> str:
        if isinstance(handle, FactorQuestion | Verification):
            question = self.simulator.asked.get(name_of(handle))
            sent = question.sent.get(int(handle.device.id)) if question else None
            return sent or AUTHENTICATOR_CODE
        return AUTHENTICATOR_CODE

    @override
    def leftovers(self) -> int:
        return self.simulator.open_questions()

    @override
    def provider_at(self, url: str, key: str | None = None, ca_file: Path | None = None) -> OneLogin:
        settings = OneLoginSettings.model_validate(
            {
                "type": "onelogin",
                "subdomain": SUBDOMAIN,
                "url": url,
                "client_id": CLIENT_ID,
                "client_secret_file": "/nowhere",
                **self.settings,
            }
        )
        transport = JsonClient(url, self.clock, {}, ca_file)
        provider = assemble(settings, transport, key or CLIENT_SECRET, self.clock, "onelogin")
        assert isinstance(provider, OneLogin)
        return provider

    def question(self, handle: Handle) -> Asked:
        """Find what a question is at the simulator."""
        assert isinstance(handle, FactorQuestion | Verification)
        return self.simulator.asked[name_of(handle)]


class OneLoginPasswordRig(OneLoginRig):
    """OneLogin with the password: v1."""

    name: ClassVar[str] = "onelogin-v1"

    @override
    async def login(self, user: str = "alice") -> Login:
        login = make_login(user=user)
        password = Secret(self.simulator.people[user].password.encode())
        right = await self.provider.check_password(login, password, self.clock.now() + 10)
        assert isinstance(right, PasswordRight)
        return replace(login, checked=right.handle)


def name_of(handle: FactorQuestion | Verification) -> str:
    """Return the simulator's name for a question."""
    return handle.verification_id if isinstance(handle, Verification) else handle.checked.state_token


@asynccontextmanager
async def rig(
    clock: Clock | None = None,
    *,
    password: bool = False,
    twists: OneLoginTwists | None = None,
    **settings: Any,
) -> AsyncIterator[OneLoginRig]:
    """Run a simulator with a provider that is connected to it; ``password``: by v1."""
    clock = clock or SystemClock()
    async with running(OneLoginSimulator(clock, twists)) as simulator:
        assert isinstance(simulator, OneLoginSimulator)
        made = (OneLoginPasswordRig if password else OneLoginRig)(simulator, clock, **settings)
        try:
            yield made
        finally:
            await made.provider.close()


def rig_v1(clock: Clock | None = None, **settings: Any) -> Any:
    """Run the rig with the password."""
    return rig(clock, password=True, **settings)


def play(scene: Callable[[OneLoginRig], Coroutine[Any, Any, Found]], **options: Any) -> Found:
    """Play a scene on a clock that jumps; options are those of ``rig``."""
    clock = JumpingClock()

    async def whole() -> Found:
        async with rig(clock, **options) as made:
            return await scene(made)

    return run(clock, whole)
