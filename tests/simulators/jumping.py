"""Real sockets on a clock that does not wait: once nobody has anything to do, time jumps to the next thing to come.

Client and server live in one loop. When its selector is about to block, no octet comes for an instant and no thread
works for the loop, both sides wait for the clock: so it jumps. A login of a minute takes milliseconds.
"""

import asyncio
import heapq
import itertools
import selectors
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar
from unittest.mock import patch

from push_authority.store.sqlite import SqliteStore
from pushgate.clock import Clock, FakeClock
from pushgate.http import JsonClient

PATIENCE = 0.002
"""Seconds of real time without an event that count as idleness while a request is out.

A busy kernel may take its time to hand to one end what the other has sent.
"""
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
        self.threads = Counter[str]()
        """How much of what threads do for the loop is going on."""
        self.requests = Counter[str]()
        """How many requests of our clients are out."""

    def select(self, timeout: float | None = None) -> Any:
        """Return the next events; none after a jump, as somebody was woken."""
        if self.threads.total() or (timeout is not None and timeout <= 0):
            return super().select(timeout)
        quiet = PATIENCE if self.requests.total() else 0.0
        events = super().select(quiet if timeout is None else min(quiet, timeout))
        if events or self.clock.jump():
            return events
        return super().select(timeout)


class JumpingLoop(asyncio.SelectorEventLoop):
    """Knows how many threads work for it."""

    def __init__(self, selector: JumpingSelector) -> None:
        super().__init__(selector)
        self.jumping = selector

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> Any:  # type: ignore[override]
        """Let a thread work, and count it."""
        future = super().run_in_executor(executor, func, *args)
        self.jumping.threads["executor"] += 1
        future.add_done_callback(self.thread_done)
        return future

    def thread_done(self, _future: object) -> None:
        """Note that a thread has come back."""
        self.jumping.threads["executor"] -= 1


class UnturnedClock(Clock):
    """The same clock, for a machine whose wall clock nobody turns."""

    def __init__(self, clock: JumpingClock) -> None:
        self.clock = clock

    def now(self) -> float:
        """Monotonic seconds."""
        return self.clock.now()

    async def sleep(self, seconds: float) -> None:
        """Wait for the jump."""
        await self.clock.sleep(seconds)

    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        """End the block once time has jumped to the deadline."""
        return self.clock.timeout_at(deadline)

    def wall(self) -> datetime:
        """Time of day, as it is."""
        return self.clock.wall() - self.clock.wall_shift


def run(clock: JumpingClock, play: Callable[[], Coroutine[Any, Any, Found]]) -> Found:
    """Run a play in a loop of its own whose only time is that of the clock."""
    selector = JumpingSelector(clock)
    requests = counted(JsonClient, "request", selector.requests)
    # Our authority's store writes in a thread of its own.
    writes = counted(SqliteStore, "transact", selector.threads)
    with requests, writes, asyncio.Runner(loop_factory=lambda: JumpingLoop(selector)) as runner:
        return runner.run(play())


def counted(owner: type, name: str, counter: Counter[str]) -> AbstractContextManager[object]:
    """Count how many calls of a method are going on."""
    method = getattr(owner, name)

    async def call(*arguments: Any, **named: Any) -> Any:
        counter[name] += 1
        try:
            return await method(*arguments, **named)
        finally:
            counter[name] -= 1

    return patch.object(owner, name, call)
