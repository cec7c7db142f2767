"""A worker process as the daemon sees it."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pushgate.firstfactor.pam_process import ENVIRONMENT, PamProcess, WorkerError, descendants
from tests.support.processes import parent_of, wait_until
from tests.support.project import ROOT
from tests.support.stand_in_worker import COMMAND, worker_environment


@asynccontextmanager
async def worker(environment: Mapping[str, str] | None = None) -> AsyncIterator[PamProcess]:
    """A stand-in worker that is gone at the end."""
    process = await PamProcess.start(COMMAND, environment or worker_environment())
    try:
        yield process
    finally:
        process.kill()
        await process.ended()


async def test_a_worker_answers_one_question_after_the_other() -> None:
    """A worker checks many passwords, each for itself."""
    async with worker() as process:
        await process.ready()
        assert await process.ask(b"alice", b"right") == 0
        assert await process.ask(b"alice", b"wrong") == 7
        assert await process.ask(b"alice", b"right") == 0
        assert process.asked == 3


async def test_a_worker_that_cannot_work_says_why() -> None:
    """An administrator whose machine has no PAM library reads that, cleaned, and not a code."""
    async with worker({**worker_environment(), "GREETING": "OSError: libpam\x1b[2J"}) as process:
        with pytest.raises(WorkerError, match=r"OSError: libpam\\x1b\[2J"):
            await process.ready()


async def test_a_program_that_is_not_there_is_an_error() -> None:
    """A daemon whose interpreter is gone denies, and says so."""
    with pytest.raises(WorkerError, match="no worker could be started"):
        await PamProcess.start(["/nonexistent/python"], ENVIRONMENT)


@pytest.mark.parametrize("user", [b"die", b"flood", b"half", b"chatter"])
async def test_a_broken_worker_never_means_yes(user: bytes) -> None:
    """A PAM module that crashes its process, or writes rubbish, lets nobody in."""
    async with worker() as process:
        await process.ready()
        with pytest.raises(WorkerError):
            await process.ask(user, b"right")


async def test_a_second_answer_is_not_for_the_next_person() -> None:
    """An attacker does not get in by the answer that a module which forks has left over from the person before."""
    async with worker() as process:
        await process.ready()
        assert await process.ask(b"twice", b"right") == 0
        with pytest.raises(WorkerError):
            await process.ask(b"mallory", b"wrong")


async def test_a_dead_worker_is_known_to_be_dead() -> None:
    """A worker that was killed from outside is not used again."""
    async with worker() as process:
        await process.ready()
        os.kill(process.process.pid, 9)
        await process.process.wait()
        assert not process.alive
        with pytest.raises(WorkerError):
            await process.ask(b"alice", b"right")


async def test_killing_a_worker_kills_what_it_started() -> None:
    """A PAM stack that runs a hanging program leaves none behind, not even one with a session of its own."""
    async with worker() as process:
        await process.ready()
        asking = asyncio.ensure_future(process.ask(b"family", b"61.7"))
        pid = process.process.pid
        await asyncio.to_thread(wait_until, lambda: bool(descendants(pid)), 5, "the program")
        family = descendants(pid)
        process.kill()
        with pytest.raises(WorkerError):
            await asking
        await asyncio.to_thread(wait_until, lambda: not any(map(parent_of, family)), 5, "the end of the program")


async def test_a_password_is_in_no_process_list() -> None:
    """A user of the machine who lists processes sees no password, in arguments or environment."""
    async with worker() as process:
        await process.ready()
        asking = asyncio.ensure_future(process.ask(b"hang", b"a-canary-password"))
        await asyncio.sleep(0.1)
        proc = Path("/proc", str(process.process.pid))
        assert b"canary" not in (proc / "cmdline").read_bytes() + (proc / "environ").read_bytes()
        assert os.getsid(process.process.pid) == process.process.pid
        process.kill()
        with pytest.raises(WorkerError):
            await asking


def test_workers_inherit_nothing_of_the_daemon() -> None:
    """A secret in the daemon's environment never reaches PAM modules, nor does a display."""
    assert set(ENVIRONMENT) == {"PATH", "LC_ALL"}
    assert str(ROOT) not in repr(ENVIRONMENT)
