"""A daemon with the real PAM front end and core, and a provider that approves at once: what pushgate itself costs.

``python -m benchmarks.instant_daemon FOLDER`` serves ``FOLDER/pam.sock`` until its standard input ends.
"""

import asyncio
import logging
import os
import sys
from pathlib import Path

import structlog
from typing_extensions import override

from pam_module.listener import PamListener, PamOptions
from pam_module.options import ServiceOptions
from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.audit import JsonLinesAudit
from pushgate.authenticator import Authenticator, Guards
from pushgate.clock import SystemClock
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider


class InstantProvider(Provider):
    """Approves every login without asking anybody."""

    name = "instant"

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        return Approved("instant")

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        return Failed(FailureKind.PROTOCOL, asked=False)

    @override
    async def features(self, deadline: float) -> frozenset[str]:
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


async def serve(folder: Path, service: str) -> None:
    """Serve until standard input ends."""
    clock = SystemClock()
    audit = JsonLinesAudit(clock, folder / "audit.jsonl")
    policy = Policy({service: Rule()})
    guards = Guards(Places(1000, 1000), PushBudget(clock, 1000), CoolDown(clock))
    authenticator = Authenticator(policy, InstantProvider(), audit, clock, timeout=60, guards=guards)
    options = PamOptions(folder / "pam.sock", frozenset({os.geteuid()}), {service: ServiceOptions()}, 60, 1000)
    listener = PamListener(options, authenticator.authenticate, clock)
    await listener.start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await listener.stop()
    audit.close()


if __name__ == "__main__":
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    asyncio.run(serve(Path(sys.argv[1]), sys.argv[2]))
