"""A few PAM workers, and a bounded queue before them."""

import asyncio
from collections.abc import Mapping, Sequence

from pushgate.clock import Clock
from pushgate.firstfactor.pam_process import ENVIRONMENT, PamProcess
from pushgate.tasks import finish

WAITING_PER_WORKER = 16
"""Logins that may wait for a worker, per worker."""
LOGINS_PER_WORKER = 500
"""Then a worker is replaced, so that what a PAM module leaks stays bounded."""


class FullError(Exception):
    """Every worker is busy, and the queue is full or did not move in time."""


class PamPool:
    """Workers are started when they are needed, and kept."""

    def __init__(
        self, command: Sequence[str], count: int, clock: Clock, environment: Mapping[str, str] = ENVIRONMENT
    ) -> None:
        """Take the command line of a worker, how many may run, and what they inherit."""
        self.command, self.clock, self.environment = tuple(command), clock, environment
        self.free = asyncio.Semaphore(count)
        self.places = count * (1 + WAITING_PER_WORKER)
        self.idle: list[PamProcess] = []
        self.ending: set[asyncio.Task[None]] = set()
        self.closed = False

    async def ask(self, user: bytes, password: bytes, *, seconds: float, deadline: float) -> int:
        """Have a password checked within ``seconds``, the start of a worker included; returns PAM's code.

        Raises:
            FullError: if no worker was free.
            TimeoutError: if the check took too long; its worker is killed.
            WorkerError: if the worker could not start, or broke.
        """
        if self.places == 0:
            raise FullError
        self.places -= 1
        try:
            await self.acquire(deadline)
            try:
                async with self.clock.timeout_at(min(deadline, self.clock.now() + seconds)):
                    return await self.ask_worker(user, password)
            finally:
                self.free.release()
        finally:
            self.places += 1

    async def acquire(self, deadline: float) -> None:
        """Wait for a free worker."""
        try:
            async with self.clock.timeout_at(deadline):
                await self.free.acquire()
        except TimeoutError:
            raise FullError from None

    async def ask_worker(self, user: bytes, password: bytes) -> int:
        """Ask a worker; one that was interrupted, broke or has worked enough is not kept."""
        worker = await self.take()
        code = None
        try:
            if worker.asked == 0:
                await worker.ready()
            code = await worker.ask(user, password)
            return code
        finally:
            if code is not None and worker.asked < LOGINS_PER_WORKER and not self.closed:
                self.idle.append(worker)
            else:
                self.end(worker)

    async def take(self) -> PamProcess:
        """Take an idle worker that still runs, or start one."""
        while self.idle:
            worker = self.idle.pop()
            if worker.alive:
                return worker
            self.end(worker)
        return await PamProcess.start(self.command, self.environment)

    def end(self, worker: PamProcess) -> None:
        """Kill a worker, and collect it behind the scenes."""
        worker.kill()
        task = asyncio.ensure_future(worker.ended())
        self.ending.add(task)
        task.add_done_callback(self.ending.discard)

    async def close(self) -> None:
        """End the workers that are idle; one that is busy ends after its login."""
        self.closed = True
        while self.idle:
            self.end(self.idle.pop())
        for task in list(self.ending):
            await finish(task)
