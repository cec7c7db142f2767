"""Blocking calls have a bound: in number, in the queue and in time."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from pushgate.clock import FakeClock, SystemClock
from pushgate.threads import WAITING_PER_THREAD, FullError, Threads


class Held:
    """A call that lasts until it is released or aborted."""

    def __init__(self) -> None:
        self.started, self.ending = threading.Event(), threading.Event()
        self.aborted = False

    def run(self) -> str:
        """Wait."""
        self.started.set()
        assert self.ending.wait(10)
        return "aborted" if self.aborted else "done"

    def abort(self) -> None:
        """End early."""
        self.aborted = True
        self.ending.set()


class Stubborn(Held):
    """A call that cannot be aborted."""

    def abort(self) -> None:
        """Go on."""
        self.aborted = True


@pytest_asyncio.fixture
async def threads(fake_clock: FakeClock) -> AsyncIterator[Threads]:
    """One thread, so that everything else waits."""
    pool = Threads("test", 1, fake_clock)
    yield pool
    pool.close()


async def test_a_result_comes_back(threads: Threads, fake_clock: FakeClock) -> None:
    """A caller gets what the call returned."""
    held = Held()
    held.ending.set()
    assert await threads.run(held, fake_clock.now() + 5) == "done"


async def test_the_deadline_aborts_the_call(threads: Threads, fake_clock: FakeClock) -> None:
    """A caller whose deadline has come stops waiting, and the thread is told to end."""
    held = Held()
    waiting = asyncio.ensure_future(threads.run(held, fake_clock.now() + 5))
    await fake_clock.settle()
    await asyncio.to_thread(held.started.wait, 5)
    await fake_clock.advance(5)
    with pytest.raises(TimeoutError):
        await waiting
    assert held.aborted


async def test_a_withdrawn_login_aborts_the_call(threads: Threads, fake_clock: FakeClock) -> None:
    """A person who hangs up frees the thread."""
    held = Held()
    waiting = asyncio.ensure_future(threads.run(held, fake_clock.now() + 5))
    await fake_clock.settle()
    await asyncio.to_thread(held.started.wait, 5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert held.aborted


async def test_a_call_that_nobody_waits_for_any_more_is_not_begun(threads: Threads, fake_clock: FakeClock) -> None:
    """A login whose deadline came in the queue asks no server: its password stays here."""
    first, second = Held(), Held()
    running = asyncio.ensure_future(threads.run(first, fake_clock.now() + 60))
    await fake_clock.settle()
    queued = asyncio.ensure_future(threads.run(second, fake_clock.now() + 5))
    await fake_clock.advance(5)
    with pytest.raises(TimeoutError):
        await queued
    first.ending.set()
    assert await running == "done"
    assert not second.started.is_set()


async def test_a_full_queue_refuses_at_once() -> None:
    """An attacker who sends logins faster than they are checked fills a queue, and not the memory."""
    clock = SystemClock()
    pool = Threads("test", 1, clock)
    stubborn = [Stubborn() for _ in range(1 + WAITING_PER_THREAD)]
    waiting = [asyncio.ensure_future(pool.run(call, clock.now() + 30)) for call in stubborn]
    await asyncio.to_thread(stubborn[0].started.wait, 5)
    with pytest.raises(FullError):
        await pool.run(Held(), clock.now() + 30)
    for call in stubborn:
        call.ending.set()
    assert await asyncio.gather(*waiting) == ["done"] * len(stubborn)
    late = Held()
    late.ending.set()
    assert await pool.run(late, clock.now() + 30) == "done"
    pool.close()


async def test_an_abandoned_call_keeps_its_place_until_it_ends(fake_clock: FakeClock) -> None:
    """A server that answers nobody cannot make the daemon hold more calls than it has places."""
    pool = Threads("test", 1, fake_clock)
    stubborn = Stubborn()
    waiting = asyncio.ensure_future(pool.run(stubborn, fake_clock.now() + 5))
    await fake_clock.settle()
    await asyncio.to_thread(stubborn.started.wait, 5)
    await fake_clock.advance(5)
    with pytest.raises(TimeoutError):
        await waiting
    taken = 0
    while pool.places.acquire(blocking=False):
        taken += 1
    assert taken == WAITING_PER_THREAD
    stubborn.ending.set()
    assert await asyncio.to_thread(pool.places.acquire, timeout=5)
    pool.close()


async def test_closing_lets_calls_end_and_takes_no_more() -> None:
    """A person who logs in during a reload is checked, in the queue too; later ones go to the new first factor."""
    clock = SystemClock()
    pool = Threads("test", 1, clock)
    first, second = Held(), Held()
    waiting = [asyncio.ensure_future(pool.run(call, clock.now() + 30)) for call in (first, second)]
    await asyncio.to_thread(first.started.wait, 5)
    pool.close()
    first.ending.set()
    second.ending.set()
    assert await asyncio.gather(*waiting) == ["done", "done"]
    with pytest.raises(FullError):
        await pool.run(Held(), clock.now() + 30)
