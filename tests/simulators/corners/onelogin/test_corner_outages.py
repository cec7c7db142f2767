"""Corner cases of OneLogin by their number: outages, limits, certificates, time and people who go away."""

import asyncio
from datetime import timedelta

import pytest

from pushgate.outcome import Approved, Failed, FailureKind
from tests.simulators.base import Answer
from tests.simulators.corners.onelogin.shared import BOTH, kind_of, polls, pushed, wait
from tests.simulators.jumping import JumpingClock
from tests.simulators.onelogin_rig import OneLoginRig, play
from tests.support.core import make_login


@BOTH
def test_corner_01_an_outage_while_polling_passes(password: bool) -> None:
    """A person who approves after five seconds of 502 is in; one who approves after the reject is not."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.simulator.knobs.only = polls
        for _ in range(3):
            rig.simulator.knobs.status_next(502, b"<html>")
        rig.approve(handle)
        assert await wait(rig, handle) == Approved()
        late = await pushed(rig)
        assert kind_of(await wait(rig, late)) is FailureKind.EXPIRED
        await rig.provider.cancel(late)
        rig.approve(late)
        assert kind_of(await wait(rig, late)) is FailureKind.CANCELLED

    play(scene, password=password)


@BOTH
def test_corner_01_an_approval_in_the_last_look_counts(password: bool) -> None:
    """A person who approves in the same second as the deadline is in."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        deadline = rig.clock.now() + 20

        async def approve_late() -> None:
            await rig.clock.sleep(19.99)
            rig.approve(handle)

        late = asyncio.create_task(approve_late())
        assert await rig.provider.wait(handle, deadline) == Approved()
        assert rig.clock.now() < deadline + 0.5
        await late

    play(scene, password=password)


@BOTH
def test_corner_02_a_login_that_goes_away_costs_no_call(password: bool) -> None:
    """A person who aborts leaves a question that opens nothing; there is no call that takes it back."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        waiting = asyncio.create_task(wait(rig, handle))
        await rig.clock.sleep(0.5)
        waiting.cancel()
        await asyncio.wait([waiting])
        calls, started = len(rig.simulator.ledger.requests), rig.clock.now()
        await rig.provider.cancel(handle)
        await rig.provider.cancel(handle)
        assert (len(rig.simulator.ledger.requests), rig.clock.now()) == (calls, started)
        rig.approve(handle)
        assert kind_of(await wait(rig, handle)) is FailureKind.CANCELLED

    play(scene, password=password)


@BOTH
def test_corner_13_the_wall_clock_does_not_matter(password: bool) -> None:
    """A wall clock that jumps by an hour, either way, moves no deadline and costs no call."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        assert isinstance(rig.clock, JumpingClock)
        for hours in (1, -2):
            rig.clock.wall_shift += timedelta(hours=hours)
            started = rig.clock.now()
            assert kind_of(await wait(rig, handle, 10)) is FailureKind.EXPIRED
            assert rig.clock.now() - started == 10
        rig.approve(handle)
        assert await wait(rig, handle) == Approved()
        assert rig.simulator.ledger.counts["tokens"] == 1

    play(scene, password=password)


@BOTH
def test_corner_13_a_token_revoked_while_polling_is_renewed_once(password: bool) -> None:
    """A person who is being asked while the token is revoked approves the same question, rung once."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        other = await pushed(rig)
        waiting = [asyncio.create_task(wait(rig, each)) for each in (handle, other)]
        await rig.clock.sleep(5)
        rig.simulator.revoke_token()
        await rig.clock.sleep(5)
        rig.approve(handle)
        rig.approve(other)
        assert await asyncio.gather(*waiting) == [Approved(), Approved()]
        counts = rig.simulator.ledger.counts
        assert (counts["tokens"], counts["pushes"], counts["creates"]) == (2, 2, 2)

    play(scene, password=password)


@pytest.mark.parametrize(("retry_after", "pause"), [("7", 7), ("Thu, 01 Jan 2026 00:00:09 GMT", 5), ("", 1.5)])
@BOTH
def test_corner_14_a_limit_is_waited_for(password: bool, retry_after: str, pause: float) -> None:
    """A server that wants to be left alone is, in either form of Retry-After; the approval counts afterwards."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.approve(handle)
        rig.simulator.knobs.only = polls
        rig.simulator.knobs.retry_after(retry_after)
        started = rig.clock.now()
        assert await wait(rig, handle) == Approved()
        assert rig.clock.now() - started >= pause

    play(scene, password=password)


@BOTH
def test_corner_14_a_limit_beyond_the_deadline_ends_the_login(password: bool) -> None:
    """A server that wants to be left alone for a day is looked at once more, at the deadline."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.simulator.knobs.only = polls
        rig.simulator.knobs.retry_after("86400", 9)
        started = rig.clock.now()
        assert kind_of(await wait(rig, handle, 30)) is FailureKind.RATE_LIMITED
        assert (rig.clock.now() - started, len(rig.simulator.knobs.faults)) == (30, 7)

    play(scene, password=password)


@pytest.mark.parametrize(
    ("path", "fault"),
    [("token", Answer(status, {})) for status in (400, 401, 403, 429, 500, 502, 503)]
    + [("users?", Answer(status, {})) for status in (400, 401, 403, 404, 429)]
    + [("verifications", Answer(status, {})) for status in (400, 401, 403, 404, 422, 429)]
    + [(path, Answer(200, body)) for path in ("token", "users?", "verifications") for body in (b"<", {"a": 1}, 5)],
)
def test_corner_15_no_refusal_may_fail_open(path: str, fault: Answer) -> None:
    """A bad key, any 4xx, a limit, a token endpoint that fails, and unknown JSON are no outage."""

    async def scene(rig: OneLoginRig) -> None:
        rig.simulator.knobs.only = lambda request: path in request.target
        rig.simulator.knobs.faults.extend([fault] * 3)
        outcome = await rig.provider.begin(make_login(), rig.clock.now() + 60)
        assert isinstance(outcome, Failed)
        assert outcome.kind is not FailureKind.UNAVAILABLE

    play(scene)


def test_corner_16_an_outage_before_anybody_is_asked_may_fail_open() -> None:
    """A provider that is not there, or says 503 to the create, has surely asked nobody."""

    async def scene(rig: OneLoginRig) -> None:
        gone = rig.provider_at("http://127.0.0.1:1")
        unknown = rig.provider_at("https://onelogin.invalid")
        for provider in (gone, unknown):
            outcome = await provider.begin(make_login(), rig.clock.now() + 60)
            await provider.close()
            assert isinstance(outcome, Failed)
            assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)
        rig.simulator.knobs.only = lambda request: request.path.endswith("/verifications")
        rig.simulator.knobs.status_next(503)
        outcome = await rig.provider.begin(make_login(), rig.clock.now() + 60)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)

    play(scene)


@BOTH
def test_corner_16_an_outage_after_the_push_may_not(password: bool) -> None:
    """A provider that goes away once the person was rung lets nobody in."""

    async def scene(rig: OneLoginRig) -> None:
        handle = await pushed(rig)
        rig.simulator.knobs.drop_next(1000)
        outcome = await wait(rig, handle)
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, True)

    play(scene, password=password)
