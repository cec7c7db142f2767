"""A clock that does not wait: who sleeps, wakes at once, and it is that much later. For one login at a time."""

import asyncio
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta

from typing_extensions import override

from pushgate.clock import Clock

GUARD_SECONDS = 10.0
"""Real seconds after which a block with a deadline ends in any case."""


class SkippingClock(Clock):
    """Time that moves only by being slept through; what is sent over sockets takes none."""

    def __init__(self) -> None:
        self.time = 1000.0
        self.wall_shift = timedelta()
        """By how much somebody has moved the time of day."""
        self.sleeps: list[float] = []

    @override
    def now(self) -> float:
        return self.time

    @override
    def wall(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.time - 1000.0) + self.wall_shift

    @override
    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.time += seconds
        await asyncio.sleep(0)

    @override
    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        return asyncio.timeout(GUARD_SECONDS if deadline > self.time else 0)
