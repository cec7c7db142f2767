"""Where sessions come from, and that none is left behind."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import structlog

from pushgate.clock import FakeClock
from pushgate.outcome import FailureKind
from pushgate.providers.clerk_errors import Trouble
from pushgate.providers.clerk_frontend import ClientSession
from pushgate.providers.clerk_sessions import MAX_QUEUE, EnrolledSessions, Sessions
from pushgate.providers.clerk_store import KeptSession, SessionStore
from tests.simulators.base import until
from tests.simulators.clerk import error
from tests.simulators.clerk_rig import STORE_SECRET, ClerkEnrolledRig, ClerkTicketRig, clerk_rig

DEADLINE = 1060.0
ALICE = "user_alice"


@pytest.fixture
async def tickets(fake_clock: FakeClock) -> AsyncIterator[ClerkTicketRig]:
    """Mode ``reverify-ticket``; time stands still."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as made:
        yield made


@pytest.fixture
async def enrolled(fake_clock: FakeClock) -> AsyncIterator[ClerkEnrolledRig]:
    """Mode ``reverify-enrolled``; time stands still."""
    async with clerk_rig(ClerkEnrolledRig, fake_clock) as made:
        yield made


async def opened(sessions: Sessions, user_id: str = ALICE) -> ClientSession:
    """Open a session."""
    session = await sessions.open(user_id, DEADLINE)
    assert isinstance(session, ClientSession), session
    return session


def kind(outcome: object) -> FailureKind:
    """Return the kind of a trouble; anything else fails the test."""
    assert isinstance(outcome, Trouble), outcome
    return outcome.failed.kind


async def test_a_ticket_opens_a_session_that_is_ended(tickets: ClerkTicketRig) -> None:
    """A login has a session of its own, and none is left."""
    sessions = tickets.provider.verifier.sessions
    session = await opened(sessions)
    assert len(tickets.simulator.active()) == 1
    await sessions.close(session)
    assert tickets.simulator.active() == []


async def test_a_used_ticket_costs_one_more(tickets: ClerkTicketRig) -> None:
    """A ticket that was used already is replaced once, and not twice."""
    knobs, sessions = tickets.simulator.knobs, tickets.provider.verifier.sessions
    knobs.only = lambda request: request.path.endswith("/sign_ins")
    knobs.faults.append(error(400, "sign_in_token_already_used_code"))
    session = await opened(sessions)
    assert tickets.simulator.ledger.counts["tokens"] == 2
    assert kind(await sessions.renew(session, DEADLINE)) is FailureKind.NOT_ENROLLED
    knobs.faults.extend([error(400, "sign_in_token_already_used_code")] * 2)
    assert kind(await sessions.open(ALICE, DEADLINE)) is FailureKind.PROTOCOL
    assert tickets.simulator.ledger.counts["tokens"] == 4


async def test_a_session_is_renewed_once(tickets: ClerkTicketRig) -> None:
    """A session that Clerk has forgotten is replaced by one new ticket."""
    sessions = tickets.provider.verifier.sessions
    session = await opened(sessions)
    first = session.id
    assert await sessions.renew(session, DEADLINE) is None
    assert session.id != first
    assert kind(await sessions.renew(session, DEADLINE)) is FailureKind.NOT_ENROLLED
    assert tickets.simulator.ledger.counts["tokens"] == 2


async def test_a_session_whose_jwt_was_lost_is_not_left_behind(enrolled: ClerkEnrolledRig) -> None:
    """A kept session whose newest JWT was lost, as by a power cut, is replaced and revoked."""
    sessions = enrolled.provider.verifier.sessions
    store = SessionStore(enrolled.folder, STORE_SECRET)
    kept = store.load(ALICE)
    assert kept is not None
    store.save(KeptSession(kept.user_id, kept.name, kept.session_id, "an.old.one"))
    await sessions.close(await opened(sessions))
    assert enrolled.simulator.sessions[kept.session_id].status == "revoked"
    assert enrolled.simulator.ledger.counts["tokens"] == 1
    assert enrolled.leftovers() == 0


async def test_a_renewal_that_fails_is_said(tickets: ClerkTicketRig) -> None:
    """A person who was removed at Clerk meanwhile is not signed in anew."""
    sessions = tickets.provider.verifier.sessions
    session = await opened(sessions)
    tickets.simulator.person("alice").id = "user_other"
    assert kind(await sessions.renew(session, DEADLINE)) is FailureKind.NOT_ENROLLED


async def test_an_end_that_fails_is_tried_again(tickets: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """A server that is down for a moment does not keep a session; one that stays down is an event for the log."""
    sessions = tickets.provider.verifier.sessions
    session = await opened(sessions)
    for _ in range(2):
        tickets.simulator.knobs.status_next(502)
    ending = asyncio.create_task(sessions.close(session))
    await until(lambda: any(timer[0] == 1000.5 for timer in fake_clock.timers))
    await fake_clock.advance(0.5)
    await ending
    assert tickets.simulator.active() == []


async def test_an_end_that_does_not_come_about_is_logged(tickets: ClerkTicketRig, fake_clock: FakeClock) -> None:
    """An administrator learns which session was left behind, and nothing that opens it."""
    sessions = tickets.provider.verifier.sessions
    session = await opened(sessions)
    for _ in range(10):
        tickets.simulator.knobs.status_next(502)
    with structlog.testing.capture_logs() as logs:
        ending = asyncio.create_task(sessions.close(session))
        for due in (1000.5, 1002.5, 1010.5, 1042.5):
            await until(lambda due=due: any(timer[0] == due for timer in fake_clock.timers))
            await fake_clock.advance(due - fake_clock.now())
        await ending
    assert [(line["event"], line["session"]) for line in logs] == [("session_not_ended", session.id)]
    assert session.jwt not in str(logs)


async def test_a_lost_jwt_keeps_no_session(tickets: ClerkTicketRig) -> None:
    """A reply with the newest JWT that got lost costs no session: the secret key ends it."""
    sessions = tickets.provider.verifier.sessions
    session = await opened(sessions)
    session.jwt = "an.old.one"
    await sessions.close(session)
    assert tickets.simulator.active() == []


async def test_an_end_of_what_is_gone_is_quiet(tickets: ClerkTicketRig) -> None:
    """A session that Clerk has ended by itself needs no end."""
    sessions = tickets.provider.verifier.sessions
    session = await opened(sessions)
    tickets.simulator.sessions[session.id].status = "expired"
    with structlog.testing.capture_logs() as logs:
        await sessions.close(session)
    assert logs == []


async def test_the_enrolled_session_is_used_and_kept(enrolled: ClerkEnrolledRig) -> None:
    """A login uses the session of the enrolment, without a ticket, and keeps its newest JWT."""
    sessions = enrolled.provider.verifier.sessions
    for _ in range(2):
        await sessions.close(await opened(sessions))
    assert enrolled.simulator.ledger.counts["tokens"] == 0
    assert enrolled.simulator.ledger.count("POST", "/touch") == 2
    assert len(enrolled.simulator.active()) == 2


async def test_who_is_not_enrolled_is_told_so(enrolled: ClerkEnrolledRig) -> None:
    """A person without a kept session cannot log in, and Clerk is not asked."""
    sessions = enrolled.provider.verifier.sessions
    assert kind(await sessions.open("user_carol", DEADLINE)) is FailureKind.NOT_ENROLLED
    assert enrolled.simulator.ledger.requests == []


async def test_an_expired_session_is_replaced_by_one_ticket(enrolled: ClerkEnrolledRig) -> None:
    """A session that has expired costs one ticket, once: the new one is kept."""
    sessions = enrolled.provider.verifier.sessions
    for each in enrolled.simulator.active():
        each.status = "expired"
    await sessions.close(await opened(sessions))
    await sessions.close(await opened(sessions))
    assert enrolled.simulator.ledger.counts["tokens"] == 1
    assert len(enrolled.simulator.active()) == 1


async def test_logins_of_one_person_come_one_after_the_other(enrolled: ClerkEnrolledRig) -> None:
    """A login waits until the other one of the same person is over; another person does not wait."""
    sessions = enrolled.provider.verifier.sessions
    first = await opened(sessions)
    second = asyncio.create_task(sessions.open(ALICE, DEADLINE))
    await sessions.close(await opened(sessions, "user_bob"))
    assert not second.done()
    await sessions.close(first)
    session = await second
    assert isinstance(session, ClientSession)
    await sessions.close(session)


async def test_waiting_for_another_login_ends(enrolled: ClerkEnrolledRig, fake_clock: FakeClock) -> None:
    """A login that waits for another one of the same person ends at its deadline, and has asked nobody."""
    sessions = enrolled.provider.verifier.sessions
    first = await opened(sessions)
    second = asyncio.create_task(sessions.open(ALICE, DEADLINE))
    await fake_clock.advance(60)
    trouble = await second
    assert kind(trouble) is FailureKind.RATE_LIMITED
    await sessions.close(first)
    assert isinstance(sessions, EnrolledSessions)
    assert (sessions.locks, sessions.queued, sessions.kept) == ({}, {}, {})


async def test_the_queue_of_a_person_is_bounded(enrolled: ClerkEnrolledRig) -> None:
    """A flood of logins of one person does not pile up; those that are given up leave no place taken."""
    sessions = enrolled.provider.verifier.sessions
    first = await opened(sessions)
    tasks = [asyncio.create_task(sessions.open(ALICE, DEADLINE)) for _ in range(MAX_QUEUE)]
    await asyncio.sleep(0)
    assert kind(await sessions.open(ALICE, DEADLINE)) is FailureKind.RATE_LIMITED
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await sessions.close(first)
    assert isinstance(sessions, EnrolledSessions)
    assert (sessions.locks, sessions.queued) == ({}, {})


async def test_a_failed_touch_keeps_the_jwt_that_came(enrolled: ClerkEnrolledRig) -> None:
    """A login that Clerk refuses loses no session: the next one works."""
    sessions = enrolled.provider.verifier.sessions
    knobs = enrolled.simulator.knobs
    knobs.after.append(error(500, "internal"))
    assert kind(await sessions.open(ALICE, DEADLINE)) is FailureKind.UNAVAILABLE
    knobs.rotate = False
    store = SessionStore(enrolled.folder, STORE_SECRET)
    kept = store.load(ALICE)
    assert kept is not None
    current = enrolled.simulator.sessions[kept.session_id].client.jwt
    store.save(KeptSession(kept.user_id, kept.name, kept.session_id, current))
    await sessions.close(await opened(sessions))


async def test_an_unusable_store_lets_nobody_in(enrolled: ClerkEnrolledRig) -> None:
    """A damaged file refuses that person, tells the administrator, and blocks nobody."""
    sessions = enrolled.provider.verifier.sessions
    SessionStore(enrolled.folder, STORE_SECRET).path_of(ALICE).write_bytes(b"x")
    with structlog.testing.capture_logs() as logs:
        for _ in range(2):
            assert kind(await sessions.open(ALICE, DEADLINE)) is FailureKind.CONFIG
    assert [line["event"] for line in logs] == ["clerk_sessions_unusable"] * 2


async def test_who_was_removed_meanwhile_stays_removed(enrolled: ClerkEnrolledRig) -> None:
    """A login that ends after the person was removed brings nothing back, and a new session is ended."""
    sessions = enrolled.provider.verifier.sessions
    store = SessionStore(enrolled.folder, STORE_SECRET)
    for each in enrolled.simulator.active():
        each.status = "expired"
    session = await opened(sessions)
    store.forget(ALICE)
    await sessions.close(session)
    assert store.load(ALICE) is None
    assert enrolled.simulator.active() == []


async def test_a_store_that_cannot_be_written_ends_what_is_new(
    enrolled: ClerkEnrolledRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk costs no door: the login goes on, the session that cannot be kept is ended."""
    sessions = enrolled.provider.verifier.sessions
    for each in enrolled.simulator.active():
        each.status = "expired"
    session = await opened(sessions)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with structlog.testing.capture_logs() as logs:
        await sessions.close(session)
    assert [line["event"] for line in logs] == ["clerk_sessions_unusable"]
    assert enrolled.simulator.active() == []


async def test_an_orphan_that_cannot_be_ended_holds_nobody_up(
    enrolled: ClerkEnrolledRig, fake_clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person's next login begins at once, while a session that could not be kept is still being ended."""
    sessions = enrolled.provider.verifier.sessions
    assert isinstance(sessions, EnrolledSessions)
    for each in enrolled.simulator.active():
        each.status = "expired"
    session = await opened(sessions)
    ending = asyncio.Event()

    async def end_slowly(_session: ClientSession) -> None:
        ending.set()
        await fake_clock.sleep(60)

    monkeypatch.setattr(sessions.tickets, "close", end_slowly)
    SessionStore(enrolled.folder, STORE_SECRET).forget(ALICE)
    closing = asyncio.create_task(sessions.close(session))
    await ending.wait()
    assert kind(await sessions.open(ALICE, fake_clock.now() + 1)) is FailureKind.NOT_ENROLLED
    await fake_clock.advance(60)
    await closing
