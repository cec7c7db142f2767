"""Clerk's provider in each of its modes, connected to the simulator."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from typing_extensions import override

from pushgate.clock import Clock, SystemClock
from pushgate.http import JsonClient
from pushgate.login import Login
from pushgate.outcome import Failed, FailureKind, Handle, NeedsCode
from pushgate.providers.clerk import AppQuestion, Clerk
from pushgate.providers.clerk_backend import BackendApi
from pushgate.providers.clerk_frontend import FrontendApi
from pushgate.providers.clerk_limits import Budget, Limits
from pushgate.providers.clerk_reverify import ClerkReverify
from pushgate.providers.clerk_sessions import EnrolledSessions, Sessions, TicketSessions
from pushgate.providers.clerk_sitting import SENT, SittingQuestion
from pushgate.providers.clerk_store import KeptSession, SessionStore
from pushgate.providers.clerk_verifying import Verifier
from tests.simulators.base import running
from tests.simulators.clerk import SECRET_KEY, ClerkSimulator
from tests.simulators.rig import Rig

VERSION = "2025-04-10"
STORE_SECRET = b"s" * 32


class ClerkRig(Rig):
    """Mode ``bapi``."""

    name = "clerk-bapi"
    rings = False
    checks_codes = True

    simulator: ClerkSimulator
    provider: Clerk

    def __init__(self, simulator: ClerkSimulator, clock: Clock, folder: Path, **options: Any) -> None:
        self.simulator, self.clock, self.folder, self.options = simulator, clock, folder, options
        self.provider = self.provider_at(simulator.url)

    @override
    async def login(self, user: str = "alice") -> Login:
        return Login(user, "sshd", "web1")

    @override
    def approve(self, handle: Handle) -> None:
        raise AssertionError("Clerk rings nobody")

    @override
    def deny(self, handle: Handle) -> None:
        raise AssertionError("Clerk rings nobody")

    @override
    def expire(self, handle: Handle) -> None:
        # At Clerk nothing is open in this mode: the question is ours alone.
        assert isinstance(handle, AppQuestion)
        handle.asking.over = True

    @override
    def right_code(self, handle: Handle | None = None) -> str:
        return self.simulator.person("alice").totp or ""

    @override
    def leftovers(self) -> int:
        return len(self.simulator.active())

    def limits(self) -> Limits:
        """Return limits that are in no test's way that is not about them."""
        return Limits(*(Budget(self.clock, self.options.get("most", 50), 900) for _ in range(3)))

    def backend(self, url: str, key: str | None) -> BackendApi:
        """Connect to the Backend API."""
        headers = {"Authorization": f"Bearer {key or SECRET_KEY}"}
        transport = JsonClient(f"{url}/v1", self.clock, headers, self.options.get("ca_file"))
        return BackendApi(transport, self.clock, self.options.get("attribute", "username"), VERSION)

    @override
    def provider_at(self, url: str, key: str | None = None) -> Clerk:
        return Clerk(self.backend(url, key), self.clock, self.limits(), **self.of_provider())

    def of_provider(self) -> dict[str, Any]:
        """Return the options that the provider itself takes."""
        return {key: self.options[key] for key in ("mail_domain",) if key in self.options}


class ClerkTicketRig(ClerkRig):
    """Mode ``reverify-ticket``."""

    name = "clerk-reverify-ticket"

    provider: ClerkReverify

    @override
    def expire(self, handle: Handle) -> None:
        assert isinstance(handle, SittingQuestion)
        session = self.simulator.sessions[handle.sitting.session.id]
        # As if it had never been: what is typed meets neither session nor verification, nor a person to sign in.
        session.status = "expired"
        session.person.id += "_gone"

    @override
    def right_code(self, handle: Handle | None = None) -> str:
        if isinstance(handle, SittingQuestion) and handle.sitting.way.strategy in SENT:
            verification = self.simulator.sessions[handle.sitting.session.id].verification
            assert verification is not None
            return verification.sent[handle.sitting.factor, handle.sitting.way.strategy]
        return super().right_code(handle)

    @override
    def provider_at(self, url: str, key: str | None = None) -> ClerkReverify:
        backend = self.backend(url, key)
        transport = JsonClient(url, self.clock, {}, self.options.get("ca_file"))
        # A suite that tries many codes would wait for most of its time; the tests of the limits set "limited".
        limits_of_clerk = {} if self.options.get("limited") else {"sign_ins": 1000, "attempts": 1000}
        frontend = FrontendApi(transport, self.clock, VERSION, **limits_of_clerk)
        sessions = self.sessions(TicketSessions(backend, frontend, self.clock))
        limits = self.limits()
        of_verifier = {each: self.options[each] for each in ("level", "prove_by_token") if each in self.options}
        verifier = Verifier(frontend, sessions, self.clock, limits, **of_verifier)
        return ClerkReverify(backend, verifier, self.clock, limits, **self.of_provider())

    def sessions(self, tickets: TicketSessions) -> Sessions:
        """Return where sessions come from."""
        return tickets


class ClerkEnrolledRig(ClerkTicketRig):
    """Mode ``reverify-enrolled``; alice and bob are enrolled."""

    name = "clerk-reverify-enrolled"

    @override
    def sessions(self, tickets: TicketSessions) -> Sessions:
        return EnrolledSessions(tickets, SessionStore(self.folder, STORE_SECRET), self.clock)

    @override
    def leftovers(self) -> int:
        # The enrolled sessions stay; what is left over is one that nobody keeps, and a verification of a login.
        store = SessionStore(self.folder, STORE_SECRET)
        kept = {each.session_id for each in store.everybody()}
        return sum(each.id not in kept for each in self.simulator.active()) + len(self.provider.verifier.open)

    def enrol(self, name: str) -> None:
        """Give a person a session that is kept."""
        simulator = self.simulator
        ticket = simulator.make_ticket({"user_id": simulator.person(name).id}).body["token"]
        session = simulator.open_session(ticket)
        kept = KeptSession(session.person.id, name, session.id, session.client.jwt)
        SessionStore(self.folder, STORE_SECRET).save(kept)


@asynccontextmanager
async def clerk_rig(kind: type[ClerkRig], clock: Clock | None = None, **options: Any) -> AsyncIterator[Any]:
    """Run a simulator and a provider of one mode."""
    simulator = ClerkSimulator(clock)
    with TemporaryDirectory(prefix="clerk-") as folder:
        async with running(simulator):
            rig = kind(simulator, clock or SystemClock(), Path(folder), **options)
            simulator.knobs.limited = bool(options.get("limited"))
            if isinstance(rig, ClerkEnrolledRig):
                rig.enrol("alice")
                rig.enrol("bob")
                simulator.ledger.counts.clear()
            try:
                yield rig
            finally:
                await rig.provider.close()


def question(outcome: object) -> Handle:
    """Return the handle of a question; anything else fails the test."""
    assert isinstance(outcome, NeedsCode), outcome
    return outcome.handle


def kind_of(outcome: object) -> FailureKind:
    """Return the kind of a failure; anything else fails the test."""
    assert isinstance(outcome, Failed), outcome
    return outcome.kind
