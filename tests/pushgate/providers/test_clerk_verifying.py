"""What is tried again when Clerk has lost something, and how verifications end."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import structlog

from pushgate.clock import FakeClock
from pushgate.firstfactor.base import PasswordRight
from pushgate.login import Method, Secret
from pushgate.outcome import Approved, FailureKind, NeedsCode
from tests.simulators.base import Recorded, until
from tests.simulators.clerk import error
from tests.simulators.clerk_rig import ClerkTicketRig, clerk_rig, kind_of, question

DEADLINE = 1060.0
GONE = [(401, "signed_out"), (401, "authentication_invalid"), (404, "resource_not_found"), (400, "client_not_found")]
LOST = [(400, "session_reverification_missing"), (400, "invalid_action_for_session_reverification")]


@pytest.fixture
async def rig(fake_clock: FakeClock) -> AsyncIterator[ClerkTicketRig]:
    """The provider and its simulator; time stands still."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as made:
        yield made


def fail(rig: ClerkTicketRig, call: str, status: int, code: str, times: int = 1) -> None:
    """Let the next calls of one kind fail."""
    rig.simulator.knobs.only = lambda request: request.path.endswith(call)
    rig.simulator.knobs.faults.extend([error(status, code)] * times)


@pytest.mark.parametrize(("status", "code"), GONE)
async def test_a_session_that_is_gone_is_replaced_once(rig: ClerkTicketRig, status: int, code: str) -> None:
    """A login whose session is gone before it is verified costs one new ticket, and no second one."""
    fail(rig, "/verify", status, code)
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    assert isinstance(await rig.provider.submit(handle, "012345", DEADLINE), Approved)
    assert rig.simulator.ledger.counts["tokens"] == 2
    fail(rig, "/verify", status, code, times=2)
    assert kind_of(await rig.provider.begin(await rig.login(), DEADLINE)) is FailureKind.NOT_ENROLLED
    assert rig.simulator.ledger.counts["tokens"] == 4


@pytest.mark.parametrize(
    ("status", "code", "tickets"), [*((*each, 2) for each in GONE), *((*each, 1) for each in LOST)]
)
async def test_the_apps_code_survives_what_clerk_loses(
    rig: ClerkTicketRig, status: int, code: str, tickets: int
) -> None:
    """A person whose session or verification is lost while the code is typed is let in by the same code."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    fail(rig, "/attempt_second_factor", status, code)
    assert isinstance(await rig.provider.submit(handle, "012345", DEADLINE), Approved)
    assert rig.simulator.ledger.counts["tokens"] == tickets


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(*GONE[0], FailureKind.NOT_ENROLLED), (*LOST[0], FailureKind.PROTOCOL)]
)
async def test_what_is_lost_twice_ends_the_login(
    rig: ClerkTicketRig, status: int, code: str, kind: FailureKind
) -> None:
    """A verification that Clerk loses a second time ends the login."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    fail(rig, "/attempt_second_factor", status, code, times=2)
    assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is kind


async def test_a_code_that_was_sent_does_not_survive(rig: ClerkTicketRig) -> None:
    """A person whose verification is lost while the SMS is typed has to log in anew."""
    handle = question(await rig.provider.begin(replace(await rig.login(), factor=Method("sms")), DEADLINE))
    fail(rig, "/attempt_second_factor", *LOST[0])
    assert kind_of(await rig.provider.submit(handle, rig.right_code(handle), DEADLINE)) is FailureKind.EXPIRED
    assert rig.simulator.ledger.counts["tokens"] == 1


async def test_a_password_does_not_survive(fake_clock: FakeClock) -> None:
    """A verification that is lost behind the password is not begun anew without one."""
    async with clerk_rig(ClerkTicketRig, fake_clock, level="multi_factor") as rig:
        login = await rig.login()
        checked = await rig.provider.check_password(login, Secret(b"correct horse"), DEADLINE)
        assert isinstance(checked, PasswordRight)
        handle = question(await rig.provider.begin(replace(login, checked=checked.handle), DEADLINE))
        fail(rig, "/attempt_second_factor", *GONE[0])
        assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.EXPIRED


async def test_a_lower_level_at_the_second_try_is_refused(rig: ClerkTicketRig) -> None:
    """A person who loses the second factor while the code is typed is not let in by less."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    fail(rig, "/attempt_second_factor", *LOST[0])
    alice = rig.simulator.person("alice")
    alice.totp, alice.phones = None, {}
    assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.DOWNGRADED
    assert rig.leftovers() == 0


async def test_a_renewal_that_fails_ends_the_login(rig: ClerkTicketRig) -> None:
    """A login whose session cannot be replaced, or verified then, ends with what was in the way."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    fail(rig, "/attempt_second_factor", *GONE[0])
    rig.simulator.person("alice").locked = True
    assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.LOCKED
    handle = question(await rig.provider.begin(await rig.login("bob"), DEADLINE))
    rig.simulator.person("bob").banned = True
    fail(rig, "/attempt_second_factor", *LOST[0])
    assert kind_of(await rig.provider.submit(handle, "012345", DEADLINE)) is FailureKind.LOCKED
    fail(rig, "/verify", *GONE[0])
    assert kind_of(await rig.provider.begin(await rig.login("alice"), DEADLINE)) is FailureKind.LOCKED


async def test_a_sign_in_that_fails_in_between_is_said(rig: ClerkTicketRig) -> None:
    """A login that would need a new ticket and gets none ends with what was in the way."""

    def only(request: Recorded) -> bool:
        return request.path.endswith("/verify") or (
            request.path.endswith("/sign_ins") and rig.simulator.ledger.counts["creates"] == 1
        )

    rig.simulator.knobs.only = only
    rig.simulator.knobs.faults.extend([error(*GONE[0]), error(403, "user_banned")])
    assert kind_of(await rig.provider.begin(await rig.login(), DEADLINE)) is FailureKind.LOCKED


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "verification_failed", FailureKind.BAD_CODE),
        (400, "verification_expired", FailureKind.EXPIRED),
        (403, "user_locked", FailureKind.LOCKED),
        (500, "internal", FailureKind.UNAVAILABLE),
    ],
)
async def test_an_end_is_an_end(rig: ClerkTicketRig, status: int, code: str, kind: FailureKind) -> None:
    """A refusal after which no code can be right ends the question, also at the first try, and never fails open."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    fail(rig, "/attempt_second_factor", status, code)
    outcome = await rig.provider.submit(handle, "012345", DEADLINE)
    assert kind_of(outcome) is kind
    assert getattr(outcome, "asked", None) is True
    assert rig.leftovers() == 0


async def test_a_lock_that_is_near_is_an_event(rig: ClerkTicketRig) -> None:
    """An administrator learns that Clerk is about to lock somebody; the person may try once more."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    rig.simulator.person("alice").failures = 8
    with structlog.testing.capture_logs() as logs:
        assert isinstance(await rig.provider.submit(handle, "999999", DEADLINE), NeedsCode)
    assert [(line["event"], line["user"]) for line in logs] == [("clerk_warns", "alice")]
    assert "999999" not in str(logs)


async def test_a_slow_end_does_not_hold_the_login_up(rig: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """A cancel returns after a second at the latest, and the session is ended behind it."""
    handle = question(await rig.provider.begin(await rig.login(), DEADLINE))
    rig.simulator.knobs.latency = 3.0
    cancelling = asyncio.create_task(rig.provider.cancel(handle))
    await until(lambda: rig.simulator.ledger.count("POST", "/end") == 1)
    await fake_clock.advance(1.0)
    await cancelling
    assert rig.leftovers() == 1
    await fake_clock.advance(2.0)
    await until(lambda: rig.leftovers() == 0)
