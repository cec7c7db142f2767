"""The calls of Clerk's Backend API."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from pushgate.clock import FakeClock
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.clerk_backend import BackendApi
from pushgate.providers.clerk_wire import ClerkUser
from tests.simulators.base import until
from tests.simulators.clerk import SECRET_KEY, TRACE
from tests.simulators.clerk_rig import VERSION, ClerkRig, clerk_rig, kind_of

DEADLINE = 1060.0
ALICE = ClerkUser("user_alice")


@pytest.fixture
async def rig(fake_clock: FakeClock) -> AsyncIterator[ClerkRig]:
    """The provider and its simulator; time stands still."""
    async with clerk_rig(ClerkRig, fake_clock) as made:
        yield made


@pytest.fixture
def backend(rig: ClerkRig) -> BackendApi:
    """The API, connected."""
    return rig.provider.backend


async def test_each_call_is_as_documented(rig: ClerkRig, backend: BackendApi) -> None:
    """Clerk gets the secret key, the pinned version and JSON; a ticket lives for a minute."""
    await backend.find("alice", DEADLINE)
    await backend.check_password(ALICE, "correct horse", DEADLINE)
    await backend.check_code(ALICE, "012345", DEADLINE)
    await backend.make_ticket("user_alice", DEADLINE)
    requests = rig.simulator.ledger.requests
    assert [f"{each.method} {each.target}" for each in requests] == [
        "GET /v1/users?username=alice",
        "POST /v1/users/user_alice/verify_password",
        "POST /v1/users/user_alice/verify_totp",
        "POST /v1/sign_in_tokens",
    ]
    assert [each.json() for each in requests[1:]] == [
        {"password": "correct horse"},
        {"code": "012345"},
        {"user_id": "user_alice", "expires_in_seconds": 60},
    ]
    assert {each.headers["Authorization"] for each in requests} == {f"Bearer {SECRET_KEY}"}
    assert {each.headers["Clerk-API-Version"] for each in requests} == {VERSION}


@pytest.mark.parametrize("verified", [False, "true", 1, None])
async def test_only_true_lets_anybody_in(rig: ClerkRig, backend: BackendApi, verified: object) -> None:
    """A reply that does not say exactly true approves neither password nor code."""
    rig.simulator.knobs.change = lambda _, body: body | {"verified": verified}
    assert kind_of(await backend.check_code(ALICE, "012345", DEADLINE)) is FailureKind.PROTOCOL
    assert kind_of(await backend.check_password(ALICE, "correct horse", DEADLINE)) is FailureKind.PROTOCOL


@pytest.mark.parametrize("token", [None, 5, "", "a b", "x" * 9000])
async def test_a_ticket_that_is_none_is_refused(rig: ClerkRig, backend: BackendApi, token: object) -> None:
    """A reply whose token is none signs nobody in."""
    rig.simulator.knobs.change = lambda _, body: body | {"token": token}
    assert kind_of(await backend.make_ticket("user_alice", DEADLINE)) is FailureKind.PROTOCOL


async def test_a_failure_names_status_trace_and_what_to_do(rig: ClerkRig, backend: BackendApi) -> None:
    """An administrator finds status, trace id and advice, and never the key, in a failure."""
    rig.simulator.secret_key = "sk_test_other"
    failed = await backend.find("alice", DEADLINE)
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.status, failed.trace) == (FailureKind.CONFIG, 401, TRACE)
    assert "secret key is refused" in failed.hint
    assert SECRET_KEY not in repr(failed)


@pytest.mark.parametrize(
    ("status", "asked"), [(500, True), (502, True), (503, False), (401, False), (404, False), (422, False)]
)
async def test_a_code_that_may_have_been_checked_counts_as_asked(
    rig: ClerkRig, backend: BackendApi, status: int, asked: bool
) -> None:
    """A server error after a code was sent opens nothing; a 503 has done nothing."""
    rig.simulator.knobs.status_next(status)
    outcome = await backend.check_code(ALICE, "012345", DEADLINE)
    assert isinstance(outcome, Failed)
    assert outcome.asked is asked


async def test_a_look_up_asks_nobody(rig: ClerkRig, backend: BackendApi) -> None:
    """An outage of the look-up has asked nobody, wherever it broke."""
    rig.simulator.knobs.drop_next(3)
    outcome = await backend.find("alice", DEADLINE)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)


async def test_a_code_is_sent_once(rig: ClerkRig, backend: BackendApi) -> None:
    """A code whose answer was lost is not sent again: it may be used up."""
    await backend.find("alice", DEADLINE)
    rig.simulator.knobs.drop_next(served=True)
    outcome = await backend.check_code(ALICE, "012345", DEADLINE)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)
    assert rig.simulator.ledger.counts["submits"] == 1


@pytest.mark.parametrize(("after", "seconds"), [("3", 3.0), ("Thu, 01 Jan 2026 00:00:07 GMT", 7.0), ("", 1.0)])
async def test_a_429_is_waited_for(
    rig: ClerkRig, backend: BackendApi, fake_clock: FakeClock, after: str, seconds: float
) -> None:
    """A call that Clerk limits is sent again when Clerk wants it, after a second if it does not say."""
    rig.simulator.knobs.retry_after(after)
    checking = asyncio.create_task(backend.check_code(ALICE, "012345", DEADLINE))
    due = fake_clock.now() + seconds
    await until(lambda: any(timer[0] == due for timer in fake_clock.timers))
    assert rig.simulator.ledger.counts["submits"] == 0
    await fake_clock.advance(seconds)
    assert isinstance(await checking, Approved)


@pytest.mark.parametrize("after", ["60", "99999"])
async def test_a_429_beyond_the_deadline_is_not_waited_for(rig: ClerkRig, backend: BackendApi, after: str) -> None:
    """A login that Clerk would let through too late is refused at once."""
    rig.simulator.knobs.retry_after(after)
    assert kind_of(await backend.check_code(ALICE, "012345", DEADLINE)) is FailureKind.RATE_LIMITED
    assert len(rig.simulator.ledger.requests) == 1


async def test_patience_ends(rig: ClerkRig, backend: BackendApi) -> None:
    """A server that always says 429 gets three requests."""
    rig.simulator.knobs.retry_after("0", count=9)
    assert kind_of(await backend.find("alice", DEADLINE)) is FailureKind.RATE_LIMITED
    assert len(rig.simulator.ledger.requests) == 3
