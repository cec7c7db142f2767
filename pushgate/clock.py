"""Time as something that is handed in: now, sleep, one deadline; and a fake that tests move by hand."""

import asyncio
import heapq
import itertools
import time
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Protocol

from typing_extensions import override


class Clock(Protocol):
    """The only source of time in pushgate."""

    def now(self) -> float:
        """Monotonic seconds: for deadlines, never for people."""

    def wall(self) -> datetime:
        """Time of day in UTC: for people and records, never for deadlines."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        """Raise ``TimeoutError`` from the block once ``now`` reaches the deadline."""


class SystemClock(Clock):
    """The clock of the running event loop and of the machine."""

    @override
    def now(self) -> float:
        return time.monotonic()  # noqa: TID251 - this is the clock

    @override
    def wall(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is the clock

    @override
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)  # noqa: TID251 - this is the clock

    @override
    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        # The loop's clock is time.monotonic too, but only by default: go by the difference.
        remaining = max(0.0, deadline - self.now())
        return asyncio.timeout(remaining)  # noqa: TID251 - this is the clock


class FakeClock(Clock):
    """A clock that stands still until ``advance`` moves it; for tests only."""

    # A woken task often wakes another: let the loop run this often before the next timer.
    SETTLE_ROUNDS = 50

    def __init__(self, start: float = 1000.0) -> None:
        self.time = start
        self.wall_start = datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=start)
        self.order = itertools.count()
        self.timers: list[tuple[float, int, asyncio.Future[None] | asyncio.Timeout]] = []

    @override
    def now(self) -> float:
        return self.time

    @override
    def wall(self) -> datetime:
        return self.wall_start + timedelta(seconds=self.time)

    @override
    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        heapq.heappush(self.timers, (self.time + seconds, next(self.order), woken))
        await woken

    @override
    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        timeout = asyncio.timeout(None)  # noqa: TID251 - this is the clock
        heapq.heappush(self.timers, (deadline, next(self.order), timeout))
        return _FakeTimeout(self, deadline, timeout)

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
            self._fire(timer)
            await self.settle()
        self.time = end
        await self.settle()

    @staticmethod
    def _fire(timer: asyncio.Future[None] | asyncio.Timeout) -> None:
        if isinstance(timer, asyncio.Timeout):
            try:
                timer.reschedule(asyncio.get_running_loop().time())
            except RuntimeError:
                return  # its block has ended: nothing to interrupt
        elif not timer.done():
            timer.set_result(None)


class _FakeTimeout(AbstractAsyncContextManager[object]):
    """Enter a time-out of the fake clock; one whose deadline has passed fires at the next wait."""

    def __init__(self, clock: FakeClock, deadline: float, timeout: asyncio.Timeout) -> None:
        self.clock, self.deadline, self.timeout = clock, deadline, timeout

    @override
    async def __aenter__(self) -> asyncio.Timeout:
        await self.timeout.__aenter__()
        if self.deadline <= self.clock.now():
            self.timeout.reschedule(asyncio.get_running_loop().time())
        return self.timeout

    @override
    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.timeout.__aexit__(kind, error, trace)
