"""Waking those who wait for a change. A wake-up is a hint: whoever wakes reads the store again."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from push_authority.errors import rate_limited

MAX_WAITS = 20_000
"""Long polls and event streams that may be open at once; 5,000 are measured to cost 12 kB each."""
MAX_WAITS_PER_KEY = 64


class Wakeups:
    """Events by key (a session's id, a user's id): in memory, bounded, coalescing."""

    def __init__(self, limit: int = MAX_WAITS, limit_per_key: int = MAX_WAITS_PER_KEY) -> None:
        self.limit = limit
        self.limit_per_key = limit_per_key
        self.count = 0
        self.ended = False
        self.events: dict[str, set[asyncio.Event]] = {}

    @contextmanager
    def watch(self, key: str) -> Iterator[asyncio.Event]:
        """Give an event that is set at every change of ``key``; watch before reading, so that nothing is missed.

        Raises:
            ApiError: too many wait already.
        """
        watchers = self.events.get(key, set())
        if self.count >= self.limit or len(watchers) >= self.limit_per_key:
            raise rate_limited("too many requests wait", retry_after=5)
        event = asyncio.Event()
        self.events.setdefault(key, watchers).add(event)
        self.count += 1
        try:
            yield event
        finally:
            self.count -= 1
            watchers.discard(event)
            if not watchers:
                self.events.pop(key, None)

    def end(self) -> None:
        """Wake everybody for the last time: the authority stops, and whoever sees ``ended`` returns."""
        self.ended = True
        for key in list(self.events):
            self.wake(key)

    def wake(self, key: str) -> None:
        """Tell everybody who watches ``key`` to look again."""
        for event in self.events.get(key, ()):
            event.set()
