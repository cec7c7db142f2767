"""One PAM worker as the daemon sees it: start, ask, kill."""

import asyncio
import contextlib
import os
import secrets
import signal
from asyncio import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pushgate.firstfactor.pam_frames import (
    LENGTH,
    MARK_LENGTH,
    READY,
    frame,
    pack_question,
    payload_length,
    unpack_answer,
)
from pushgate.text import clean

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
"""All that a worker inherits: no DISPLAY, which PAM would take for a terminal, and nothing of the daemon's."""


class WorkerError(Exception):
    """The worker broke off, or answered something else than a return code."""


class PamProcess:
    """A running worker."""

    def __init__(self, process: subprocess.Process) -> None:
        self.process = process
        self.asked = 0

    @classmethod
    async def start(cls, command: Sequence[str], environment: Mapping[str, str]) -> "PamProcess":
        """Start a worker; ask it when it is ``ready``.

        Raises:
            WorkerError: if the program cannot be started.
        """
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=dict(environment),
                cwd="/",
                # Its own group: what it starts can be killed with it, and Ctrl-C at a terminal is the daemon's.
                start_new_session=True,
            )
        except OSError as error:
            raise WorkerError(f"no worker could be started: {error.strerror}") from None
        return cls(process)

    async def ready(self) -> None:
        """Wait until a new worker can work.

        Raises:
            WorkerError: saying why it cannot.
        """
        said = await self.receive()
        if said != READY:
            raise WorkerError(clean(said.decode("utf-8", "replace"), 200))

    @property
    def alive(self) -> bool:
        """Whether the process runs, as far as we have heard."""
        return self.process.returncode is None

    async def ask(self, user: bytes, password: bytes) -> int:
        """Have a password checked; returns PAM's code.

        Raises:
            WorkerError: if the worker did not answer properly; it is of no more use.
        """
        assert self.process.stdin is not None
        self.asked += 1
        mark = secrets.token_bytes(MARK_LENGTH)
        try:
            self.process.stdin.write(frame(pack_question(mark, user, password)))
            await self.process.stdin.drain()
            return unpack_answer(mark, await self.receive())
        except (OSError, ValueError) as error:
            raise WorkerError(type(error).__name__) from None

    async def receive(self) -> bytes:
        """Read one frame."""
        assert self.process.stdout is not None
        try:
            head = await self.process.stdout.readexactly(LENGTH.size)
            return await self.process.stdout.readexactly(payload_length(head))
        except (asyncio.IncompleteReadError, ValueError, OSError) as error:
            raise WorkerError("the worker ended" if isinstance(error, EOFError) else type(error).__name__) from None

    def kill(self) -> None:
        """Kill the worker and what it started; pam_exec's programs have sessions of their own."""
        if not self.alive:
            return
        family = descendants(self.process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in family:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def ended(self) -> None:
        """Wait until the process is gone."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        with contextlib.suppress(OSError):
            await self.process.stdin.wait_closed()
        await self.process.wait()


def descendants(pid: int) -> list[int]:
    """List the processes below one."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return []
    return [found for child in children for found in (int(child), *descendants(int(child)))]
