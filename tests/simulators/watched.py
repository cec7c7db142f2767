"""The provider of a rig inside a whole login: what it says is written down, and tap and person learn the step."""

import asyncio
from dataclasses import dataclass

from typing_extensions import override

from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.base import Provider
from tests.simulators.person import Person
from tests.simulators.tap import Tap


@dataclass(frozen=True)
class Said:
    """What the provider said at one step."""

    step: str
    outcome: Outcome
    at: float


class Watched(Provider):
    """The provider of a rig: writes down what it says, and tells the tap and the person which step it is."""

    def __init__(self, inner: Provider, tap: Tap, person: Person) -> None:
        self.inner, self.tap, self.person = inner, tap, person
        self.name = inner.name
        self.said: list[Said] = []
        self.answering: asyncio.Task[None] | None = None

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        return await self.inner.features(login, deadline)

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return await self.inner.reach(deadline)

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        self.tap.step = "begin"
        outcome = self.note(await self.inner.begin(login, deadline))
        if isinstance(outcome, Pending | NeedsCode):
            self.person.handle = outcome.handle
        if isinstance(outcome, Pending):
            self.answering = asyncio.create_task(self.person.on_the_device(outcome.handle))
        return outcome

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        self.tap.step = "answer"
        outcome = await self.inner.wait(handle, deadline)
        self.note(outcome)
        return outcome

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        self.tap.step = "answer"
        outcome = await self.inner.submit(handle, code, deadline)
        self.note(outcome)
        return outcome

    @override
    async def cancel(self, handle: Handle) -> None:
        self.tap.step = "cancel"
        await self.inner.cancel(handle)

    @override
    async def close(self) -> None:
        return  # the rig closes what it has built

    def note(self, outcome: Outcome) -> Outcome:
        """Write down what was said."""
        self.said.append(Said(self.tap.step, outcome, self.person.rig.clock.now()))
        return outcome

    async def stop(self) -> None:
        """End the person's part."""
        if self.answering is not None:
            self.answering.cancel()
            await asyncio.wait([self.answering])
