"""Real sockets on a clock that does not wait: once nobody has anything to do, time jumps to the next thing to come.

Client and server live in one loop. When its selector is about to block, and no octet comes for an instant, both sides
wait for the clock: so it jumps. A login of a minute takes milliseconds, whatever the machine is busy with.
"""

import asyncio
import heapq
import itertools
import selectors
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar

from pushgate.clock import FakeClock

INSTANT = 0.001
"""Seconds of real time without an event that count as idleness: a name is looked up in a thread."""
Found = TypeVar("Found")


class JumpingClock(FakeClock):
    """A fake clock that is moved by ``run``; what nobody waits for any more does not move it."""

    def __init__(self, start: float = 1000.0) -> None:
        super().__init__(start)
        self.due: list[tuple[float, int, Callable[[], bool]]] = []
        self.numbers = itertools.count()
        self.wall_shift = timedelta()
        """How far somebody has turned the wall clock."""

    def wall(self) -> datetime:
        """Time of day, as far as it was not turned."""
        return super().wall() + self.wall_shift

    async def sleep(self, seconds: float) -> None:
        """Wait for the jump."""
        woken = asyncio.get_running_loop().create_future()
        self.at(self.time + seconds, lambda: not woken.done() and woken.set_result(None) is None)
        await woken

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        """End the block once time has jumped to the deadline."""
        return JumpingTimeout(self, deadline)

    def at(self, due: float, fire: Callable[[], bool]) -> None:
        """Call ``fire`` then; it says whether anybody has waited for it."""
        heapq.heappush(self.due, (due, next(self.numbers), fire))

    def jump(self) -> bool:
        """Move time to what comes next and wake who waits for it; whether there was anything."""
        while self.due:
            due, _, fire = heapq.heappop(self.due)
            before, self.time = self.time, max(self.time, due)
            if fire():
                return True
            self.time = before
        return False


class JumpingTimeout(AbstractAsyncContextManager[object]):
    """A time-out that is forgotten when its block ends."""

    def __init__(self, clock: JumpingClock, deadline: float) -> None:
        self.clock, self.deadline, self.open = clock, deadline, False
        self.timeout = asyncio.timeout(None)

    async def __aenter__(self) -> asyncio.Timeout:
        """Enter the block."""
        await self.timeout.__aenter__()
        self.open = True
        if self.deadline <= self.clock.now():
            self.fire()
        else:
            self.clock.at(self.deadline, self.fire)
        return self.timeout

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it."""
        self.open = False
        await self.timeout.__aexit__(kind, error, trace)

    def fire(self) -> bool:
        """End the block, if it has not ended."""
        if self.open:
            self.timeout.reschedule(asyncio.get_running_loop().time())
        return self.open


class JumpingSelector(selectors.DefaultSelector):
    """Lets the clock jump in place of blocking."""

    def __init__(self, clock: JumpingClock) -> None:
        super().__init__()
        self.clock = clock

    def select(self, timeout: float | None = None) -> Any:
        """Return the next events; none after a jump, as somebody was woken."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        events = super().select(INSTANT if timeout is None else min(INSTANT, timeout))
        if events or self.clock.jump():
            return events
        return super().select(timeout)


def run(clock: JumpingClock, play: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
    """Run a play in a loop of its own whose only time is that of the clock."""
    with asyncio.Runner(loop_factory=lambda: asyncio.SelectorEventLoop(JumpingSelector(clock))) as runner:
        return runner.run(play())
