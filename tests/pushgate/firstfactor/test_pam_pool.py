"""The pool of workers: bounded, and whole again after each fault."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from pushgate.clock import SystemClock
from pushgate.firstfactor import pam_pool
from pushgate.firstfactor.pam_pool import WAITING_PER_WORKER, FullError, PamPool
from pushgate.firstfactor.pam_process import WorkerError
from tests.support.processes import descendants
from tests.support.stand_in_worker import COMMAND, worker_environment

CLOCK = SystemClock()


@asynccontextmanager
async def pool(count: int = 1) -> AsyncIterator[PamPool]:
    """Stand-in workers; none is left at the end."""
    workers = PamPool(COMMAND, count, CLOCK, worker_environment())
    before = set(descendants(os.getpid()))
    try:
        yield workers
    finally:
        await workers.close()
        assert set(descendants(os.getpid())) <= before


async def ask(workers: PamPool, user: bytes = b"alice", password: bytes = b"right", seconds: float = 5.0) -> int:
    """Ask for a password."""
    return await workers.ask(user, password, seconds=seconds, deadline=CLOCK.now() + 10)


async def test_a_worker_is_started_when_it_is_needed_and_kept() -> None:
    """A daemon that nobody asks runs no worker; one that is asked does not start one for each login."""
    async with pool() as workers:
        assert workers.idle == []
        first = await ask(workers, b"pid")
        assert await ask(workers, b"pid") == first
        assert len(workers.idle) == 1


async def test_no_more_workers_run_than_configured() -> None:
    """Ten people who log in at the same moment are checked by two workers."""
    async with pool(2) as workers:
        pids = await asyncio.gather(*(ask(workers, b"pid") for _ in range(10)))
        assert 1 <= len(set(pids)) <= 2
        assert len(workers.idle) <= 2


async def test_a_hung_worker_is_killed_and_replaced() -> None:
    """A PAM stack that hangs costs one login its time and no other login anything."""
    async with pool() as workers:
        first = await ask(workers, b"pid")
        before = CLOCK.now()
        with pytest.raises(TimeoutError):
            await ask(workers, b"hang", seconds=0.3)
        assert CLOCK.now() - before < 2
        assert await ask(workers, b"pid") != first
        assert await ask(workers) == 0


async def test_the_logins_deadline_counts_if_it_is_sooner() -> None:
    """A login that has to answer its NAS in half a second does not wait ten seconds for PAM."""
    async with pool() as workers:
        await ask(workers)
        with pytest.raises(TimeoutError):
            await workers.ask(b"hang", b"x", seconds=30, deadline=CLOCK.now() + 0.3)


@pytest.mark.parametrize("user", [b"die", b"flood", b"half", b"chatter"])
async def test_a_worker_that_broke_is_replaced(user: bytes) -> None:
    """A PAM module that crashed a worker fails that login alone."""
    async with pool() as workers:
        first = await ask(workers, b"pid")
        with pytest.raises(WorkerError):
            await ask(workers, user)
        assert await ask(workers, b"pid") != first


async def test_a_worker_that_died_while_idle_is_replaced_unnoticed() -> None:
    """A person who logs in after the kernel killed an idle worker notices nothing."""
    async with pool() as workers:
        first = await ask(workers, b"pid")
        os.kill(first, signal.SIGKILL)
        await workers.idle[0].process.wait()
        assert await ask(workers, b"pid") != first


async def test_a_withdrawn_login_frees_its_place() -> None:
    """A person who hangs up during the check leaves no worker that is still busy with it."""
    async with pool() as workers:
        await ask(workers)
        asking = asyncio.ensure_future(ask(workers, b"hang"))
        await asyncio.sleep(0.1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert await ask(workers) == 0
        assert workers.places == 1 + WAITING_PER_WORKER


async def test_a_login_that_is_withdrawn_while_its_worker_starts_leaves_none() -> None:
    """A person who hangs up at once leaves no process behind."""
    async with pool() as workers:
        for pause in (0.0, 0.001, 0.02):
            asking = asyncio.ensure_future(ask(workers))
            await asyncio.sleep(pause)
            asking.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asking
        assert await ask(workers) == 0


async def test_a_full_queue_refuses_at_once() -> None:
    """An attacker who sends logins faster than PAM checks them fills a queue, and not the memory."""
    async with pool() as workers:
        waiting = [asyncio.ensure_future(ask(workers, b"hang", seconds=1.0)) for _ in range(1 + WAITING_PER_WORKER)]
        await asyncio.sleep(0)
        with pytest.raises(FullError):
            await ask(workers)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert await ask(workers) == 0


async def test_a_queue_that_does_not_move_refuses_at_the_deadline() -> None:
    """A login behind a hung one ends at its own deadline, without having asked PAM."""
    async with pool() as workers:
        holding = asyncio.ensure_future(ask(workers, b"hang"))
        await asyncio.sleep(0.05)
        with pytest.raises(FullError):
            await workers.ask(b"alice", b"right", seconds=5, deadline=CLOCK.now() + 0.1)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding


async def test_a_worker_is_replaced_after_its_share_of_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    """A PAM module that leaks memory does so in a process that does not get old."""
    monkeypatch.setattr(pam_pool, "LOGINS_PER_WORKER", 3)
    async with pool() as workers:
        pids = [await ask(workers, b"pid") for _ in range(7)]
        assert [pids.count(pid) for pid in dict.fromkeys(pids)] == [3, 3, 1]


async def test_a_login_that_runs_while_the_pool_is_closed_is_decided() -> None:
    """A person who logs in during a reload is checked by the old workers, of which none stays."""
    async with pool() as workers:
        await ask(workers)
        asking = asyncio.ensure_future(ask(workers))
        await asyncio.sleep(0)
        await workers.close()
        assert await asking == 0
        assert workers.idle == []
        assert await ask(workers) == 0
        assert workers.idle == []


async def test_closing_twice_is_no_harm() -> None:
    """A daemon that stops ends its workers once."""
    async with pool() as workers:
        await ask(workers)
        await workers.close()
        await workers.close()
