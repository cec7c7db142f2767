"""Corner cases of Clerk by their number: outages, limits, certificates, time and people who go away."""

import asyncio
import ssl
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from pushgate.clock import FakeClock, SystemClock
from pushgate.login import Method
from pushgate.outcome import Approved, FailureKind, NeedsCode
from pushgate.policy import Rule, may_fail_open
from tests.simulators.base import running, until
from tests.simulators.clerk import ClerkSimulator
from tests.simulators.clerk_rig import ClerkRig, ClerkTicketRig, clerk_rig, kind_of, question
from tests.simulators.corners.clerk.shared import DEADLINE, MODES, fails_open, typed
from tests.support.certificates import CertificationAuthority


async def test_corner_02_whoever_goes_away_leaves_one_end(fake_clock: FakeClock) -> None:
    """A person whose connection breaks at the prompt leaves no session; it is ended once."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as rig:
        handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
        submitting = asyncio.create_task(rig.provider.submit(handle, "999999", DEADLINE))
        await until(lambda: rig.simulator.ledger.counts["submits"] == 1)
        submitting.cancel()
        await asyncio.gather(submitting, return_exceptions=True)
        for _ in range(2):
            await rig.provider.cancel(handle)
        assert rig.leftovers() == 0
        assert rig.simulator.ledger.counts["cancels"] == 1


async def test_corner_02_abort_between_steps(fake_clock: FakeClock) -> None:
    """A person who gives up between the mail's code and the app's leaves no session."""
    async with clerk_rig(ClerkTicketRig, fake_clock, level="multi_factor") as rig:
        mail = question(await rig.provider.begin(await rig.login(), DEADLINE))
        second = question(await rig.provider.submit(mail, rig.right_code(mail), DEADLINE))
        await rig.provider.cancel(second)
        assert rig.leftovers() == 0


async def test_corner_13_the_wall_clock_jumps(ticket: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """A wall clock that is set an hour forward changes no deadline and no limit."""
    handle = question(await ticket.provider.begin(replace(await ticket.login(), factor=Method("sms")), DEADLINE))
    fake_clock.wall_start += timedelta(hours=1)
    early = await ticket.provider.submit(handle, "resend", DEADLINE)
    assert isinstance(early, NeedsCode)
    assert ticket.simulator.ledger.counts["texts"] == 1
    assert isinstance(await ticket.provider.submit(handle, ticket.right_code(handle), DEADLINE), Approved)


@MODES
@pytest.mark.parametrize(("after", "seconds"), [("4", 4.0), ("Thu, 01 Jan 2026 00:00:04 GMT", 4.0), ("", 1.0)])
async def test_corner_14_a_429_is_waited_for(
    kind: type[ClerkRig], after: str, seconds: float, fake_clock: FakeClock
) -> None:
    """A login that meets Clerk's limit waits as long as Clerk says, a second if it does not, and goes on."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.only = lambda request: request.path.endswith(("verify_totp", "attempt_second_factor"))
        rig.simulator.knobs.retry_after(after)
        beginning = asyncio.create_task(rig.provider.begin(typed("012345"), DEADLINE))
        due = fake_clock.now() + seconds
        await until(lambda: any(timer[0] == due for timer in fake_clock.timers))
        await fake_clock.advance(seconds)
        assert isinstance(await beginning, Approved)
        assert rig.simulator.ledger.counts["submits"] == 1


@MODES
async def test_corner_14_a_429_beyond_the_deadline(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A login that Clerk would let through too late is refused at once, and opens nothing."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.retry_after("600")
        outcome = await rig.provider.begin(typed("012345"), fake_clock.now() + 60)
        assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.RATE_LIMITED, False)


@MODES
@pytest.mark.parametrize(
    ("status", "body"),
    [(400, {"errors": []}), (401, None), (403, None), (404, None), (418, None), (429, None), (200, b"{"), (407, None)],
)
async def test_corner_15_what_fails_open_does_not(
    kind: type[ClerkRig], status: int, body: Any, fake_clock: FakeClock
) -> None:
    """A service that fails open stays shut whatever Clerk answers, at each step of a login."""
    async with clerk_rig(kind, fake_clock) as whole:
        assert isinstance(await whole.provider.begin(typed("012345"), DEADLINE), Approved)
        calls = [each.path.rpartition("/")[2] for each in whole.simulator.ledger.requests]
    for call in calls:
        async with clerk_rig(kind, fake_clock) as rig:
            rig.simulator.knobs.only = lambda request, call=call: request.path.endswith(f"/{call}")
            for _ in range(3):
                rig.simulator.knobs.status_next(status, body, {"Retry-After": "0"})
            outcome = await rig.provider.begin(typed("012345"), DEADLINE)
            assert not fails_open(outcome)
            # Only the end of a session may fail without a consequence: the code was right.
            assert isinstance(outcome, Approved) == (call == "end")


@pytest.mark.parametrize("fault", ["authority", "expired", "host"])
async def test_corner_15_a_wrong_certificate_is_no_outage(fault: str, private_folder: Path) -> None:
    """A service that fails open stays shut where the certificate is another's, or has expired."""
    trusted = CertificationAuthority(private_folder / "trusted")
    issuer = CertificationAuthority(private_folder / "other") if fault == "authority" else trusted
    name = "other.example" if fault == "host" else "localhost"
    issued = issuer.issue("server", name, server=True, days=-1 if fault == "expired" else 1)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    simulator, clock = ClerkSimulator(), SystemClock()
    async with running(simulator, context):
        for kind in (ClerkRig, ClerkTicketRig):
            rig = kind(simulator, clock, private_folder, ca_file=trusted.path)
            outcome = await rig.provider.begin(typed("012345"), clock.now() + 10)
            assert (kind_of(outcome), fails_open(outcome)) == (FailureKind.CONFIG, False)
            await rig.provider.close()
    assert simulator.ledger.requests == []


@MODES
async def test_corner_16_an_outage_before_anything_happened(kind: type[ClerkRig], fake_clock: FakeClock) -> None:
    """A service that fails open is opened while Clerk cannot be reached at all, or says 503; no other one is."""
    async with clerk_rig(kind, fake_clock) as rig:
        away = rig.provider_at("http://127.0.0.1:1")
        outcome = await away.begin(await rig.login(), DEADLINE)
        assert fails_open(outcome)
        assert not may_fail_open(Rule(), outcome)
        await away.close()
        rig.simulator.knobs.status_next(503)
        assert fails_open(await rig.provider.begin(await rig.login(), DEADLINE))


@MODES
@pytest.mark.parametrize("served", [False, True])
async def test_corner_16_an_outage_after_the_code_was_sent(
    kind: type[ClerkRig], served: bool, fake_clock: FakeClock
) -> None:
    """A service that fails open stays shut once the code may have been checked, and a password's check never opens."""
    async with clerk_rig(kind, fake_clock) as rig:
        rig.simulator.knobs.only = lambda request: request.path.endswith(("verify_totp", "attempt_second_factor"))
        rig.simulator.knobs.drop_next(2, served=served)
        handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
        outcome = await rig.provider.submit(handle, "012345", DEADLINE)
        assert kind_of(outcome) is FailureKind.UNAVAILABLE
        assert not fails_open(replace(outcome, asked=True) if kind is ClerkRig else outcome)
        at_once = await rig.provider.begin(typed("012345"), DEADLINE)
        assert (kind_of(at_once), fails_open(at_once)) == (FailureKind.UNAVAILABLE, False)
