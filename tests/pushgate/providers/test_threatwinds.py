"""The provider threatwinds on a fake clock: ask, submit, resend, give up, and every way that they fail."""

import asyncio
from typing import Any

import pytest

from pushgate.login import Code, Method, Push, Secret
from pushgate.outcome import TYPED_CODE, Approved, Failed, FailureKind, Handle, NeedsCode
from tests.simulators.base import Answer
from tests.simulators.threatwinds_bench import ThreatWindsBench
from tests.simulators.threatwinds_rig import session_of
from tests.support.core import make_login

WRONG = "000000x"


@pytest.mark.parametrize("factor", [Push(), Method("email")])
async def test_a_login_gets_a_code_mailed(factor: Any) -> None:
    """A person is told where the code went, types it, and is in; nothing is left open at ThreatWinds."""
    bench = ThreatWindsBench()
    question = await bench.asked(factor=factor)
    assert question.prompt == "Code sent to a***@example.com"
    assert (question.asked, question.echo, question.resent) == (True, True, False)
    assert question.expires_at == bench.clock.now() + 300
    assert [mail.address for mail in bench.simulator.mails] == ["alice@example.com"]
    session = session_of(question.handle)
    assert await bench.submit(question) == Approved(device=TYPED_CODE)
    assert bench.calls() == [
        "POST /session",
        "PUT /session/verification",
        "GET /session",
        "GET /sessions",
        f"DELETE /session/{session}",
    ]
    assert bench.simulator.open_sessions() == []
    await bench.close()


@pytest.mark.parametrize(
    ("factor", "kind"),
    [
        (Code(Secret(b"123456")), FailureKind.BAD_CODE),
        (Push(number=Secret(b"12")), FailureKind.DOWNGRADED),
        (Push(draw_number=True), FailureKind.DOWNGRADED),
        (Method("sms"), FailureKind.PROTOCOL),
        (Method("phone"), FailureKind.PROTOCOL),
    ],
)
async def test_what_a_mail_cannot_do_is_refused_without_a_call(factor: Any, kind: FailureKind) -> None:
    """A login by a code that nobody was sent, by a number or by text message asks nobody and fails."""
    bench = ThreatWindsBench()
    outcome = await bench.begin(factor=factor)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, bench.calls()) == (kind, False, [])


async def test_the_features_are_mail_alone() -> None:
    """A front end learns that a person can be reached by mail, and by nothing else."""
    bench = ThreatWindsBench()
    assert await bench.provider.features(make_login(), bench.clock.now() + 1) == {"email"}
    assert bench.calls() == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
async def test_a_wrong_code_may_be_tried_again_twice(status: int) -> None:
    """A person who mistypes has three tries in all, whatever status a wrong code gets; then the session is closed."""
    bench = ThreatWindsBench()
    bench.simulator.shape.wrong_code = status
    question = await bench.asked()
    for _ in range(2):
        again = await bench.submit(question, WRONG)
        assert isinstance(again, NeedsCode)
        assert (again.handle, again.prompt, again.resent) == (question.handle, question.prompt, False)
    third = await bench.submit(question, WRONG)
    assert isinstance(third, Failed)
    assert (third.kind, third.asked, third.status, len(third.trace)) == (FailureKind.BAD_CODE, True, status, 36)
    assert WRONG not in third.detail
    assert bench.simulator.open_sessions() == []
    sent = len(bench.calls())
    assert await bench.submit(question, "123456") == third
    assert len(bench.calls()) == sent


async def test_a_wrong_code_of_nobody_takes_as_long() -> None:
    """Who times the answer to a wrong code does not find out whether a code was mailed at all."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    pretended = await bench.provider.pretend(make_login(), bench.clock.now() + 5)
    assert isinstance(pretended, NeedsCode)
    bench.simulator.knobs.only = lambda request: request.method == "PUT"
    bench.simulator.knobs.latency = 1.5
    took = list[float]()
    for asked in (question, pretended):
        began = bench.clock.now()
        assert isinstance(await bench.submit(asked, WRONG), NeedsCode)
        took.append(bench.clock.now() - began)
    assert took == [1.5, 1.5]


async def test_the_right_code_after_wrong_ones_opens() -> None:
    """A person who mistypes twice gets in by the third try."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    await bench.submit(question, WRONG)
    await bench.submit(question, "")
    assert bench.counts["submits"] == 1
    assert await bench.submit(question) == Approved(device=TYPED_CODE)


async def test_codes_at_the_same_moment_are_three_at_most() -> None:
    """An attacker who sends many codes at once for one question has three tries."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.latency = 0.1
    tries = [bench.provider.submit(question.handle, f"{code:06}", bench.clock.now() + 60) for code in range(20)]
    outcomes = await bench.run(asyncio.ensure_future(asyncio.gather(*tries)))
    assert bench.counts["submits"] == 3
    assert sum(isinstance(outcome, NeedsCode) for outcome in outcomes) == 2


async def test_a_code_opens_once() -> None:
    """An attacker who types the person's code a second time gets in nowhere."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    code = bench.code(question)
    assert isinstance(await bench.submit(question, code), Approved)
    again = await bench.submit(question, code)
    assert isinstance(again, Failed)
    assert (again.kind, bench.counts["submits"]) == (FailureKind.EXPIRED, 1)


async def test_a_code_that_is_too_old_is_not_sent() -> None:
    """A person who types the code after its time is told so by us, and the session is closed."""
    bench = ThreatWindsBench(code_ttl=100.0)
    question = await bench.asked()
    await bench.clock.advance(100)
    late = await bench.submit(question)
    assert isinstance(late, Failed)
    assert (late.kind, late.asked, bench.counts["submits"]) == (FailureKind.EXPIRED, True, 0)
    assert bench.simulator.open_sessions() == []


@pytest.mark.parametrize("status", [401, 403])
async def test_an_acknowledged_code_without_a_verified_session_is_wrong(status: int) -> None:
    """A server that acknowledges and then does not know the bearer has let nobody in."""
    bench = ThreatWindsBench()
    bench.simulator.shape.verifies, bench.simulator.shape.unverified = False, status
    question = await bench.asked()
    assert isinstance(await bench.submit(question), NeedsCode)
    assert isinstance(await bench.submit(question), NeedsCode)
    third = await bench.submit(question)
    assert isinstance(third, Failed)
    assert third.kind is FailureKind.BAD_CODE
    assert bench.simulator.open_sessions() == []


@pytest.mark.parametrize(
    ("shown", "kind"),
    [
        (Answer(200, {"sessionID": "another", "verified": True}), FailureKind.PROTOCOL),
        (Answer(200, {"verified": True}), FailureKind.PROTOCOL),
        (Answer(404, None), FailureKind.EXPIRED),
        (Answer(410, None), FailureKind.EXPIRED),
        (Answer(302, None, {"Location": "http://evil.example/"}), FailureKind.PROTOCOL),
        (Answer(407, None), FailureKind.CONFIG),
    ],
)
async def test_each_answer_about_the_session_has_its_outcome(shown: Answer, kind: FailureKind) -> None:
    """A server that shows anything but the verified session of this login lets nobody in, and it is closed."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = lambda request: request.method == "GET" and request.path.endswith("/session")
    bench.simulator.knobs.faults.append(shown)
    outcome = await bench.submit(question)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (kind, True)
    assert bench.simulator.open_sessions() == []


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (Answer(200, {"message": "ok"}), FailureKind.PROTOCOL),
        (Answer(204, None), FailureKind.PROTOCOL),
        (Answer(200, {"verified": True}), FailureKind.PROTOCOL),
        (Answer(302, None), FailureKind.PROTOCOL),
        (Answer(410, None), FailureKind.EXPIRED),
        (Answer(500, None), FailureKind.UNAVAILABLE),
        (Answer(503, None), FailureKind.UNAVAILABLE),
    ],
)
async def test_each_answer_to_a_code_has_its_outcome(answer: Answer, kind: FailureKind) -> None:
    """A server that does not acknowledge a code in its documented word lets nobody in; the code goes out once."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.faults.append(answer)
    outcome = await bench.submit(question)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (kind, True)
    assert bench.calls()[1:] == ["PUT /session/verification", f"DELETE /session/{question.handle.id}"]


async def test_a_resend_mails_a_new_code_in_place_of_the_old_one() -> None:
    """A person who types resend after half a minute gets a new code; the old one opens nothing any more."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    old = bench.code(question)
    bench.simulator.make_code = lambda: "777777"
    await bench.clock.advance(30)
    again = await bench.submit(question, " Resend ")
    assert isinstance(again, NeedsCode)
    assert (again.handle, again.resent) == (question.handle, True)
    assert again.prompt == "A new code was sent. Code sent to a***@example.com"
    assert again.expires_at == bench.clock.now() + 300
    assert (bench.counts["mails"], len(bench.simulator.open_sessions())) == (2, 1)
    if old != "777777":
        assert isinstance(await bench.submit(question, old), NeedsCode)
    assert await bench.submit(question, "777777") == Approved(device=TYPED_CODE)
    assert bench.simulator.open_sessions() == []


async def test_a_resend_that_comes_too_soon_calls_nobody() -> None:
    """A person who types resend within half a minute is told how long to wait; the code stays good, no try is used."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    await bench.clock.advance(12.5)
    for _ in range(10):
        again = await bench.submit(question, "resend")
        assert isinstance(again, NeedsCode)
        assert (again.resent, again.prompt) == (
            False,
            "A new code can be sent in 18 s. Code sent to a***@example.com",
        )
    assert bench.calls() == ["POST /session"]
    assert isinstance(await bench.submit(question), Approved)


async def test_a_login_has_three_resends() -> None:
    """An attacker who goes on typing resend brings about four mails in all for one login."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    resent = []
    for _ in range(6):
        await bench.clock.advance(30)
        again = await bench.submit(question, "resend")
        assert isinstance(again, NeedsCode)
        resent.append((again.resent, again.prompt.partition(".")[0]))
    assert resent == [(True, "A new code was sent")] * 3 + [(False, "No more codes are sent")] * 3
    assert (bench.counts["mails"], len(bench.simulator.open_sessions())) == (4, 1)
    assert isinstance(await bench.submit(question), Approved)


@pytest.mark.parametrize("answer", [Answer(500, None), Answer(429, None), Answer(404, None), Answer(200, {})])
async def test_a_resend_that_fails_leaves_the_old_code(answer: Answer, capsys: pytest.CaptureFixture[str]) -> None:
    """A person whose new code could not be mailed gets in by the old one; the administrator reads why."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    await bench.clock.advance(30)
    bench.simulator.knobs.faults.append(answer)
    again = await bench.submit(question, "resend")
    assert isinstance(again, NeedsCode)
    assert (again.resent, again.prompt) == (False, "No new code was sent. Code sent to a***@example.com")
    assert "".join(capsys.readouterr()).count("resend_failed") == 1
    assert isinstance(await bench.submit(question), Approved)


async def test_wrong_codes_count_across_resends() -> None:
    """An attacker who asks for new codes gets no more tries by that."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    await bench.submit(question, WRONG)
    await bench.clock.advance(30)
    await bench.submit(question, "resend")
    await bench.submit(question, WRONG)
    third = await bench.submit(question, WRONG)
    assert isinstance(third, Failed)
    assert third.kind is FailureKind.BAD_CODE


async def test_a_withdrawn_question_is_closed_once() -> None:
    """A login that ends, by whatever way, closes its session once, and no code opens it any more."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    code = bench.code(question)
    await bench.provider.cancel(question.handle)
    await bench.provider.cancel(question.handle)
    await bench.provider.cancel(Handle("of another provider"))
    assert bench.counts["cancels"] == 1
    outcome = await bench.submit(question, code)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, bench.counts["submits"]) == (FailureKind.CANCELLED, 0)


async def test_an_approval_after_a_withdrawal_opens_nothing() -> None:
    """A code that is acknowledged while the login is being given up lets nobody in."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = lambda request: request.method == "GET"
    bench.simulator.knobs.latency = 2.0
    deadline = bench.clock.now() + 60
    submitting = asyncio.create_task(bench.provider.submit(question.handle, bench.code(question), deadline))
    await bench.clock.advance(1)
    await bench.provider.cancel(question.handle)
    outcome = await bench.run(submitting)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.CANCELLED


async def test_a_withdrawal_during_a_resend_closes_both_sessions() -> None:
    """A login that is given up while a new code is on its way leaves neither session open."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    await bench.clock.advance(30)
    bench.simulator.knobs.only = lambda request: request.method == "POST"
    bench.simulator.knobs.latency = 2.0
    submitting = asyncio.create_task(bench.provider.submit(question.handle, "resend", bench.clock.now() + 60))
    await bench.clock.advance(1)
    await bench.provider.cancel(question.handle)
    outcome = await bench.run(submitting)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, bench.counts["creates"]) == (FailureKind.CANCELLED, 2)
    assert bench.simulator.open_sessions() == []


@pytest.mark.parametrize("status", [429, 0])
async def test_a_code_that_surely_was_not_looked_at_is_sent_again(status: int) -> None:
    """A person whose code met a busy or unreachable server need not type it again."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    code = bench.code(question)
    submitting = asyncio.create_task(bench.provider.submit(question.handle, code, bench.clock.now() + 60))
    if status:
        bench.simulator.knobs.status_next(status, None, {"Retry-After": "3"})
    bench.transport.unreachable = not status
    await bench.clock.advance(0.5)
    bench.transport.unreachable = False
    assert await bench.run(submitting) == Approved(device=TYPED_CODE)


@pytest.mark.parametrize(("unreachable", "kind"), [(True, FailureKind.UNAVAILABLE), (False, FailureKind.RATE_LIMITED)])
async def test_patience_with_a_code_has_an_end(unreachable: bool, kind: FailureKind) -> None:
    """A person waits ten seconds at most for a server that takes no code."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = lambda request: request.method == "PUT"
    bench.simulator.knobs.retry_after("", 100)
    bench.transport.unreachable = unreachable
    before = bench.clock.now()
    outcome = await bench.submit(question, "123456")
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (kind, True)
    assert bench.clock.now() - before <= 12


async def test_an_approval_does_not_wait_for_the_goodbye() -> None:
    """A person gets in although the server then takes long; the session is closed all the same."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = lambda request: request.path.endswith("/sessions")
    bench.simulator.knobs.latency = 3.0
    before = bench.clock.now()
    assert isinstance(await bench.submit(question), Approved)
    assert bench.clock.now() - before <= 1.25
    assert len(bench.simulator.open_sessions()) == 1
    await bench.clock.advance(3)
    assert bench.simulator.open_sessions() == []
    await bench.close()


async def test_an_approval_in_the_second_of_the_deadline_counts() -> None:
    """A person whose code is verified just before the deadline gets in, and no goodbye makes it too late."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    bench.simulator.knobs.only = lambda request: request.method == "GET"
    bench.simulator.knobs.latency = 0.4
    code, deadline = bench.code(question), bench.clock.now() + 0.5
    submitting = asyncio.create_task(bench.provider.submit(question.handle, code, deadline))
    await bench.clock.advance(0.5)
    assert submitting.done()
    assert await submitting == Approved(device=TYPED_CODE)
    await bench.close()
    assert bench.simulator.open_sessions() == []


@pytest.mark.parametrize("seconds", [60.0, 400.0])
async def test_waiting_ends_with_the_deadline_or_the_code(seconds: float) -> None:
    """A front end that only waits is told at the deadline that nobody typed a code, and the session is closed."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    waiting = asyncio.create_task(bench.provider.wait(question.handle, bench.clock.now() + seconds))
    await bench.clock.advance(min(seconds, 300) - 0.5)
    assert not waiting.done()
    await bench.clock.advance(0.5)
    outcome = await waiting
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.EXPIRED, True)
    assert bench.simulator.open_sessions() == []


async def test_a_handle_of_another_provider_is_refused() -> None:
    """A handle that this provider never gave away opens nothing."""
    bench = ThreatWindsBench()
    for outcome in (
        await bench.provider.submit(Handle("x"), "123456", bench.clock.now() + 5),
        await bench.provider.wait(Handle("x"), bench.clock.now() + 5),
    ):
        assert isinstance(outcome, Failed)
        assert outcome.kind is FailureKind.PROTOCOL
    assert bench.calls() == []


async def test_a_sign_of_life_mails_nobody_and_is_shared() -> None:
    """A flood of strangers brings about one question to the server, and not a single mail."""
    bench = ThreatWindsBench()
    deadline = bench.clock.now() + 5
    assert await asyncio.gather(*[bench.provider.reach(deadline) for _ in range(50)]) == [None] * 50
    assert isinstance(await bench.provider.pretend(make_login(), deadline), NeedsCode)
    assert bench.calls() == ["GET /session"]
    assert "Authorization" not in bench.simulator.ledger.requests[0].headers
    await bench.clock.advance(5)
    await bench.provider.reach(bench.clock.now() + 5)
    assert (bench.counts["polls"], bench.counts["mails"]) == (2, 0)


@pytest.mark.parametrize("answer", [Answer(401, None), Answer(404, None), Answer(429, None), Answer(200, b"<html>")])
async def test_every_answer_is_a_sign_of_life(answer: Answer) -> None:
    """A server that answers anything but a fault of its own is there."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.faults.append(answer)
    assert await bench.provider.reach(bench.clock.now() + 5) is None


async def test_an_outage_is_noticed_without_asking() -> None:
    """A server that is down, or says that it is broken, is known to be so before anybody is mailed."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.status_next(503)
    broken = await bench.provider.reach(bench.clock.now() + 5)
    bench.transport.unreachable = True
    down = await bench.provider.reach(bench.clock.now() + 5)
    for failed in (broken, down):
        assert failed is not None
        assert (failed.kind, failed.asked) == (FailureKind.UNAVAILABLE, False)


async def test_a_look_that_takes_long_ends_for_each_who_waits() -> None:
    """A login that has little time left does not wait for the others' look at the server."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.latency = 4.0
    short = asyncio.create_task(bench.provider.reach(bench.clock.now() + 1))
    long = asyncio.create_task(bench.provider.reach(bench.clock.now() + 5))
    await bench.clock.advance(1)
    failed = await short
    assert failed is not None
    assert (failed.kind, failed.asked) == (FailureKind.UNAVAILABLE, False)
    await bench.clock.advance(3)
    assert await long is None
    assert bench.counts["polls"] == 1


async def test_no_secret_shows_in_a_question() -> None:
    """A traceback or log that shows the handle shows neither bearer nor code nor its key."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    session = bench.simulator.sessions[session_of(question.handle)]
    for text in (repr(question), repr(question.handle), repr(question.handle.attempt)):  # type: ignore[attr-defined]
        assert not any(secret in text for secret in (session.bearer, session.code, session.code_id))


async def test_closing_ends_a_look_that_is_under_way() -> None:
    """A daemon that stops while it looks for a sign of life leaves no task behind."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.latency = 4.0
    looking = asyncio.create_task(bench.provider.reach(bench.clock.now() + 5))
    await bench.clock.advance(1)
    looking.cancel()
    await bench.close()
    assert bench.transport.closed
