"""The people of played logins behind a real provider: its simulator, without a socket, on the clock of the script.

What the person sees is what the simulator sends: ``phone rings``, ``phone gets mail``, ``phone gets text``, ``phone
stops`` when a question is withdrawn. In what is typed ``RIGHT`` stands for the code that is right then, ``WRONG`` for
another one.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from typing_extensions import override

from pushgate.clock import FakeClock
from pushgate.firstfactor.base import FirstFactor
from pushgate.firstfactor.provider import ProviderFirstFactor, can_check_passwords
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.base import Provider
from tests.simulators import clerk_rig, logintc_rig, onelogin_rig, threatwinds_rig
from tests.simulators.memory import in_memory
from tests.simulators.rig import Rig
from tests.support.stage_people import Seen

RIGS: Mapping[str, Callable[[FakeClock], Any]] = {
    "logintc": logintc_rig.rig,
    "clerk-bapi": partial(clerk_rig.clerk_rig, clerk_rig.ClerkRig),
    "clerk-ticket": partial(clerk_rig.clerk_rig, clerk_rig.ClerkTicketRig),
    "clerk-enrolled": partial(clerk_rig.clerk_rig, clerk_rig.ClerkEnrolledRig),
    "onelogin-v1": onelogin_rig.rig_v1,
    "onelogin-v2": onelogin_rig.rig,
    "threatwinds": threatwinds_rig.rig,
}
SHOWN = {"pushes": ("rings",), "mails": ("gets", "mail"), "texts": ("gets", "text"), "cancels": ("stops",)}
"""What a person sees of what the simulator counts."""
SLACK = 4.0
"""By how many seconds a poll may come after what it sees; a script names the later second."""


class SeenCounts(Counter[str]):
    """The simulator's counters, of which the script sees what reaches a person."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.seen = seen

    def __setitem__(self, name: str, value: int) -> None:
        """Count, and note what a person sees of it."""
        for _ in range(value - self[name] if name in SHOWN else 0):
            self.seen.note("phone", *SHOWN[name])
        super().__setitem__(name, value)


class RiggedPeople(Provider):
    """The provider of a rig, which remembers the latest question, so that the script can answer it."""

    def __init__(self, rig: Rig, clock: FakeClock) -> None:
        self.rig, self.clock = rig, clock
        self.inner = rig.provider
        self.name = rig.provider.name
        self.handle: Handle | None = None

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        return await self.inner.features(login, deadline)

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return await self.inner.reach(deadline)

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        return await self.inner.pretend(login, deadline)

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        return self.remembered(await self.inner.begin(login, deadline))

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        return await self.inner.wait(handle, deadline)

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        answer = await self.inner.submit(handle, code, deadline)
        self.remembered(answer)
        return answer

    @override
    async def cancel(self, handle: Handle) -> None:
        await self.inner.cancel(handle)

    @override
    async def close(self) -> None:
        return  # the rig closes it

    def remembered(self, outcome: Outcome) -> Outcome:
        """Remember a question that is open."""
        if isinstance(outcome, Pending | NeedsCode):
            self.handle = outcome.handle
        return outcome

    def answer(self, *, approves: bool) -> None:
        """Let the person answer the latest question on the device."""
        assert self.handle is not None
        (self.rig.approve if approves else self.rig.deny)(self.handle)

    def typed(self, text: str) -> str:
        """Put what is right now in the place of the words that stand for it."""
        if "RIGHT" in text or "WRONG" in text:
            right = self.rig.right_code(self.handle)
            text = text.replace("RIGHT", right).replace("WRONG", "999999" if right == "000000" else "000000")
        return text

    def first_factor(self) -> FirstFactor:
        """Return who checks passwords at this provider."""
        assert can_check_passwords(self.inner)
        return ProviderFirstFactor(self.inner)

    def check_counts(self, pairs: list[str]) -> None:
        """Check what the simulator has counted so far, as ``pushes=1``."""
        counts = self.rig.simulator.ledger.counts
        found = {name: counts[name] for name, _ in (pair.split("=") for pair in pairs)}
        assert [f"{name}={count}" for name, count in found.items()] == pairs


async def rigged(name: str, clock: FakeClock, seen: Seen, stack: AsyncExitStack) -> RiggedPeople:
    """Put a provider of this name on the stage, until the stack ends."""
    rig = await stack.enter_async_context(RIGS[name](clock))
    rig.simulator.ledger.counts = SeenCounts(seen)
    stack.enter_context(in_memory(rig.simulator))
    seen.slack = SLACK
    return RiggedPeople(rig, clock)
