"""Blocking libraries in a bounded number of threads, with a bounded queue in front of them."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from pushgate.clock import Clock

WAITING_PER_THREAD = 16
"""Calls that may wait for a thread, per thread: more would only wait beyond their deadline."""

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")


class FullError(Exception):
    """Every thread is busy and the queue is full."""


class Call(Protocol[T_co]):
    """Something that blocks, and how to end it from outside."""

    def run(self) -> T_co:
        """Do it, in a thread."""

    def abort(self) -> None:
        """Make ``run`` end soon; called in the loop's thread, also before ``run`` began or after it ended."""


class Threads:
    """Runs calls, at most ``count`` at a time.

    A call whose caller gave up keeps its thread and its place until it has ended, so that a server that answers
    nobody cannot make the daemon hold more and more of them.
    """

    def __init__(self, name: str, count: int, clock: Clock) -> None:
        self.clock = clock
        self.executor = ThreadPoolExecutor(count, thread_name_prefix=name)
        self.places = threading.Semaphore(count * (1 + WAITING_PER_THREAD))

    async def run(self, call: Call[T], deadline: float) -> T:
        """Run a call and return its result.

        Raises:
            FullError: if there is no place, or if no call may begin any more; at once.
            TimeoutError: at the deadline; the call is aborted.
        """
        if not self.places.acquire(blocking=False):
            raise FullError
        try:
            future = self.executor.submit(call.run)
        except RuntimeError:  # closed, because the configuration was exchanged
            self.places.release()
            raise FullError from None
        future.add_done_callback(lambda _: self.places.release())
        try:
            async with self.clock.timeout_at(deadline):
                return await asyncio.wrap_future(future)
        except (TimeoutError, asyncio.CancelledError):
            call.abort()
            raise

    def close(self) -> None:
        """Take no more calls; those that have a place come to their end."""
        self.executor.shutdown(wait=False)
