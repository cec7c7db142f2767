"""Time as something that is handed in: steady seconds, wall seconds, sleep, one deadline; and a fake for tests."""

import asyncio
import heapq
import itertools
import time
from contextlib import AbstractAsyncContextManager
from typing import Protocol

from typing_extensions import override


class Clock(Protocol):
    """The only source of time in the authority."""

    def now(self) -> float:
        """Seconds since 1970 that never jump while the process runs: for every lifetime that is stored."""

    def wall(self) -> float:
        """Seconds since 1970 as the machine believes at this moment: for people and for the clocks of devices."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        """Raise ``TimeoutError`` from the block once ``now`` reaches the deadline."""


class SystemClock(Clock):
    """The clocks of the machine; ``now`` is the wall clock at start, carried on by the monotonic one."""

    def __init__(self) -> None:
        self.offset = time.time() - time.monotonic()  # noqa: TID251 - this is the clock

    @override
    def now(self) -> float:
        return self.offset + time.monotonic()  # noqa: TID251 - this is the clock

    @override
    def wall(self) -> float:
        return time.time()  # noqa: TID251 - this is the clock

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - this is the clock

    @override
    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(max(0.0, deadline - self.now()))  # noqa: TID251 - this is the clock


class FakeClock(Clock):
    """A clock that stands still until ``advance`` moves it; for tests only."""

    # A woken task often wakes another: let the loop run this often before the next timer.
    SETTLE_ROUNDS = 50

    def __init__(self, start: float = 1_795_298_000.0) -> None:
        self.time = start
        self.order = itertools.count()
        self.timers: list[tuple[float, int, asyncio.Future[None] | asyncio.Timeout]] = []

    @override
    def now(self) -> float:
        return self.time

    @override
    def wall(self) -> float:
        return self.time

    @override
    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self.timers, (self.time + seconds, next(self.order), woken))
        await woken

    @override
    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        remaining = 0.0 if deadline <= self.time else None
        timeout = asyncio.timeout(remaining)  # noqa: TID251 - this is the clock
        if remaining is None:
            heapq.heappush(self.timers, (deadline, next(self.order), timeout))
        return timeout

    async def settle(self) -> None:
        """Let every task run until it waits again, without moving time."""
        for _ in range(self.SETTLE_ROUNDS):
            await asyncio.sleep(0)  # noqa: TID251 - this is the clock

    async def advance(self, seconds: float) -> None:
        """Move time forward, waking sleepers and ending time-outs in order on the way."""
        end = self.time + seconds
        await self.settle()
        while self.timers and self.timers[0][0] <= end:
            due, _, timer = heapq.heappop(self.timers)
            self.time = max(self.time, due)
            self.fire(timer)
            await self.settle()
        self.time = end
        await self.settle()

    @staticmethod
    def fire(timer: asyncio.Future[None] | asyncio.Timeout) -> None:
        """Wake one sleeper or end one time-out that has come due."""
        if isinstance(timer, asyncio.Timeout):
            try:
                timer.reschedule(asyncio.get_running_loop().time())
            except RuntimeError:
                return  # its block has ended: nothing to interrupt
        elif not timer.done():
            timer.set_result(None)
