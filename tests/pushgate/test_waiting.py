"""Asking, waiting and withdrawing, beside what the authenticator's tests show of it."""

import asyncio

import pytest

from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, Outcome
from pushgate.waiting import Question, Waiting, begin_question
from pushgate.words import Words
from tests.support.core import Core, RecordingConversation, make_login


async def wait(core: Core, deadline: float, conversation: RecordingConversation | None = None) -> Outcome:
    """Wait for the first question."""
    question = Question(core.provider, make_login(), Handle("s1"))
    return await Waiting(question, conversation or RecordingConversation(), deadline, core.clock, Words()).outcome()


async def test_an_answer_is_not_withdrawn() -> None:
    """A question that the person has answered is left as it is."""
    core = Core()
    await begin_question(core.provider, make_login(), core.clock.now() + 60)
    core.provider.answer("s1", Denied())
    deadline = core.clock.now() + 60
    assert await wait(core, deadline) == Denied()
    assert "cancel s1" not in core.provider.calls


async def test_a_failure_while_waiting_is_withdrawn() -> None:
    """A question whose provider failed is taken back as far as possible."""
    core = Core()
    await begin_question(core.provider, make_login(), core.clock.now() + 60)
    failure = Failed(FailureKind.PROTOCOL, asked=True)
    core.provider.answer("s1", failure)
    deadline = core.clock.now() + 60
    assert await wait(core, deadline) == failure
    assert core.provider.calls[-1] == "cancel s1"


@pytest.mark.parametrize("outcome", [Approved(), Failed(FailureKind.UNAVAILABLE, asked=False)])
async def test_a_cancelled_begin_that_asked_nobody_withdraws_nothing(outcome: Outcome) -> None:
    """A login that is cancelled during a create which opened no session has nothing to take back."""
    core = Core(outcome)
    core.provider.begin_seconds = 1
    beginning = asyncio.create_task(begin_question(core.provider, make_login(), core.clock.now() + 60))
    await core.settle()
    beginning.cancel()
    await core.clock.advance(2)
    assert beginning.cancelled()
    assert core.provider.calls == ["begin alice"]


async def test_a_cancelled_begin_that_failed_keeps_the_cancellation() -> None:
    """A login that is cancelled during a create which broke is cancelled, not broken."""
    core = Core(lambda _login: (_ for _ in ()).throw(RuntimeError()))
    core.provider.begin_seconds = 1
    beginning = asyncio.create_task(begin_question(core.provider, make_login(), core.clock.now() + 60))
    await core.settle()
    beginning.cancel()
    await core.clock.advance(2)
    assert beginning.cancelled()


async def test_a_withdrawal_is_carried_out_although_its_caller_is_cancelled() -> None:
    """A withdrawal that has begun ends, whatever happens to the one who ordered it."""
    core = Core()
    core.provider.cancel_seconds = 1
    withdrawing = asyncio.create_task(Question(core.provider, make_login(), Handle("s1")).withdraw())
    await core.settle()
    withdrawing.cancel()
    await core.settle()
    assert not withdrawing.done()
    await core.clock.advance(1.1)
    assert withdrawing.done()
