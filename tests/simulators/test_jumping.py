"""The clock that jumps while everybody waits: order, time-outs, sockets."""

import asyncio
import time
from datetime import timedelta

import pytest

from pushgate.http import JsonClient, RequestFailedError
from pushgate.outcome import FailureKind
from tests.simulators.base import Answer, Recorded, Simulator, running
from tests.simulators.jumping import JumpingClock, run


class Slow(Simulator):
    """Answers after as many seconds as the path says."""

    async def serve(self, request: Recorded) -> Answer:
        """Sleep, then answer."""
        await self.clock.sleep(float(request.path[1:]))
        return Answer(200, {})


def test_sleepers_wake_in_order_and_at_once() -> None:
    """Two tasks that sleep for hours wake in the order of their times, within real milliseconds."""
    clock, woken = JumpingClock(), list[tuple[int, float]]()

    async def sleeper(number: int, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((number, clock.now()))

    async def play() -> None:
        await asyncio.gather(sleeper(1, 7200), sleeper(2, 3600))

    before = time.monotonic()
    run(clock, play)
    assert woken == [(2, 4600), (1, 8200)]
    assert time.monotonic() - before < 60


def test_a_request_on_its_way_takes_no_time() -> None:
    """A request is served while the clock stands, and one that is slow moves it by just as much."""
    clock = JumpingClock()

    async def play() -> list[float]:
        times = []
        async with running(Slow(clock)) as simulator:
            client = JsonClient(simulator.url, clock, {})
            for seconds in (0, 30, 0):
                await client.request("GET", f"/{seconds}", deadline=clock.now() + 60)
                times.append(clock.now())
            await client.close()
        return times

    assert run(clock, play) == [1000, 1030, 1030]


def test_a_time_out_ends_what_is_too_slow() -> None:
    """A request that takes longer than its deadline ends exactly then."""
    clock = JumpingClock()

    async def play() -> float:
        async with running(Slow(clock)) as simulator:
            client = JsonClient(simulator.url, clock, {})
            with pytest.raises(RequestFailedError) as caught:
                await client.request("GET", "/61", deadline=clock.now() + 60)
            assert caught.value.kind is FailureKind.UNAVAILABLE
            await client.close()
            return clock.now()

    assert run(clock, play) == 1060


def test_what_nobody_waits_for_moves_no_time() -> None:
    """A time-out whose block has ended, and a sleeper that was cancelled, leave the clock alone."""
    clock = JumpingClock()

    async def play() -> float:
        async with clock.timeout_at(clock.now() + 5):
            pass
        sleeper = asyncio.create_task(clock.sleep(7))
        await asyncio.sleep(0)
        sleeper.cancel()
        await clock.sleep(10)
        return clock.now()

    assert run(clock, play) == 1010


def test_a_deadline_that_has_passed_ends_the_block() -> None:
    """A block whose deadline is over ends at its first wait."""
    clock = JumpingClock()

    async def play() -> None:
        async with clock.timeout_at(clock.now()):
            await clock.sleep(10)

    with pytest.raises(TimeoutError):
        run(clock, play)


def test_the_wall_clock_turns_alone() -> None:
    """A wall clock that somebody turns leaves deadlines where they are."""
    clock = JumpingClock()
    before, wall = clock.now(), clock.wall()
    clock.wall_shift = timedelta(hours=1)
    assert (clock.now(), clock.wall() - wall) == (before, timedelta(hours=1))
