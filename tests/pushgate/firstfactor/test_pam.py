"""What PAM's codes mean, and how long a refusal takes."""

import asyncio
from dataclasses import dataclass, field

import pytest

from pushgate.clock import FakeClock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.pam import PamFirstFactor, worker_command
from pushgate.firstfactor.pam_pool import FullError, PamPool
from pushgate.firstfactor.pam_process import WorkerError
from pushgate.login import Login, Secret
from pushgate.outcome import Failed, FailureKind


@dataclass
class ScriptedPool(PamPool):
    """Workers that answer by script, after a time."""

    clock: FakeClock
    answer: int | Exception = 0
    seconds: float = 0.0
    asked: list[tuple[bytes, bytes]] = field(default_factory=list)

    async def ask(self, user: bytes, password: bytes, *, seconds: float, deadline: float) -> int:
        """Answer."""
        self.asked.append((user, password))
        await self.clock.sleep(self.seconds)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


async def check(
    pool: ScriptedPool, user: str = "alice", password: bytes = b"x", deadline: float = 30.0
) -> tuple[Checked, float]:
    """The outcome, and how many seconds it took."""
    clock = pool.clock
    factor = PamFirstFactor(pool, clock, timeout=10)
    began = clock.now()
    ended: list[float] = []
    task = asyncio.ensure_future(factor.check(Login(user, "vpn", "gateway"), Secret(password), began + deadline))
    task.add_done_callback(lambda _: ended.append(clock.now()))
    await clock.advance(60)
    return await task, ended[0] - began


async def test_success_is_right_at_once(fake_clock: FakeClock) -> None:
    """A person with the right password does not wait."""
    assert await check(ScriptedPool(fake_clock)) == (PasswordRight(), 0.0)


@pytest.mark.parametrize("code", [6, 7, 10, 11, 12, 13, 16, 27])
async def test_every_refusal_takes_the_same_time(fake_clock: FakeClock, code: int) -> None:
    """A stranger who measures cannot tell a wrong password from an unknown user or an expired account."""
    outcome, seconds = await check(ScriptedPool(fake_clock, code, 0.001 if code == 10 else 0.043))
    assert isinstance(outcome, PasswordWrong)
    assert outcome.detail
    assert seconds == pytest.approx(1.0)


async def test_a_slow_refusal_leaves_at_a_full_second_too(fake_clock: FakeClock) -> None:
    """A stranger who measures on a busy machine gets whole seconds, and within them nothing."""
    for took in (1.2, 1.9):
        assert (await check(ScriptedPool(fake_clock, 7, took)))[1] == pytest.approx(2.0)


async def test_a_refusal_never_waits_beyond_the_deadline(fake_clock: FakeClock) -> None:
    """A login that must be answered in half a second is."""
    assert (await check(ScriptedPool(fake_clock, 7), deadline=0.5))[1] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (9, FailureKind.UNAVAILABLE),
        (1, FailureKind.CONFIG),
        (4, FailureKind.CONFIG),
        (8, FailureKind.CONFIG),
        (25, FailureKind.CONFIG),
        (28, FailureKind.CONFIG),
        (-1, FailureKind.CONFIG),
        (99, FailureKind.CONFIG),
        (FullError(), FailureKind.RATE_LIMITED),
        (TimeoutError(), FailureKind.UNAVAILABLE),
        (WorkerError("OSError: no libpam"), FailureKind.CONFIG),
    ],
)
async def test_whatever_is_no_answer_is_a_failure(
    fake_clock: FakeClock, answer: int | Exception, kind: FailureKind
) -> None:
    """A stack that could not decide, for whatever reason, lets nobody in."""
    outcome, _ = await check(ScriptedPool(fake_clock, answer))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (kind, False)
    assert outcome.detail


@pytest.mark.parametrize(
    ("user", "password"),
    [("alice", b""), ("alice", b"x\0"), ("alice", b"x" * 512), ("", b"x"), ("al\0ice", b"x"), ("é" * 129, b"x")],
)
async def test_what_pam_would_misread_reaches_no_worker(fake_clock: FakeClock, user: str, password: bytes) -> None:
    """An attacker whose name or password ends early in a C program is refused before PAM hears of it."""
    pool = ScriptedPool(fake_clock)
    outcome, _ = await check(pool, user, password)
    assert isinstance(outcome, PasswordWrong)
    assert pool.asked == []


async def test_octets_go_to_pam_as_they_are(fake_clock: FakeClock) -> None:
    """A person whose password is no text is checked by its octets."""
    pool = ScriptedPool(fake_clock)
    await check(pool, "zoë", b"caf\xe9")
    assert pool.asked == [("zoë".encode(), b"caf\xe9")]


def test_a_worker_runs_isolated() -> None:
    """A variable or a folder of whoever starts the daemon cannot slip code into a worker."""
    assert worker_command("gate")[1:] == ["-I", "-m", "pushgate.firstfactor.pam_worker", "gate"]
