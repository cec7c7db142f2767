"""Enrolling people at Clerk."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from pushgate.clock import FakeClock
from pushgate.errors import PushgateError
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.clerk_enrolment import Enrolment, refusal
from pushgate.providers.clerk_sessions import EnrolledSessions
from tests.simulators.clerk import TRACE, error
from tests.simulators.clerk_rig import ClerkEnrolledRig, clerk_rig, question

DEADLINE = 1060.0


@pytest.fixture
async def rig(fake_clock: FakeClock) -> AsyncIterator[ClerkEnrolledRig]:
    """The provider and its simulator; time stands still."""
    async with clerk_rig(ClerkEnrolledRig, fake_clock) as made:
        yield made


@pytest.fixture
def enrolment(rig: ClerkEnrolledRig) -> Enrolment:
    """What the command line uses, on the same store."""
    sessions = rig.provider.verifier.sessions
    assert isinstance(sessions, EnrolledSessions)
    return Enrolment(rig.provider, sessions.tickets, sessions.store, rig.clock)


async def test_a_person_is_enrolled_and_logs_in(rig: ClerkEnrolledRig, enrolment: Enrolment) -> None:
    """A person who was enrolled logs in by the kept session; enrolling again ends the one before."""
    rig.simulator.person("carol").totp = "424242"
    await enrolment.enrol("carol")
    handle = question(await rig.provider.begin(await rig.login("carol"), DEADLINE))
    assert isinstance(await rig.provider.submit(handle, "424242", DEADLINE), Approved)
    await enrolment.enrol("carol")
    assert sum(each.person.username == "carol" for each in rig.simulator.active()) == 1


async def test_a_person_is_removed_at_both_places(rig: ClerkEnrolledRig, enrolment: Enrolment) -> None:
    """A person who was removed has no session, here or at Clerk; removing twice says so."""
    assert await enrolment.remove("alice")
    assert {each.status for each in rig.simulator.sessions.values()} == {"removed", "active"}
    assert not await enrolment.remove("alice")


async def test_a_removal_that_clerk_does_not_do_is_said(rig: ClerkEnrolledRig, enrolment: Enrolment) -> None:
    """An administrator whose removal did not reach Clerk knows what to do there; here nobody is enrolled any more."""
    rig.simulator.knobs.status_next(500)
    with pytest.raises(PushgateError, match="not at Clerk"):
        await enrolment.remove("alice")
    assert not await enrolment.remove("alice")


async def test_a_session_that_clerk_has_ended_is_removed_too(rig: ClerkEnrolledRig, enrolment: Enrolment) -> None:
    """A person whose session has expired is removed without a word."""
    for each in rig.simulator.active():
        each.status = "expired"
    assert await enrolment.remove("alice")


async def test_who_cannot_be_enrolled_is_said(rig: ClerkEnrolledRig, enrolment: Enrolment) -> None:
    """An administrator is told why somebody was not enrolled; nothing is kept of it."""
    with pytest.raises(PushgateError, match="nobody cannot be enrolled: not_enrolled"):
        await enrolment.enrol("nobody")
    rig.simulator.knobs.only = lambda request: request.path.endswith("/sign_ins")
    rig.simulator.knobs.faults.append(error(400, "native_api_disabled"))
    with pytest.raises(PushgateError, match=TRACE) as caught:
        await enrolment.enrol("carol")
    assert "Native API" in caught.value.hint
    assert {each.name for each in enrolment.store.everybody()} == {"alice", "bob"}


async def test_a_session_that_cannot_be_kept_is_ended(
    rig: ClerkEnrolledRig, enrolment: Enrolment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A full disk leaves no session at Clerk that nobody has."""
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(PushgateError, match="no space left"):
        await enrolment.enrol("carol")
    assert len(rig.simulator.active()) == 2


def test_a_name_is_cleaned() -> None:
    """An administrator's terminal is not moved by a name."""
    failed = Failed(FailureKind.NOT_ENROLLED, asked=False, detail="users: 0 match")
    assert refusal("a\x1b[2J", failed).message == "a\\x1b[2J cannot be enrolled: not_enrolled: users: 0 match"
