"""Watching a session: polls, long polls, claims, and every way in which they fail."""

import asyncio
from typing import Any

import pytest

from pushgate.http import Reply
from pushgate.outcome import Approved, Failed, FailureKind, Pending
from pushgate.providers.logintc_watch import LONGEST_BACK_OFF, back_off, polling_pause
from tests.pushgate.providers.test_logintc import Bench
from tests.support.transport import HOLD, OWN, outage, state


async def test_a_poll_that_turns_approved_accepts() -> None:
    """A person who approves while we poll a LoginTC server is let in without a claim."""
    bench = Bench(poll=[state("pending"), state("pending"), state("approved")])
    assert await bench.wait() == Approved()
    assert bench.server.count("POST", "/consume") == 0


async def test_a_state_without_an_id_is_believed() -> None:
    """A server that answers the state alone is understood, as LoginTC's documents show it."""
    assert await Bench(poll=[Reply(200, {"state": "approved"})]).wait() == Approved()


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(200, {"id": "b" * 40, "state": "approved"}), FailureKind.PROTOCOL),
        (state("Approved"), FailureKind.PROTOCOL),
        (state("approved "), FailureKind.PROTOCOL),
        (state(True), FailureKind.PROTOCOL),
        (Reply(200, None), FailureKind.PROTOCOL),
        (Reply(200, ["approved"]), FailureKind.PROTOCOL),
        (Reply(404, None), FailureKind.EXPIRED),
        (Reply(410, {"errors": []}), FailureKind.EXPIRED),
        (Reply(401, None), FailureKind.CONFIG),
        (Reply(302, None), FailureKind.PROTOCOL),
        (outage(FailureKind.CONFIG), FailureKind.CONFIG),
        (state("expired"), FailureKind.EXPIRED),
        (state("cancelled"), FailureKind.CANCELLED),
    ],
)
async def test_a_poll_that_is_no_answer_ends_the_wait_at_once(reply: Any, kind: FailureKind) -> None:
    """A server that answers a poll with anything but the documented states is not waited for."""
    bench = Bench(poll=[reply])
    result = await bench.wait()
    assert isinstance(result, Failed)
    assert (result.kind, result.asked, bench.server.count("GET")) == (kind, True, 1)


@pytest.mark.parametrize(
    "hiccup", [outage(), Reply(502, None), Reply(429, None), Reply(429, None, 2.0), outage(FailureKind.PROTOCOL)]
)
async def test_an_outage_during_the_wait_is_retried(hiccup: Any) -> None:
    """A server that is away for a moment and then says approved lets the person in."""
    assert await Bench(poll=[hiccup, hiccup, hiccup, state("approved")]).wait() == Approved()


async def test_a_server_that_has_enough_is_left_alone_for_longer_each_time() -> None:
    """A server that answers 429 and does not say for how long is asked after 2, 4, 8 and 16 seconds."""
    bench = Bench(poll=[Reply(429, None)])
    result = await bench.wait(60)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.RATE_LIMITED, True)
    polls = [time - 1000 for time, method, path in bench.server.ledger if method == "GET" and "/sessions/" in path]
    assert polls == [0, 2, 6, 14, 30, 46, 60]
    assert [back_off(refused) for refused in (0, 1, 4, 9999)] == [0.0, 2.0, LONGEST_BACK_OFF, LONGEST_BACK_OFF]


async def test_a_page_in_place_of_json_is_a_fault_of_the_protocol_at_the_deadline() -> None:
    """A captive portal that answers every poll with its own page is asked until the deadline, then named as such."""
    result = await Bench(poll=[outage(FailureKind.PROTOCOL)]).wait(5)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.PROTOCOL, True)


async def test_a_session_that_we_withdrew_was_cancelled() -> None:
    """A wait that finds its session gone after our own withdrawal says cancelled, not expired."""
    bench = Bench(poll=[Reply(404, None)])
    begun = await bench.begin()
    assert isinstance(begun, Pending)
    await bench.provider.cancel(begun.handle)
    result = await bench.provider.wait(begun.handle, bench.clock.now() + 5)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.CANCELLED


async def test_a_server_that_asks_for_a_pause_gets_it() -> None:
    """A server that answers 429 with Retry-After is left alone for that long."""
    bench = Bench(poll=[Reply(429, None, 7.0), state("denied")])
    await bench.wait()
    first, second = (time for time, method, path in bench.server.ledger if method == "GET" and "/sessions/" in path)
    assert second - first == 7.0


async def test_an_ignored_push_ends_at_the_deadline_with_a_last_look() -> None:
    """A session that stays pending is looked at once more at the deadline, then it has expired."""
    bench = Bench()
    result = await bench.wait(10)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.EXPIRED
    assert bench.server.ledger[-1][0] == pytest.approx(1010.0, abs=0.01)


async def test_an_approval_in_the_last_look_accepts() -> None:
    """A person who approves in the last second is let in."""
    bench = Bench(poll=[state("pending")] * 2 + [state("approved")])
    assert await bench.wait(2) == Approved()


async def test_a_server_that_stays_away_is_unavailable_but_may_have_asked() -> None:
    """A server that dies after the push is unavailable with the person asked, so nothing fails open."""
    result = await Bench(poll=[outage()]).wait(5)
    assert isinstance(result, Failed)
    assert (result.kind, result.asked) == (FailureKind.UNAVAILABLE, True)


async def test_a_server_that_goes_away_after_pending_has_expired() -> None:
    """A person who was asked and did not answer has let the login expire, although the server went away meanwhile."""
    result = await Bench(poll=[state("pending"), outage()]).wait(5)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.EXPIRED


def test_polls_are_a_second_apart_and_two_after_half_a_minute() -> None:
    """A poller keeps the documented pace within its spread of ten percent."""
    assert 0.9 <= polling_pause(0) <= 1.1
    assert 0.9 <= polling_pause(29) <= 1.1
    assert 1.8 <= polling_pause(31) <= 2.2


async def test_a_server_that_holds_is_asked_with_long_polls() -> None:
    """A server that announces wait is asked three times in a minute instead of sixty."""
    bench = Bench(features=["wait"], poll=[HOLD])
    result = await bench.wait(60)
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.EXPIRED
    waits = [path.partition("?")[2] for _, method, path in bench.server.ledger if "/sessions/" in path]
    assert waits == ["wait=25", "wait=25", "wait=10", ""]


async def test_a_server_that_announces_wait_but_does_not_hold_is_paced() -> None:
    """A server that answers long polls at once is not asked in a tight loop."""
    bench = Bench(features=["wait"], poll=[state("pending")])
    await bench.wait(10)
    assert bench.server.count("GET") <= 13


async def test_an_approval_of_our_own_authority_is_claimed() -> None:
    """An approval counts only once the authority has confirmed that we are the one who uses it."""
    bench = Bench(features=OWN, poll=[state("approved", proof={"device_id": "d1"})])
    assert await bench.wait() == Approved("d1")
    assert bench.server.count("POST", "/consume") == 1


@pytest.mark.parametrize("reply", [Reply(409, {"errors": []}), Reply(404, None), Reply(401, None), Reply(302, None)])
async def test_an_approval_that_cannot_be_claimed_rejects(reply: Reply) -> None:
    """An approval that somebody else has used opens nothing."""
    assert isinstance(await Bench(features=OWN, poll=[state("approved")], consume=[reply]).wait(), Failed)


async def test_a_claim_is_repeated_with_the_same_consumer_after_an_outage() -> None:
    """A claim whose answer got lost is repeated under the same name, so it cannot shut ourselves out."""
    bench = Bench(features=OWN, poll=[state("approved")], consume=[outage(), Reply(503, None), Reply(200, {})])
    assert await bench.wait() == Approved()
    claims = [body["consumer"] for body in bench.server.bodies if body and "consumer" in body]
    assert len(claims) == 3
    assert len(set(claims)) == 1


async def test_an_outage_at_another_login_does_not_spare_the_claim() -> None:
    """An approval is claimed although the create of another login has failed in the meantime."""
    bench = Bench(features=OWN, create=[state("pending"), outage()], poll=[HOLD, state("approved")])
    begun = await bench.begin()
    assert isinstance(begun, Pending)
    waiting = asyncio.create_task(bench.provider.wait(begun.handle, bench.clock.now() + 60))
    await bench.clock.advance(1)
    await bench.begin()
    await bench.clock.advance(30)
    assert await waiting == Approved()
    assert bench.server.count("POST", "/consume") == 1


async def test_a_server_that_forgets_its_features_does_not_spare_the_claim() -> None:
    """An approval of a session that was opened in the native form is claimed, whatever a later ping says."""
    bench = Bench(features=OWN, create=[state("pending"), outage()], poll=[HOLD, state("approved")])
    begun = await bench.begin()
    assert isinstance(begun, Pending)
    waiting = asyncio.create_task(bench.provider.wait(begun.handle, bench.clock.now() + 60))
    await bench.clock.advance(1)
    bench.server.features = []
    for _ in range(2):
        await bench.begin()
    await bench.clock.advance(30)
    assert await waiting == Approved()
    assert bench.server.count("POST", "/consume") == 1
