"""A look for a sign of life that all share who want to know: strangers can be many, and must not make us a flood."""

import asyncio
from collections.abc import Awaitable, Callable

from pushgate.clock import Clock
from pushgate.outcome import Failed, FailureKind


class SharedLook:
    """One look at a time, whoever asks, and however many."""

    def __init__(self, look: Callable[[], Awaitable[Failed | None]], clock: Clock, call: str) -> None:
        """Take the look.

        Args:
            look: Says what is wrong with the provider, None if nothing is; bounded by itself.
            clock: Time.
            call: The request that is made; for the log.
        """
        self.look, self.clock, self.call = look, clock, call
        self.task: asyncio.Task[Failed | None] | None = None

    async def result(self, deadline: float) -> Failed | None:
        """Return what the look that is under way finds, or a new one; whoever stops waiting does not end it."""
        if self.task is None or self.task.done():
            self.task = asyncio.create_task(self.run())
        try:
            async with self.clock.timeout_at(deadline):
                return await asyncio.shield(self.task)
        except TimeoutError:
            return Failed(FailureKind.UNAVAILABLE, asked=False, detail=f"{self.call}: no answer in time")

    async def run(self) -> Failed | None:
        """Look."""
        return await self.look()

    async def close(self) -> None:
        """End a look that is under way."""
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
