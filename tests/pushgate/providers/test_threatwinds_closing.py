"""Closing sessions: tried again, swept up later, bounded, and never a reason to fail."""

import asyncio

import pytest

from pushgate.outcome import Approved
from pushgate.providers import threatwinds_closing
from pushgate.providers.threatwinds_closing import REFUSALS, RETRY_SECONDS, TRIES
from pushgate.providers.threatwinds_wire import Session
from tests.simulators.base import Answer, Recorded
from tests.simulators.threatwinds import SimSession
from tests.simulators.threatwinds_bench import ThreatWindsBench


def is_delete(request: Recorded) -> bool:
    """Whether a request closes a session."""
    return request.method == "DELETE"


@pytest.mark.parametrize(
    "fault", [Answer(500, None), Answer(429, None), Answer(302, None), Answer(200, b"<html>"), Answer(200, None)]
)
async def test_a_session_that_could_not_be_closed_is_closed_later(
    fault: Answer, capsys: pytest.CaptureFixture[str]
) -> None:
    """A server that is busy when a login ends has the session closed a minute later; it is logged once."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = is_delete
    bench.simulator.knobs.faults.extend([fault] * 3)
    await bench.provider.cancel(question.handle)
    assert len(bench.simulator.open_sessions()) == 1
    await bench.clock.advance(3 * RETRY_SECONDS)
    assert (bench.simulator.open_sessions(), len(bench.simulator.ledger.requests)) == ([], 5)
    assert "".join(capsys.readouterr()).count("withdraw_failed") == 1
    await bench.clock.advance(10 * RETRY_SECONDS)
    assert len(bench.simulator.ledger.requests) == 5
    assert (len(bench.provider.closing.owed), bench.provider.closing.tasks) == (0, set())
    await bench.close()


async def test_a_server_that_hangs_holds_a_cancel_up_for_a_second() -> None:
    """A login that is given up while the server hangs is over after a second; the session is closed later."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.latency = 30.0
    withdrawing = asyncio.create_task(bench.provider.cancel(question.handle))
    await bench.clock.advance(1)
    assert withdrawing.done()
    bench.simulator.knobs.latency = 0.0
    await bench.clock.advance(RETRY_SECONDS)
    assert bench.simulator.open_sessions() == []
    await bench.close()


async def test_a_withdrawal_that_is_cut_short_is_finished_later() -> None:
    """A cancel that is itself cancelled still leads to a closed session."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.latency = 30.0
    withdrawing = asyncio.create_task(bench.provider.cancel(question.handle))
    await bench.clock.advance(0.5)
    withdrawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await withdrawing
    bench.simulator.knobs.latency = 0.0
    await bench.clock.advance(RETRY_SECONDS)
    assert bench.simulator.open_sessions() == []
    await bench.close()


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_session_that_is_gone_is_asked_about_twice(
    status: int, times: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A session that ended by itself is no line in the log; a proxy that says so once is not believed."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.faults.extend([Answer(status, None)] * times)
    await bench.provider.cancel(question.handle)
    assert len(bench.simulator.open_sessions()) == 1
    await bench.clock.advance(5 * RETRY_SECONDS)
    assert (len(bench.simulator.open_sessions()), len(bench.provider.closing.owed)) == (times - 1, 0)
    assert ([call[:6] for call in bench.calls()], "".join(capsys.readouterr())) == (["POST /", "DELETE", "DELETE"], "")


async def test_what_its_own_bearer_may_not_close_a_later_login_closes() -> None:
    """An unverified session that may not be closed is closed by the person's next login, and by nobody else's."""
    bench = ThreatWindsBench()
    bench.simulator.shape.unverified_may_close = False
    first, second = await bench.asked(), await bench.asked()
    await bench.provider.cancel(first.handle)
    await bench.clock.advance(10 * RETRY_SECONDS)
    await bench.provider.cancel(second.handle)
    closing = bench.provider.closing
    assert (list(closing.noted), list(closing.owed)) == ([first.handle.id], [second.handle.id])
    assert bench.counts["cancels"] == REFUSALS + 1
    await bench.submit(await bench.asked(user="bob"))
    assert len(bench.simulator.open_sessions()) == 2
    assert isinstance(await bench.submit(await bench.asked()), Approved)
    assert (bench.simulator.open_sessions(), len(closing.noted), len(closing.owed)) == ([], 0, 0)
    await bench.close()


async def test_a_dead_server_is_asked_about_one_session_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    """A server that is down is not flooded with what we owe it, and each session gets its turn."""
    bench = ThreatWindsBench()
    questions = [await bench.asked() for _ in range(5)]
    bench.simulator.knobs.only = is_delete
    bench.simulator.knobs.faults.extend([Answer(500, None)] * 8)
    for question in questions:
        await bench.provider.cancel(question.handle)
    bench.simulator.ledger.requests.clear()
    await bench.clock.advance(3 * RETRY_SECONDS)
    assert [call.rpartition("/")[2] for call in bench.calls()] == [question.handle.id for question in questions[:3]]
    await bench.clock.advance(RETRY_SECONDS)
    assert bench.simulator.open_sessions() == []
    assert "".join(capsys.readouterr()).count("withdraw_failed") == 5
    await bench.close()


async def test_what_cannot_be_closed_is_given_up_at_last() -> None:
    """A server that never closes anything is asked for about an hour, then only by the person's next login."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = is_delete
    bench.simulator.knobs.faults.extend([Answer(500, None)] * 1000)
    await bench.provider.cancel(question.handle)
    await bench.clock.advance((TRIES + 10) * RETRY_SECONDS)
    assert len(bench.simulator.ledger.requests) == 1 + TRIES
    assert (len(bench.provider.closing.owed), list(bench.provider.closing.noted)) == (0, [question.handle.id])
    await bench.close()


async def test_what_is_owed_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """An attacker who leaves many sessions behind while the server is down does not fill our memory."""
    monkeypatch.setattr(threatwinds_closing, "OWED_LIMIT", 10)
    monkeypatch.setattr(threatwinds_closing, "NOTED_LIMIT", 20)
    bench = ThreatWindsBench()
    bench.transport.unreachable = True
    closing = bench.provider.closing
    for number in range(100):
        session = Session(f"s{number}", "b")
        closing.hold(session)
        await closing.end(session)
    assert (len(closing.owed), len(closing.noted), len(closing.live)) == (10, 20, 0)
    await bench.close()


def other(bench: ThreatWindsBench, session_id: str, agent: str, age: float, email: str = "alice@example.com") -> None:
    """Put a session there that was begun so many seconds ago."""
    now = bench.clock.wall()
    ends = now.fromtimestamp(now.timestamp() + 3600 - age, now.tzinfo)
    bench.simulator.sessions[session_id] = SimSession(session_id, session_id, email, "::1", agent, ends, "c", "1", now)


async def test_a_verified_login_sweeps_up_what_earlier_ones_left() -> None:
    """A person's old sessions of pushgate end with their next login; browsers, other daemons and other people stay."""
    bench = ThreatWindsBench()
    other(bench, "crashed", "pushgate/0.0.1", 1000)
    other(bench, "other-daemon", "pushgate/9", 30)
    other(bench, "browser", "Mozilla/5.0", 2000)
    other(bench, "bobs", "pushgate/9", 2000, "bob@example.com")
    waiting = await bench.asked()
    assert isinstance(await bench.submit(await bench.asked()), Approved)
    left = {session.id for session in bench.simulator.open_sessions()}
    assert left == {"other-daemon", "browser", "bobs", waiting.handle.id}
    await bench.close()


@pytest.mark.parametrize("shape", ["object", "array"])
async def test_sweeping_is_bounded(shape: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A person with a thousand leftovers gets in at once; twenty are closed with each login."""
    bench = ThreatWindsBench()
    bench.simulator.shape.sessions = shape  # type: ignore[assignment]
    for number in range(50):
        other(bench, f"old{number}", "pushgate/1", 1000)
    await bench.submit(await bench.asked())
    assert len(bench.simulator.open_sessions()) == 30
    assert "leftovers_closed" in "".join(capsys.readouterr())
    await bench.close()


async def test_sweeping_that_takes_long_is_cut_short() -> None:
    """A server that answers slowly has leftovers left alone after five seconds; our own session is closed."""
    bench = ThreatWindsBench()
    for number in range(50):
        other(bench, f"old{number}", "pushgate/1", 1000)
    question = await bench.asked()
    bench.simulator.knobs.only = lambda request: request.path.partition("/session/")[2].startswith("old")
    bench.simulator.knobs.latency = 2.0
    assert isinstance(await bench.submit(question), Approved)
    await bench.clock.advance(10)
    assert len(bench.simulator.open_sessions()) == 48
    await bench.close()


@pytest.mark.parametrize("fault", [Answer(500, None), Answer(200, {"sessions": 5}), Answer(200, b"<")])
async def test_a_list_that_cannot_be_read_hinders_nobody(fault: Answer) -> None:
    """A person gets in although the list of sessions is broken, and the own session is closed."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = lambda request: request.path.endswith("/sessions")
    bench.simulator.knobs.faults.append(fault)
    assert isinstance(await bench.submit(question), Approved)
    assert bench.simulator.open_sessions() == []
    await bench.close()


async def test_a_leftover_that_cannot_be_closed_is_left() -> None:
    """A person gets in although an old session is not to be closed, and the own session is closed."""
    bench = ThreatWindsBench()
    other(bench, "old", "pushgate/1", 1000)
    question = await bench.asked()
    bench.simulator.knobs.only = is_delete
    bench.simulator.knobs.faults.append(Answer(403, None))
    assert isinstance(await bench.submit(question), Approved)
    assert [session.id for session in bench.simulator.open_sessions()] == ["old"]
    await bench.close()


async def test_a_stopping_daemon_closes_everything() -> None:
    """A daemon that stops closes sessions of logins that are open, that could not be closed, and that just began."""
    bench = ThreatWindsBench()
    owed = await bench.asked()
    await bench.asked()
    bench.transport.unreachable = True
    await bench.provider.cancel(owed.handle)
    bench.transport.unreachable = False
    bench.simulator.knobs.latency = 1.0
    beginning = asyncio.create_task(bench.begin())
    await bench.clock.advance(0.5)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    bench.simulator.knobs.latency = 0.5
    await bench.close()
    assert (bench.counts["creates"], bench.simulator.open_sessions()) == (3, [])
    assert bench.transport.closed


async def test_a_stopping_daemon_does_not_wait_for_a_dead_server() -> None:
    """A daemon that stops while the server hangs is gone after a few seconds."""
    bench = ThreatWindsBench()
    for _ in range(3):
        await bench.asked()
    bench.simulator.knobs.latency = 1000.0
    beginning = asyncio.create_task(bench.begin())
    await bench.clock.settle()
    beginning.cancel()
    before = bench.clock.now()
    await bench.close()
    assert bench.clock.now() - before <= 5
    assert bench.provider.closing.tasks == set()
    with pytest.raises(asyncio.CancelledError):
        await beginning
