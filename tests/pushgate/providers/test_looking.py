"""One look for a sign of life, for all who want to know."""

import asyncio

from pushgate.clock import FakeClock
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.looking import SharedLook

DOWN = Failed(FailureKind.UNAVAILABLE, asked=False, detail="refused")


class Looks:
    """Counts looks, each of which takes three seconds."""

    def __init__(self) -> None:
        self.clock, self.count, self.ended = FakeClock(), 0, 0
        self.shared = SharedLook(self.look, self.clock, "ping")

    async def look(self) -> Failed | None:
        """Look."""
        self.count += 1
        try:
            await self.clock.sleep(3)
        finally:
            self.ended += 1
        return DOWN

    def ask(self, seconds: float) -> "asyncio.Task[Failed | None]":
        """Want to know for so long."""
        return asyncio.create_task(self.shared.result(self.clock.now() + seconds))


async def test_many_share_one_look() -> None:
    """A hundred strangers at the same moment make one request; one who comes later makes another."""
    looks = Looks()
    asked = [looks.ask(10) for _ in range(100)]
    await looks.clock.advance(3)
    assert [await each for each in asked] == [DOWN] * 100
    assert looks.count == 1
    later = looks.ask(10)
    await looks.clock.advance(3)
    assert (await later, looks.count) == (DOWN, 2)


async def test_whoever_stops_waiting_ends_nothing() -> None:
    """A login without time is told so, and those who have more time get the answer of the same look."""
    looks = Looks()
    hurried, patient, gone = looks.ask(1), looks.ask(10), looks.ask(10)
    await looks.clock.advance(1)
    gone.cancel()
    assert await hurried == Failed(FailureKind.UNAVAILABLE, asked=False, detail="ping: no answer in time")
    await looks.clock.advance(2)
    assert (await patient, looks.count) == (DOWN, 1)


async def test_a_look_ends_with_its_provider() -> None:
    """A daemon that stops while it looks leaves no request behind."""
    looks = Looks()
    waiting = looks.ask(10)
    await looks.clock.settle()
    waiting.cancel()
    await looks.shared.close()
    assert (looks.count, looks.ended) == (1, 1)
    await Looks().shared.close()
