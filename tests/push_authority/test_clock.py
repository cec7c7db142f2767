import asyncio
import time

import pytest

from push_authority.clock import FakeClock, SystemClock


async def test_system_clock_tells_the_time() -> None:
    """The system clock gives seconds since 1970, steady and of the machine alike."""
    clock = SystemClock()
    assert abs(clock.now() - time.time()) < 5
    assert abs(clock.wall() - time.time()) < 5


async def test_system_clock_sleeps_and_times_out() -> None:
    """A deadline in the past ends the block at its first wait; sleeping waits."""
    clock = SystemClock()
    before = clock.now()
    await clock.sleep(0.002)
    assert clock.now() - before >= 0.002
    with pytest.raises(TimeoutError):
        async with clock.timeout_at(before):
            await asyncio.Event().wait()


async def test_fake_clock_wakes_sleepers_in_order() -> None:
    """Sleepers wake in the order of their times, whichever went to sleep first."""
    clock, woken = FakeClock(100.0), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((seconds, clock.now()))

    tasks = [asyncio.create_task(sleeper(seconds)) for seconds in (3.0, 1.0, 2.0)]
    await clock.advance(2.5)
    assert woken == [(1.0, 101.0), (2.0, 102.0)]
    await clock.advance(1)
    assert woken[-1] == (3.0, 103.0)
    assert clock.wall() == clock.now() == 103.5
    await asyncio.gather(*tasks)


async def test_fake_clock_times_out() -> None:
    """A time-out fires when time reaches it, not before; one that is over already fires at once."""
    clock = FakeClock()

    async def wait(deadline: float) -> str:
        try:
            async with clock.timeout_at(deadline):
                await asyncio.Event().wait()
        except TimeoutError:
            return "timed out"
        return "ended"

    task = asyncio.create_task(wait(clock.now() + 5))
    await clock.advance(4.9)
    assert not task.done()
    await clock.advance(0.1)
    assert await task == "timed out"
    assert await wait(clock.now()) == "timed out"


async def test_fake_clock_forgets_what_has_ended() -> None:
    """A cancelled sleeper and a block that has ended are passed over."""
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(1))
    async with clock.timeout_at(clock.now() + 1):
        await clock.settle()
    task.cancel()
    await clock.advance(2)
    assert task.cancelled()
