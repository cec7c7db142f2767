"""The clock and its fake."""

import asyncio

import pytest

from pushgate.clock import FakeClock, SystemClock


async def test_sleepers_of_the_fake_clock_wake_in_order_and_on_time() -> None:
    """Tasks that sleep on the fake clock wake in the order of their times, at their times."""
    clock = FakeClock()
    woken: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("late", 2))
        group.create_task(sleeper("early", 1))
        await clock.advance(3)
    assert woken == [("early", 1001.0), ("late", 1002.0)]


async def test_a_timeout_of_the_fake_clock_fires_at_its_deadline() -> None:
    """A block that waits beyond its deadline on the fake clock is ended by TimeoutError then."""
    clock = FakeClock()

    async def wait() -> float:
        with pytest.raises(TimeoutError):
            async with clock.timeout_at(1005):
                await asyncio.Event().wait()
        return clock.now()

    task = asyncio.create_task(wait())
    await clock.advance(10)
    assert await task == 1005


async def test_a_block_that_ends_in_time_is_left_alone() -> None:
    """A block that has ended before its deadline is not interrupted afterwards."""
    clock = FakeClock()
    async with clock.timeout_at(1001):
        pass
    await clock.advance(5)
    assert clock.now() == 1005


@pytest.mark.parametrize("clock", [FakeClock(), SystemClock()])
async def test_a_deadline_in_the_past_fires_at_the_first_wait(clock: FakeClock | SystemClock) -> None:
    """A block that is entered too late ends at its first wait."""
    with pytest.raises(TimeoutError):
        async with clock.timeout_at(clock.now() - 1):
            await asyncio.Event().wait()


async def test_a_cancelled_sleeper_does_not_stop_the_clock() -> None:
    """A task that is cancelled in its sleep leaves the other timers in order."""
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(1))
    await clock.settle()
    task.cancel()
    await clock.advance(2)
    assert task.cancelled()


def test_the_wall_clock_is_in_utc() -> None:
    """A record gets a time with a zone, which moves with the fake clock."""
    assert SystemClock().wall().tzname() == "UTC"
    assert FakeClock().wall().isoformat() == "2026-01-01T00:00:00+00:00"
