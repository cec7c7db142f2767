"""Ending a task to the end, although the one who waits for it is being cancelled."""

import asyncio
from typing import Any


async def finish(task: asyncio.Future[Any]) -> None:
    """Wait until a task or future has ended, whatever its result, even if we are cancelled meanwhile.

    The caller is about to re-raise its own cancellation, so swallowing further ones here loses nothing.
    """
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            continue
