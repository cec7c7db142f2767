"""Asking, waiting and withdrawing, beside what the authenticator's tests show of it."""

import asyncio

import pytest

from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, Outcome
from pushgate.question import Chosen, Question, begin_question
from pushgate.waiting import Waiting
from pushgate.words import Words
from tests.support.core import Core, RecordingConversation, make_login


async def wait(core: Core, deadline: float, conversation: RecordingConversation | None = None) -> Outcome | Chosen:
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


def asking(core: Core, *typed: str, reply_by: float = 0.0, can_ask: bool = True) -> RecordingConversation:
    """Return a front end that must speak after so many seconds and has these lines typed."""
    return RecordingConversation(core.clock.now() + reply_by, list(typed), can_ask=can_ask)


async def begun(core: Core) -> Core:
    """Begin the first question."""
    await begin_question(core.provider, make_login(), core.clock.now() + 60)
    return core


def start(
    core: Core, conversation: RecordingConversation, *, seconds: float = 60, question: Question | None = None
) -> asyncio.Task[Outcome | Chosen]:
    """Begin to wait for the first question."""
    question = question or Question(core.provider, make_login(), Handle("s1"))
    waiting = Waiting(question, conversation, core.clock.now() + seconds, core.clock, Words())
    return asyncio.create_task(waiting.outcome())


async def test_a_front_end_that_must_speak_asks() -> None:
    """A front end whose time has come asks, and the same question goes on until the person approves."""
    core = await begun(Core())
    conversation = asking(core, reply_by=28)
    waiting = start(core, conversation)
    await core.clock.advance(27.9)
    assert conversation.asked == []
    await core.clock.advance(0.1)
    assert conversation.asked == [Words().push_or_code]
    assert not waiting.done()
    waiting.cancel()
    await core.settle()
    assert core.provider.calls[-1] == "cancel s1"


async def test_a_moment_to_speak_that_moves() -> None:
    """A front end that got more time meanwhile asks when that is over, not at the first moment."""
    core = await begun(Core())
    conversation = asking(core, reply_by=28)
    waiting = start(core, conversation)
    await core.clock.advance(20)
    conversation.deadline = core.clock.now() + 28
    await core.clock.advance(27.9)
    assert conversation.asked == []
    await core.clock.advance(0.2)
    assert len(conversation.asked) == 1
    waiting.cancel()
    await core.settle()


async def test_a_moment_that_is_past() -> None:
    """A front end whose time is over already asks at once, once, and the device still counts."""
    core = await begun(Core())
    conversation = asking(core, "", reply_by=-5)
    waiting = start(core, conversation)
    await core.settle()
    assert conversation.asked == [Words().push_or_code] * 2
    waiting.cancel()
    await core.settle()


@pytest.mark.parametrize("typed", ["", "ok", "hello", "sms"])
async def test_other_text_goes_on_waiting(typed: str) -> None:
    """A person who presses Enter after approving is let in; whatever else was typed costs nothing."""
    core = await begun(Core())
    core.provider.answer("s1", Approved("phone"))
    conversation = asking(core, typed, reply_by=-1)
    assert await start(core, conversation) == Approved("phone")
    assert core.provider.submitted == []


async def test_a_denial_on_the_device_beats_a_code() -> None:
    """A person who denies on the device stops whoever types a right code at the login; the code is not even checked."""
    core = await begun(Core())
    conversation = asking(core, reply_by=10)
    waiting = start(core, conversation)

    async def ask(prompt: str, *, echo: bool) -> str:
        core.provider.answer("s1", Denied())
        await core.settle()
        return "123456"

    conversation.ask = ask  # type: ignore[method-assign]
    await core.clock.advance(10)
    assert await waiting == Denied()
    assert core.provider.submitted == []


async def test_cancel_beats_an_approval() -> None:
    """A person who gives the login up is not let in by an approval, which is taken back."""
    core = await begun(Core())
    conversation = asking(core, reply_by=10)
    waiting = start(core, conversation)

    async def ask(prompt: str, *, echo: bool) -> str:
        core.provider.answer("s1", Approved())
        await core.settle()
        return "cancel"

    conversation.ask = ask  # type: ignore[method-assign]
    await core.clock.advance(10)
    assert await waiting == Failed(FailureKind.GIVEN_UP, asked=True)
    assert core.provider.calls[-1] == "cancel s1"


async def test_a_right_code_withdraws_the_question() -> None:
    """A person who types a right code is let in by it, and the device stops ringing."""
    core = await begun(Core())
    core.provider.code_answers = [Failed(FailureKind.BAD_CODE, asked=True), Approved()]
    conversation = asking(core, "111111", "222222", reply_by=-1)
    assert await start(core, conversation) == Approved("code")
    assert (core.provider.submitted, core.provider.calls[-1]) == (["111111", "222222"], "cancel s1")


async def test_three_wrong_codes() -> None:
    """A person who types three wrong codes is rejected; other text between them costs no try."""
    core = await begun(Core())
    core.provider.code_answers = [Failed(FailureKind.BAD_CODE, asked=True)] * 3
    conversation = asking(core, "111111", "", "222222", "hello", "333333", reply_by=-1)
    question = Question(core.provider, make_login(), Handle("s1"), "42")
    assert await start(core, conversation, question=question) == Failed(FailureKind.BAD_CODE, asked=True)
    plain = Words().question("42")
    again = f"Wrong code. {plain}"
    assert conversation.asked == [plain, again, plain, again, plain]
    assert core.provider.calls[-1] == "cancel s1"


@pytest.mark.parametrize("asked", [True, False])
async def test_an_outage_at_the_code_never_fails_open(asked: bool) -> None:
    """A provider that goes away while a question is out has asked the person, whatever it says of the code."""
    core = await begun(Core())
    core.provider.code_answers = [Failed(FailureKind.UNAVAILABLE, asked)]
    outcome = await start(core, asking(core, "123456", reply_by=-1))
    assert outcome == Failed(FailureKind.UNAVAILABLE, asked=True)


async def test_an_outage_at_the_code_of_a_person_who_was_not_asked_never_fails_open() -> None:
    """A login that only looks as if somebody was asked ends as one in which somebody was."""
    core = Core(Failed(FailureKind.UNAVAILABLE, asked=False))
    question = Question(core.provider, make_login())
    outcome = await start(core, asking(core, "123456", reply_by=-1), question=question)
    assert outcome == Failed(FailureKind.UNAVAILABLE, asked=True)


async def test_a_broken_provider_is_still_told_to_stop() -> None:
    """A provider whose wait breaks while a right code is typed has its question withdrawn."""
    core = await begun(Core())
    core.provider.code_answers = [Approved()]
    conversation = asking(core, "123456", reply_by=1)

    async def wait(handle: Handle, deadline: float) -> Failed:
        await core.clock.sleep(1)
        raise RuntimeError

    core.provider.wait = wait  # type: ignore[method-assign]

    async def submit(handle: Handle, code: str, deadline: float) -> Approved:
        await core.clock.sleep(1)
        return Approved()

    core.provider.submit = submit  # type: ignore[method-assign]
    conversation.deadline = core.clock.now() + 0.5
    waiting = start(core, conversation)
    await core.clock.advance(3)
    assert await waiting == Approved("code")
    assert core.provider.calls[-1] == "cancel s1"


@pytest.mark.parametrize("seconds", [0.2, 0.49])
async def test_the_last_look(seconds: float) -> None:
    """A front end that can only reject lets the provider have its last look, which may still find an approval."""
    core = await begun(Core())
    conversation = asking(core, reply_by=28, can_ask=False)

    async def wait(handle: Handle, deadline: float) -> Approved:
        await core.clock.sleep(28 + seconds)
        return Approved("phone")

    core.provider.wait = wait  # type: ignore[method-assign]
    waiting = start(core, conversation, seconds=28)
    await core.clock.advance(28.5)
    assert await waiting == Approved("phone")


async def test_every_time_out_at_the_same_moment() -> None:
    """The front end's moment, the provider's deadline and the login's own end may be one: that denies and withdraws."""
    core = await begun(Core())

    async def wait(handle: Handle, deadline: float) -> Failed:
        await core.clock.sleep(60)
        raise AssertionError

    core.provider.wait = wait  # type: ignore[method-assign]
    waiting = start(core, asking(core, reply_by=28, can_ask=False), seconds=28)
    await core.clock.advance(28.5)
    assert await waiting == Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")
    assert core.provider.calls == ["begin alice", "cancel s1"]


@pytest.mark.parametrize("handle", [Handle("s1"), None], ids=["ignored", "nobody to ask"])
@pytest.mark.parametrize("can_ask", [True, False])
async def test_an_ignored_question_ends_when_one_without_a_person_does(handle: Handle | None, can_ask: bool) -> None:
    """A stranger with a stopwatch cannot tell an ignored person from one who could not be asked."""
    core = await begun(Core())
    core.provider.cancel_seconds = 0.3
    conversation = asking(core, reply_by=28 if not can_ask else 100, can_ask=can_ask)
    waiting = start(core, conversation, seconds=28, question=Question(core.provider, make_login(), handle))
    ended: list[float] = []
    waiting.add_done_callback(lambda _: ended.append(core.clock.now()))
    before = core.clock.now()
    await core.clock.advance(60)
    assert ended == [before + 28.5]
    assert isinstance(await waiting, Failed)
