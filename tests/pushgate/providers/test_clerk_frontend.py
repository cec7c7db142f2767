"""The calls of Clerk's Frontend API, and the client JWT that changes with each."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pushgate.clock import FakeClock
from pushgate.outcome import FailureKind
from pushgate.providers.clerk_errors import Remedy, Trouble
from pushgate.providers.clerk_frontend import ClientSession, FrontendApi
from pushgate.providers.clerk_wire import Verification
from tests.simulators.base import until
from tests.simulators.clerk_rig import VERSION, ClerkTicketRig, clerk_rig

DEADLINE = 1060.0


@pytest.fixture
async def rig(fake_clock: FakeClock) -> AsyncIterator[ClerkTicketRig]:
    """The provider and its simulator; time stands still."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as made:
        yield made


@pytest.fixture
def frontend(rig: ClerkTicketRig) -> FrontendApi:
    """The API, connected."""
    return rig.provider.verifier.frontend


async def sign_in(rig: ClerkTicketRig) -> ClientSession:
    """Sign alice in."""
    ticket = await rig.provider.backend.make_ticket("user_alice", DEADLINE)
    assert isinstance(ticket, str)
    session = await rig.provider.verifier.frontend.sign_in("user_alice", ticket, DEADLINE)
    assert isinstance(session, ClientSession)
    return session


def trouble(outcome: object) -> Trouble:
    """Return a trouble; anything else fails the test."""
    assert isinstance(outcome, Trouble), outcome
    return outcome


async def test_each_call_is_a_native_apps(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """Clerk gets forms, the native flag, the pinned version and the newest JWT; never an Origin or the secret key."""
    session = await sign_in(rig)
    await frontend.verify(session, "second_factor", DEADLINE)
    await frontend.attempt(session, "second", {"strategy": "totp", "code": "012345"}, DEADLINE)
    assert await frontend.touch(session, DEADLINE) is None
    assert await frontend.prove_by_token(session, DEADLINE) is None
    assert await frontend.end(session, DEADLINE) is None
    requests = rig.simulator.ledger.requests[1:]
    base = f"/v1/client/sessions/{session.id}"
    assert [each.path for each in requests] == [
        "/v1/client/sign_ins",
        f"{base}/verify",
        f"{base}/verify/attempt_second_factor",
        f"{base}/touch",
        f"{base}/tokens",
        f"{base}/end",
    ]
    assert all(each.query == {"_is_native": "1", "__clerk_api_version": VERSION} for each in requests)
    assert not any("Origin" in each.headers or "sk_test" in str(each.headers) for each in requests)
    assert "Authorization" not in requests[0].headers
    jwts = [each.headers["Authorization"] for each in requests[1:]]
    assert len(set(jwts)) == len(jwts)
    assert session.jwt not in repr(session)


async def test_a_reply_without_a_jwt_keeps_the_old_one(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """An instance that does not exchange the JWT is served with the first one."""
    rig.simulator.knobs.rotate = False
    session = await sign_in(rig)
    before = session.jwt
    assert isinstance(await frontend.verify(session, "second_factor", DEADLINE), Verification)
    assert session.jwt == before


async def test_a_cancelled_call_does_not_lose_the_jwt(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """A login that is given up while a reply is on its way can still end its session."""
    session = await sign_in(rig)
    rig.simulator.knobs.latency = 1.0
    asking = asyncio.create_task(frontend.verify(session, "second_factor", DEADLINE))
    await until(lambda: rig.simulator.ledger.count("POST", "/verify") == 1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    rig.simulator.knobs.latency = 0.0
    ending = asyncio.create_task(frontend.end(session, DEADLINE))
    clock = rig.clock
    assert isinstance(clock, FakeClock)
    await clock.advance(1.0)
    assert await ending is None


async def test_a_refusal_brings_a_jwt_too(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """A wrong code exchanges the JWT as well, and the next call has it."""
    session = await sign_in(rig)
    await frontend.verify(session, "second_factor", DEADLINE)
    wrong = await frontend.attempt(session, "second", {"strategy": "totp", "code": "999999"}, DEADLINE)
    assert trouble(wrong).failed.kind is FailureKind.BAD_CODE
    right = await frontend.attempt(session, "second", {"strategy": "totp", "code": "012345"}, DEADLINE)
    assert isinstance(right, Verification)


async def test_an_old_jwt_is_known_as_such(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """A client whose JWT is not the newest is told apart from a refused key: it has to sign in anew."""
    session = await sign_in(rig)
    session.jwt = "an.old.one"
    assert trouble(await frontend.verify(session, "second_factor", DEADLINE)).remedy is Remedy.NEW_TICKET


@pytest.mark.parametrize("status", ["needs_second_factor", "needs_client_trust", "needs_protect_check"])
async def test_an_instance_that_wants_more_is_told_apart(
    rig: ClerkTicketRig, frontend: FrontendApi, status: str
) -> None:
    """A ticket that opens no session is a failure that names what the instance wants."""
    rig.simulator.knobs.sign_in_status = status
    ticket = await rig.provider.backend.make_ticket("user_alice", DEADLINE)
    assert isinstance(ticket, str)
    failed = trouble(await frontend.sign_in("user_alice", ticket, DEADLINE)).failed
    assert (failed.kind, status in failed.detail) == (FailureKind.PROTOCOL, True)


async def test_a_disabled_native_api_is_the_administrators(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """An administrator whose instance has the Native API off is told where to turn it on."""
    rig.simulator.knobs.native = False
    failed = trouble(await frontend.sign_in("user_alice", "ticket", DEADLINE)).failed
    assert failed.kind is FailureKind.CONFIG
    assert "Native API" in failed.hint


async def test_attempts_wait_for_their_turn(fake_clock: FakeClock) -> None:
    """More attempts than Clerk allows within ten seconds wait for their turn in place of running into a 429."""
    async with clerk_rig(ClerkTicketRig, fake_clock, limited=True) as rig:
        frontend = rig.provider.verifier.frontend
        session = await sign_in(rig)
        await frontend.verify(session, "second_factor", DEADLINE)
        form = {"strategy": "backup_code", "code": "wrong234"}
        for _ in range(3):
            assert trouble(await frontend.attempt(session, "second", form, DEADLINE)).failed.status == 422
        fourth = asyncio.create_task(frontend.attempt(session, "second", form, DEADLINE))
        await fake_clock.settle()
        assert not fourth.done()
        await fake_clock.advance(10)
        assert trouble(await fourth).failed.status == 400


async def test_a_turn_after_the_deadline_is_refused_at_once(fake_clock: FakeClock) -> None:
    """A login whose turn comes too late is refused without a call."""
    async with clerk_rig(ClerkTicketRig, fake_clock, limited=True) as rig:
        frontend = rig.provider.verifier.frontend
        for _ in range(5):
            await sign_in(rig)
        calls = rig.simulator.ledger.count("POST", "/sign_ins")
        late = trouble(await frontend.sign_in("user_alice", "ticket", fake_clock.now() + 9))
        assert (late.failed.kind, late.failed.asked) == (FailureKind.RATE_LIMITED, False)
        assert rig.simulator.ledger.count("POST", "/sign_ins") == calls


async def test_a_429_holds_everybody(rig: ClerkTicketRig, frontend: FrontendApi, fake_clock: FakeClock) -> None:
    """A 429 for one sign-in lets all wait as long as Clerk wants, then goes on."""
    ticket = await rig.provider.backend.make_ticket("user_alice", DEADLINE)
    assert isinstance(ticket, str)
    rig.simulator.knobs.retry_after("4")
    signing = asyncio.create_task(frontend.sign_in("user_alice", ticket, DEADLINE))
    await until(lambda: any(timer[0] == 1004.0 for timer in fake_clock.timers))
    await fake_clock.advance(4)
    assert isinstance(await signing, ClientSession)


async def test_a_server_that_always_refuses_is_left_alone(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """A server that always says 429 gets three requests."""
    rig.simulator.knobs.retry_after("0", count=9)
    assert trouble(await frontend.sign_in("user_alice", "t", DEADLINE)).failed.kind is FailureKind.RATE_LIMITED
    assert rig.simulator.ledger.count("POST", "/sign_ins") == 3


@pytest.mark.parametrize(("status", "asked"), [(503, False), (500, True), (400, False)])
async def test_a_sign_in_that_did_nothing_asked_nobody(
    rig: ClerkTicketRig, frontend: FrontendApi, status: int, asked: bool
) -> None:
    """A sign-in that Clerk refused has asked nobody; of one that broke nobody knows."""
    rig.simulator.knobs.status_next(status)
    assert trouble(await frontend.sign_in("user_alice", "t", DEADLINE)).failed.asked is asked


async def test_a_sign_of_life_is_any_answer(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """An instance that answers is alive, whatever it answers; one that breaks down is not."""
    assert await frontend.look_for_life(DEADLINE) is None
    rig.simulator.knobs.status_next(200, b"x" * 70_000)
    assert await frontend.look_for_life(DEADLINE) is None
    rig.simulator.knobs.status_next(404)
    assert await frontend.look_for_life(DEADLINE) is None
    rig.simulator.knobs.status_next(503)
    down = await frontend.look_for_life(DEADLINE)
    assert down is not None
    assert (down.kind, down.asked) == (FailureKind.UNAVAILABLE, False)
    rig.simulator.knobs.drop_next(3)
    down = await frontend.look_for_life(DEADLINE)
    assert down is not None
    assert down.kind is FailureKind.UNAVAILABLE


async def test_a_session_is_removed(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """A session that is removed is gone at Clerk; removing it again says so."""
    session = await sign_in(rig)
    assert await frontend.remove(session, DEADLINE) is None
    assert rig.simulator.active() == []
    assert trouble(await frontend.remove(session, DEADLINE)).remedy is Remedy.NEW_TICKET
    assert await frontend.prove_by_token(session, DEADLINE) is not None


async def test_a_sign_in_without_a_jwt_is_refused(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """An instance that opens a session and hands out no JWT for it is no native one: nothing could be done in it."""
    rig.simulator.knobs.status_next(200, {"response": {"status": "complete", "created_session_id": "sess_1"}})
    failed = trouble(await frontend.sign_in("user_alice", "ticket", DEADLINE)).failed
    assert (failed.kind, "JWT" in failed.detail) == (FailureKind.PROTOCOL, True)


async def test_closing_waits_for_what_is_on_its_way(rig: ClerkTicketRig, frontend: FrontendApi) -> None:
    """A client that is closed while a call is on its way lets that come back first."""
    session = await sign_in(rig)
    rig.simulator.knobs.latency = 1.0
    asking = asyncio.create_task(frontend.end(session, DEADLINE))
    await until(lambda: rig.simulator.ledger.count("POST", "/end") == 1)
    asking.cancel()
    closing = asyncio.create_task(frontend.close())
    clock = rig.clock
    assert isinstance(clock, FakeClock)
    await clock.advance(1.0)
    await closing
    assert rig.simulator.active() == []
