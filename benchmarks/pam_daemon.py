"""A daemon with the real PAM front end and core, and a provider of the benchmark's: what pushgate itself costs.

``python -m benchmarks.pam_daemon FOLDER SERVICES PROVIDER [CA]`` serves ``FOLDER/pam.sock`` until its standard input
ends. SERVICES are separated by commas. PROVIDER is ``instant``, which approves at once; ``held``, where people answer
when a line ``release`` is read; or the address of a push service. It prints ``ready``, answers each line that it reads
with what is held, as JSON, and says when a question is withdrawn: ``withdrawn NANOSECONDS`` of the monotonic clock.
"""

import asyncio
import json
import logging
import os
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import structlog
from typing_extensions import override

from benchmarks.figure import WrongAnswerError
from benchmarks.push_service import KEY_HEADER
from benchmarks.radius_daemon import Held, HeldProvider
from pam_module.listener import PamListener, PamOptions
from pam_module.options import ServiceOptions
from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.audit import JsonLinesAudit
from pushgate.authenticator import Authenticator, Guards
from pushgate.clock import SystemClock
from pushgate.daemon import settle_memory
from pushgate.http import JsonClient
from pushgate.login import Login
from pushgate.outcome import Approved, Handle, Outcome
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider
from pushgate.providers.logintc import LoginTc

ROOT = Path(__file__).parent.parent
SECONDS = 60.0
MOST_PENDING = 2000


class InstantProvider(HeldProvider):
    """Approves every login without asking anybody."""

    name = "instant"

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        self.held.begun += 1
        return Approved("instant")


class WithdrawnProvider(HeldProvider):
    """Tells when a question is withdrawn."""

    @override
    async def cancel(self, handle: Handle) -> None:
        print(f"withdrawn {time.monotonic_ns()}", flush=True)


def provider_of(name: str, ca_file: Path | None, clock: SystemClock) -> Provider:
    """Make the provider that is named."""
    match name:
        case "instant":
            return InstantProvider()
        case "held":
            return WithdrawnProvider()
        case url:
            transport = JsonClient(url, clock, {"Authorization": KEY_HEADER}, ca_file)
            return LoginTc(transport, "bench", clock)


async def serve(folder: Path, service: str, name: str, ca_file: Path | None) -> None:
    """Serve until standard input ends."""
    clock = SystemClock()
    provider = provider_of(name, ca_file, clock)
    audit = JsonLinesAudit(clock, folder / "audit.jsonl")
    services = service.split(",")
    policy = Policy({service: Rule() for service in services})
    guards = Guards(Places(MOST_PENDING, MOST_PENDING), PushBudget(clock, MOST_PENDING), CoolDown(clock))
    authenticator = Authenticator(policy, provider, audit, clock, timeout=SECONDS, guards=guards)
    own = frozenset({os.geteuid()})
    options = PamOptions(
        folder / "pam.sock", own, dict.fromkeys(services, ServiceOptions("silent")), SECONDS, MOST_PENDING
    )
    listener = PamListener(options, authenticator.authenticate, clock)
    await listener.start()
    settle_memory()
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line == "release\n" and isinstance(provider, HeldProvider):
            provider.release()
        held = provider.held if isinstance(provider, HeldProvider) else Held(0, len(listener.connections))
        print(json.dumps(asdict(held)), flush=True)
    await listener.stop()
    await provider.close()
    audit.close()


class Daemon:
    """The daemon in a process of its own, for the time of a ``with`` block."""

    def __init__(self, folder: Path, service: str, provider: str, *ca_file: Path) -> None:
        self.folder, self.arguments = folder, [str(folder), service, provider, *map(str, ca_file)]

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.pam_daemon", *self.arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if self.read() != "ready":
            self.__exit__(None, None, None)
            raise WrongAnswerError("pushgate did not start")
        self.pid = self.process.pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.communicate()

    def held(self, order: str = "count") -> Held:
        """Say how many questions were begun and are pending."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return Held(**json.loads(self.read() or "{}"))

    def wait_for_pending(self, logins: int, seconds: float = 30) -> None:
        """Wait until so many logins are pending.

        Raises:
            WrongAnswerError: if they are not in time.
        """
        give_up = time.monotonic() + seconds
        while (pending := self.held().pending) != logins:
            if time.monotonic() > give_up:
                raise WrongAnswerError(f"{pending} logins pending after {seconds:g} s, not {logins}")
            time.sleep(0.05)

    def read(self) -> str:
        """Read one line of what it says; empty if it has ended."""
        assert self.process.stdout is not None
        return self.process.stdout.readline().rstrip()

    def expect_approved(self, logins: int) -> None:
        """Check the audit.

        Raises:
            WrongAnswerError: unless exactly so many logins were decided, and all approved.
        """
        records = [json.loads(line) for line in (self.folder / "audit.jsonl").read_text().splitlines()]
        approved = sum(record["accept"] and record["reason"] == "approved" for record in records)
        if approved != logins or len(records) != logins:
            raise WrongAnswerError(f"{approved} of {len(records)} logins approved, {logins} expected")


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3], Path(sys.argv[4]) if sys.argv[4:] else None))
