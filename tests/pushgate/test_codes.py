"""Asking for codes, beside what the authenticator's tests show of it."""

import asyncio

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.codes import AskingCode
from pushgate.conversation import NotAnswered
from pushgate.login import Method
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.question import Chosen, Question
from pushgate.words import Words
from tests.support.core import Core, RecordingConversation, make_login

NEEDED = NeedsCode(Handle("s1"), "Code sent to j***@example.com")


async def asked(
    core: Core, conversation: RecordingConversation, ways: frozenset[str] = frozenset()
) -> Outcome | Chosen:
    """What comes of a question that a code answers."""
    question = Question(core.provider, make_login(), Handle("s1"))
    deadline = core.clock.now() + 60
    return await AskingCode(question, NEEDED, conversation, deadline, core.clock, Words(), ways).answer()


async def test_a_new_code_is_no_wrong_one() -> None:
    """A person who has new codes sent is asked again without blame, and all three tries are left."""
    core = Core()
    new = NeedsCode(Handle("s2"), "New code sent", resent=True)
    wrong = Failed(FailureKind.BAD_CODE, asked=True)
    core.provider.code_answers = [new, new, wrong, wrong, Approved()]
    conversation = RecordingConversation(typed=["resend", "resend", "111111", "222222", "333333"])
    assert await asked(core, conversation) == Approved(device="code")
    assert conversation.asked == [
        "Code sent to j***@example.com",
        "New code sent",
        "New code sent",
        "Wrong code. New code sent",
        "Wrong code. New code sent",
    ]


async def test_the_latest_question_is_withdrawn() -> None:
    """A login that gives up after a new code was sent takes the new question back."""
    core = Core()
    core.provider.code_answers = [NeedsCode(Handle("s2"), "New code sent", resent=True)]
    outcome = await asked(core, RecordingConversation(typed=["resend", "cancel"]))
    assert outcome == Failed(FailureKind.GIVEN_UP, asked=True)
    assert core.provider.calls == ["cancel s2"]


async def test_new_codes_have_an_end() -> None:
    """A provider that sends new codes for ever is asked eight times, and the login is rejected."""
    core = Core()
    core.provider.code_answers = [NeedsCode(Handle("s1"), "again", resent=True)] * 20
    outcome = await asked(core, RecordingConversation(typed=["resend"] * 20))
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.BAD_CODE
    assert len(core.provider.submitted) == 8


async def test_another_way() -> None:
    """A person who names a way that was offered gets it, and the first question is withdrawn."""
    core = Core()
    conversation = RecordingConversation(typed=["SMS42"])
    assert await asked(core, conversation, frozenset({"sms", "email", "number"})) == Chosen(Method("sms42"))
    assert conversation.asked == ["Code sent to j***@example.com. Other ways: email, sms"]
    assert core.provider.calls == ["cancel s1"]


async def test_a_way_that_is_not_offered_is_a_wrong_code() -> None:
    """A person who names a way that there is none of has typed no code."""
    core = Core()
    core.provider.code_answers = [Failed(FailureKind.BAD_CODE, asked=True), Denied()]
    assert await asked(core, RecordingConversation(typed=["sms", "123456"])) == Denied()
    assert core.provider.calls == []


async def test_a_prompt_is_cleaned() -> None:
    """A provider whose prompt holds control characters or a novel shows neither."""
    core = Core()
    core.provider.code_answers = [Denied()]
    conversation = RecordingConversation(typed=["1"])
    question = Question(core.provider, make_login(), Handle("s1"))
    needed = NeedsCode(Handle("s1"), "Code\x1b[2J\n" + "x" * 900)
    await AskingCode(question, needed, conversation, core.clock.now() + 60, core.clock, Words()).answer()
    assert conversation.asked[0].isprintable()
    assert len(conversation.asked[0]) < 200


class Silent(RecordingConversation):
    """Asks, and nobody answers in time."""

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        raise NotAnswered("the challenge was not answered")


@pytest.mark.parametrize(
    ("conversation", "kind", "lines"),
    [
        (Silent(), FailureKind.EXPIRED, []),
        (RecordingConversation(), FailureKind.PROTOCOL, [("code_not_asked", "alice", "sshd")]),
    ],
    ids=["not answered", "no place to ask"],
)
async def test_no_answer(
    conversation: RecordingConversation, kind: FailureKind, lines: list[tuple[str, str, str]]
) -> None:
    """A person who does not answer is too late; an appliance that cannot ask is set up wrongly, and the log says so."""
    core = Core()
    with capture_logs() as logs:
        outcome = await asked(core, conversation)
    assert [(line["event"], line["user"], line["service"]) for line in logs] == lines
    assert all("two_attempts" in line["hint"] for line in logs)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (kind, True)
    assert core.provider.calls == ["cancel s1"]


async def test_a_cancelled_question_is_withdrawn() -> None:
    """A front end that goes away while a code is awaited leaves no question behind."""
    core = Core()
    asking = asyncio.create_task(asked(core, RecordingConversation(typed=[])))
    await core.settle()
    asking.cancel()
    await core.settle()
    assert asking.cancelled()
    assert core.provider.calls == ["cancel s1"]


async def test_a_new_code_in_the_same_way() -> None:
    """A person sees that the code can be sent again, may name the way for it, and is not blamed for asking too soon."""
    core = Core()
    core.provider.code_answers = [
        NeedsCode(Handle("s1"), "Wait. Code sent", wrong=False),
        NeedsCode(Handle("s1"), "New code sent", resent=True),
        Approved(),
    ]
    conversation = RecordingConversation(typed=["resend", "email", "123456"])
    question = Question(core.provider, make_login(), Handle("s1"))
    needed = NeedsCode(Handle("s1"), "Code sent", way="email")
    ways = frozenset({"email", "sms"})
    asking = AskingCode(question, needed, conversation, core.clock.now() + 60, core.clock, Words(), ways)
    assert await asking.answer() == Approved(device="code")
    assert core.provider.submitted == ["resend", "resend", "123456"]
    assert conversation.asked == [
        "Code sent. Other ways: resend, sms",
        "Wait. Code sent. Other ways: resend, sms",
        "New code sent. Other ways: resend, sms",
    ]
