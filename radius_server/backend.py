"""Whether logins can be decided at all: for clients whose probes shall go unanswered while they cannot.

A NAS then moves to its next server (RFC 5997 section 4.1 permits it), instead of having every login rejected here.
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from pushgate.clock import Clock

LOOK_SECONDS = 10.0

log = structlog.get_logger()


class BackendWatch:
    """Looks every ten seconds, as long as a client wants to know."""

    def __init__(self, look: Callable[[], Awaitable[bool]], clock: Clock) -> None:
        """Take what finds out whether the provider can be reached; it must not raise."""
        self.look, self.clock = look, clock
        self.works = True
        self.wanted = False
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self.task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """Look no more."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)

    async def run(self) -> None:
        """Look on and on, and log what changes."""
        while True:
            works = not self.wanted or await self.look()
            if works != self.works:
                self.works = works
                log.warning("radius_backend", works=works)
            await self.clock.sleep(LOOK_SECONDS)
