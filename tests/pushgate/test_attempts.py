"""Sharing a pending attempt, and the pause after a denial."""

import asyncio

import pytest

from pushgate.attempts import Attempts, CoolDown
from pushgate.clock import FakeClock
from pushgate.login import Origin, OriginSource
from tests.support.core import make_login


async def test_a_failure_reaches_every_waiter() -> None:
    """Two logins that share an attempt both see the exception that ended it."""
    attempts: Attempts[None] = Attempts()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError

    results = await asyncio.gather(*(attempts.share(b"k", fail) for _ in range(2)), return_exceptions=True)
    assert [type(result) for result in results] == [ValueError, ValueError]
    assert attempts.pending == {}


async def test_a_login_that_arrives_after_the_answer_starts_anew() -> None:
    """A login that arrives between an answer and its delivery does not ride on it."""
    attempts: Attempts[int] = Attempts()
    answered = asyncio.get_running_loop().create_future()
    started: list[int] = []

    async def start() -> int:
        started.append(1)
        return await answered if len(started) == 1 else 2

    first = asyncio.create_task(attempts.share(b"k", start))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    answered.set_result(1)
    attempt = attempts.pending[b"k"].task
    for _ in range(5):
        if attempt.done():
            break
        await asyncio.sleep(0)
    assert not first.done()
    assert await attempts.share(b"k", start) == 2
    assert await first == 1
    assert attempts.pending == {}


async def test_without_a_key_nothing_is_shared() -> None:
    """Logins without a key run on their own."""
    attempts: Attempts[int] = Attempts()

    async def start() -> int:
        return 1

    assert await asyncio.gather(attempts.share(None, start), attempts.share(None, start)) == [1, 1]
    assert attempts.pending == {}


async def test_the_last_waiter_returns_only_when_the_attempt_has_ended() -> None:
    """A cancelled waiter comes back after the attempt's clean-up, so the push is withdrawn by then."""
    attempts: Attempts[None] = Attempts()
    cleaned: list[bool] = []

    async def start() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(10):
                await asyncio.sleep(0)
            cleaned.append(True)

    waiter = asyncio.create_task(attempts.share(b"k", start))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert cleaned == [True]


def test_a_denial_holds_ten_seconds_for_the_same_login_alone() -> None:
    """A denial holds for the same user, service, host and address, and for ten seconds."""
    clock = FakeClock()
    cool_down = CoolDown(clock)
    cool_down.note_denial(make_login())
    assert cool_down.holds(make_login())
    for other in ({"user": "bob"}, {"service": "sudo"}, {"host": "web2"}, {"origin": Origin("::1", OriginSource.PAM)}):
        assert not cool_down.holds(make_login(**other))
    clock.time += 10.1
    assert not cool_down.holds(make_login())


def test_a_denial_from_an_unknown_address_holds_for_nobody() -> None:
    """A person who denies a stranger behind a NAS that names no address does not lock herself out."""
    cool_down = CoolDown(FakeClock())
    cool_down.note_denial(make_login(origin=Origin()))
    assert not cool_down.holds(make_login(origin=Origin()))


def test_the_table_of_denials_is_bounded() -> None:
    """A flood of denials pushes out the oldest and grows no further."""
    cool_down = CoolDown(FakeClock())
    for number in range(CoolDown.LIMIT + 5):
        cool_down.note_denial(make_login(user=f"u{number}"))
    assert len(cool_down.until) == CoolDown.LIMIT
    assert not cool_down.holds(make_login(user="u0"))
