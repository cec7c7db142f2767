"""One question: begun to the end, withdrawn to the end, with codes tried for it."""

import asyncio
import re

import pytest

from pushgate.login import Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, Outcome
from pushgate.question import Question, begin_question, is_offered, pretend_to_ask
from tests.support.core import Core, make_login


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


async def test_codes_are_ascii() -> None:
    """A code of other characters is wrong without any provider having seen it."""
    core = Core()
    question = Question(core.provider, make_login(), Handle("s1"))
    wrong = Failed(FailureKind.BAD_CODE, asked=True)
    assert await question.submit(Secret("12345é".encode()), core.clock.now() + 5) == wrong
    assert core.provider.submitted == []


def test_pretending() -> None:
    """A question that nobody gets shows a number exactly where a real one would."""
    core = Core()
    drawn = {pretend_to_ask(core.provider, make_login(factor=Push(draw_number=True))).number for _ in range(200)}
    assert all(re.fullmatch("[0-9]{2}", number) for number in drawn)
    assert len(drawn) > 20
    for factor in (Push(), Push(Secret(b"57"))):
        assert pretend_to_ask(core.provider, make_login(factor=factor)).number == ""


def test_offered_ways() -> None:
    """Only a word that the provider knows changes the way, with the digits of a telephone number behind it."""
    ways = frozenset({"sms", "number"})
    assert is_offered(Method("sms"), ways)
    assert is_offered(Method("sms1234"), ways)
    assert not is_offered(Method("email"), ways)
    assert not is_offered(Method("2"), ways)
    assert not is_offered(Push(), ways)
