"""Mailing a code: counted before it is sent, extended where it would be short, closed where nobody waits for it."""

import asyncio
from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.limiter import Limiter
from pushgate.outcome import Failed, FailureKind, NeedsCode
from tests.simulators.base import Answer
from tests.simulators.threatwinds_bench import ThreatWindsBench
from tests.simulators.threatwinds_rig import provider
from tests.support.core import make_login


def limited(bench: ThreatWindsBench, limit: int) -> ThreatWindsBench:
    """Give the provider a limit of mails."""
    mails = Limiter(bench.clock, limit, 900)
    bench.provider = provider(bench.transport, bench.clock, mails=mails)
    return bench


async def test_a_person_gets_so_many_mails() -> None:
    """An attacker who begins login after login fills nobody's mailbox: the sixth asks nobody, others are free."""
    bench = limited(ThreatWindsBench(), 5)
    for _ in range(5):
        await bench.asked()
    refused = await bench.begin()
    assert isinstance(refused, Failed)
    assert (refused.kind, refused.asked) == (FailureKind.RATE_LIMITED, False)
    assert bench.counts["creates"] == 5
    await bench.asked(user="bob")
    await bench.clock.advance(900)
    await bench.asked()


async def test_spelling_brings_no_more_mails() -> None:
    """An attacker who spells a name in other ways, or adds a tag, has the same mailbox's limit."""
    bench = limited(ThreatWindsBench(), 1)
    await bench.asked()
    for user in ("ALICE", "Alice", "alice+1"):
        refused = await bench.begin(user=user)
        assert isinstance(refused, Failed)
        assert refused.kind is FailureKind.RATE_LIMITED
    assert bench.counts["creates"] == 1


async def test_many_logins_at_the_same_moment_share_the_limit() -> None:
    """An attacker who begins a hundred logins at once brings about five mails."""
    bench = limited(ThreatWindsBench(), 5)
    outcomes = await asyncio.gather(*[bench.begin() for _ in range(100)])
    assert sum(isinstance(outcome, NeedsCode) for outcome in outcomes) == 5
    assert bench.counts["mails"] == 5


async def test_a_mail_that_surely_did_not_go_out_is_not_counted() -> None:
    """A person who tried while the server was down gets the mail when it is back; what may have been mailed counts."""
    bench = limited(ThreatWindsBench(), 1)
    bench.transport.unreachable = True
    assert await bench.begin() == Failed(FailureKind.UNAVAILABLE, asked=False, detail="create: ClientConnectorError")
    bench.transport.unreachable = False
    outcomes = []
    for status in (503, 500, 503):
        bench.simulator.knobs.status_next(status)
        outcomes.append(await bench.begin())
        bench.simulator.knobs.faults.clear()
    assert [isinstance(each, Failed) and (each.kind, each.status) for each in outcomes] == [
        (FailureKind.UNAVAILABLE, 503),
        (FailureKind.UNAVAILABLE, 500),
        (FailureKind.RATE_LIMITED, None),
    ]


async def test_unknown_addresses_are_counted() -> None:
    """An attacker cannot ask without end who has an account."""
    bench = limited(ThreatWindsBench(), 2)
    kinds = []
    for _ in range(3):
        outcome = await bench.begin(user="mallory")
        assert isinstance(outcome, Failed)
        kinds.append(outcome.kind)
    assert kinds == [FailureKind.NOT_ENROLLED, FailureKind.NOT_ENROLLED, FailureKind.RATE_LIMITED]


@pytest.mark.parametrize(
    ("fault", "kind", "asked"),
    [
        (Answer(404, None), FailureKind.NOT_ENROLLED, False),
        (Answer(429, None, {"Retry-After": "5"}), FailureKind.RATE_LIMITED, False),
        (Answer(400, None), FailureKind.PROTOCOL, False),
        (Answer(403, None), FailureKind.CONFIG, False),
        (Answer(503, None), FailureKind.UNAVAILABLE, False),
        (Answer(502, None), FailureKind.UNAVAILABLE, True),
        (Answer(200, {"bearer": "b"}), FailureKind.PROTOCOL, True),
        (Answer(200, b"<html>"), FailureKind.PROTOCOL, True),
    ],
)
async def test_each_answer_to_a_create_has_its_outcome(fault: Answer, kind: FailureKind, asked: bool) -> None:
    """A server that does not create a session is asked once, and the login fails as documented."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.faults.append(fault)
    outcome = await bench.begin()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, bench.counts["creates"]) == (kind, asked, 0)
    assert len(bench.calls()) == 1


async def test_the_kind_is_sent_where_it_is_configured() -> None:
    """An administrator who wants a kind of session gets it; nobody else sends the word."""
    for kind in (None, "standard"):
        bench = ThreatWindsBench(kind=kind)
        await bench.asked()
        [session] = bench.simulator.sessions.values()
        assert session.kind == kind


async def test_a_session_that_cannot_be_verified_is_closed() -> None:
    """A server that names no key for the code leaves no live bearer behind."""
    bench = ThreatWindsBench()
    bench.simulator.shape.code_key = "verification_code_id"
    outcome = await bench.begin()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.PROTOCOL, True)
    assert bench.simulator.open_sessions() == []


async def test_the_session_of_another_login_is_refused() -> None:
    """A server that gives two logins one session approves neither by the other's code."""
    bench = ThreatWindsBench()
    bench.simulator.make_id = lambda: "the-same"
    await bench.asked()
    outcome = await bench.begin(user="bob")
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.PROTOCOL
    assert bench.counts["cancels"] == 0


async def test_a_session_that_would_be_too_short_is_extended() -> None:
    """A person whose session would end before their time is up has the whole time."""
    bench = ThreatWindsBench()
    bench.simulator.shape.session_ttl = 20.0
    question = await bench.asked()
    assert (bench.counts["extends"], question.expires_at) == (1, bench.clock.now() + 300)
    await bench.clock.advance(50)
    assert not isinstance(await bench.submit(question), Failed)


async def test_a_session_that_is_long_enough_is_not_extended() -> None:
    """A session that outlives the login is left as it is; its own end counts, if it comes before that of the code."""
    bench = ThreatWindsBench()
    bench.simulator.shape.session_ttl = 61.0
    question = await bench.asked()
    assert (bench.counts["extends"], question.expires_at) == (0, bench.clock.now() + 61)


@pytest.mark.parametrize("refusal", ["status", "outage"])
async def test_a_session_that_cannot_be_extended_ends_sooner(refusal: str) -> None:
    """A person whose session may not live longer is told the time that is left."""
    bench = ThreatWindsBench()
    bench.simulator.shape.session_ttl = 20.0
    bench.simulator.shape.unverified_may_extend = False
    if refusal == "outage":
        bench.simulator.knobs.only = lambda request: request.path.endswith("/extend")
        bench.simulator.knobs.drop_next()
    question = await bench.asked()
    assert question.expires_at == bench.clock.now() + 20
    await bench.clock.advance(20)
    late = await bench.submit(question, "123456")
    assert isinstance(late, Failed)
    assert late.kind is FailureKind.EXPIRED


@pytest.mark.parametrize("begun", [True, False])
async def test_a_begin_that_is_cut_short_leaves_nothing(begun: bool) -> None:
    """A login that ends while its mail is being sent closes the session as soon as it is known."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.latency = 2.0
    if not begun:
        bench.simulator.knobs.faults.append(Answer(500, None))
    beginning = asyncio.create_task(bench.begin())
    await bench.clock.advance(1)
    beginning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await beginning
    bench.simulator.knobs.latency = 0.0
    await bench.clock.advance(2)
    assert (bench.counts["creates"], bench.counts["cancels"]) == ((1, 1) if begun else (0, 0))
    assert bench.simulator.open_sessions() == []
    await bench.close()


async def test_a_wrong_clock_here_shortens_nothing() -> None:
    """A machine whose clock is a day ahead mails codes that are good for as long as elsewhere."""
    bench = ThreatWindsBench()
    ahead: Any = FakeClock()
    bench.provider.mailing.clock = ahead
    ahead.time, ahead.wall_start = bench.clock.time, bench.clock.wall_start.replace(year=2027)
    outcome = await bench.provider.begin(make_login(), bench.clock.now() + 60)
    assert isinstance(outcome, NeedsCode)
    assert outcome.expires_at == bench.clock.now() + 300
