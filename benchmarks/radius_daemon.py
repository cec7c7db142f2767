"""A daemon with the real RADIUS front end and core, and a provider without a network: what pushgate itself costs.

``python -m benchmarks.radius_daemon FOLDER SECRET MODE`` serves the loopback interface in one of the modes of a client
until its standard input ends. It prints its port, and answers each line that it reads with what is held, as JSON;
``release`` lets every person who is asked now answer first. Users whose name begins with ``no`` deny.
"""

import asyncio
import json
import logging
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from ipaddress import ip_network
from pathlib import Path
from types import TracebackType
from typing import Self, cast

import structlog
from typing_extensions import override

from benchmarks.figure import WrongAnswerError
from benchmarks.radius_load import REJECTED, ROOT
from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.audit import JsonLinesAudit
from pushgate.authenticator import Authenticator, Guards
from pushgate.clock import SystemClock
from pushgate.daemon import settle_memory
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider
from radius_server.clients import Client, ClientTable, Mode
from radius_server.desk import DeskOptions
from radius_server.server import RadiusOptions, RadiusServer

SERVICE = "bench"
EXEMPT = "exempt"
MOST_PENDING = 20_000
SECONDS = 300.0
"""That a login may last, and that a NAS waits in mode direct."""
NAS_WINDOW = 6.0
"""Seconds that a NAS waits in the other modes: after four the login is asked for with a challenge."""
RECEIVE_BUFFER = 4 << 20


@dataclass
class Held:
    """The provider's sessions."""

    begun: int = 0
    pending: int = 0


class HeldProvider(Provider):
    """Begins every session at once; all people answer at the same moment."""

    name = "held"

    def __init__(self) -> None:
        self.held = Held()
        self.answered = asyncio.Event()

    def release(self) -> None:
        """Let everybody answer who is asked now."""
        self.answered.set()
        self.answered = asyncio.Event()

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        self.held.begun += 1
        return Pending(Handle(login.user))

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        self.held.pending += 1
        try:
            await self.answered.wait()
        finally:
            self.held.pending -= 1
        return Denied() if handle.id.startswith(REJECTED) else Approved("held")

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        return frozenset()

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        return Failed(FailureKind.PROTOCOL, asked=False)

    @override
    async def cancel(self, handle: Handle) -> None:
        pass

    @override
    async def close(self) -> None:
        pass


async def serve(folder: Path, secret: str, mode: Mode) -> None:
    """Serve until standard input ends."""
    clock, provider = SystemClock(), HeldProvider()
    audit = JsonLinesAudit(clock, folder / "audit.jsonl")
    policy = Policy({SERVICE: Rule(exempt_users=frozenset({EXEMPT}))})
    guards = Guards(Places(MOST_PENDING, MOST_PENDING), PushBudget(clock, MOST_PENDING), CoolDown(clock))
    authenticator = Authenticator(policy, provider, audit, clock, timeout=SECONDS, guards=guards)
    window = None if mode == "direct" else NAS_WINDOW
    client = Client(SERVICE, ip_network("127.0.0.1/32"), secret.encode(), mode=mode, window=window)
    desk = DeskOptions(SECONDS, SECONDS, MOST_PENDING, MOST_PENDING)
    options = RadiusOptions([("127.0.0.1", 0)], RECEIVE_BUFFER, desk)
    server = RadiusServer(options, ClientTable([client]), authenticator, clock)
    await server.start()
    settle_memory()
    print(server.ports[0], flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line == "release\n":
            provider.release()
        print(json.dumps(asdict(provider.held)), flush=True)
    await server.stop()
    audit.close()


class Daemon:
    """The daemon in a process of its own, for the time of a ``with`` block."""

    def __init__(self, folder: Path, secret: str, mode: Mode = "direct") -> None:
        self.folder, self.secret, self.mode = folder, secret, mode

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.radius_daemon", str(self.folder), self.secret, self.mode]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.read()
        if not line:
            self.__exit__(None, None, None)
            raise WrongAnswerError("pushgate did not start")
        self.port, self.pid = int(line), self.process.pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()

    def held(self, order: str = "count") -> Held:
        """Say how many sessions were begun and are pending."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return Held(**json.loads(self.read() or "{}"))

    def release(self) -> None:
        """Let everybody answer who is asked now."""
        self.held("release")

    def wait_for_pending(self, logins: int, seconds: float = 30) -> None:
        """Wait until so many logins are pending.

        Raises:
            WrongAnswerError: if they are not in time.
        """
        give_up = time.monotonic() + seconds
        while (pending := self.held().pending) != logins:
            if time.monotonic() > give_up:
                raise WrongAnswerError(f"{pending} logins pending after {seconds:g} s, not {logins}")
            time.sleep(0.1)

    def records(self) -> list[dict[str, str | bool]]:
        """Read the audit."""
        return [json.loads(line) for line in (self.folder / "audit.jsonl").read_text().splitlines()]

    def read(self) -> str:
        """Read one line of what it says; empty if it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], cast(Mode, sys.argv[3])))
