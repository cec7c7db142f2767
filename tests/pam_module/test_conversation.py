import asyncio

import pytest

from pam_module.conversation import PamConversation, RefusedBySshdError
from pam_module.protocol import encode
from pam_module.styles import Style
from pushgate.conversation import CannotAsk
from pushgate.errors import BadMessageError


class Wire:
    """What was sent."""

    def __init__(self, style: Style = Style.TEXT, *, may_know: bool = False) -> None:
        self.sent: list[bytes] = []
        self.conversation = PamConversation(self.sent.append, style, began=1000.0, ends=1060.0, may_know=may_know)

    async def asks(self, *, echo: bool = True) -> "asyncio.Task[str]":
        """Let the core ask."""
        asking = asyncio.create_task(self.conversation.ask("Code", echo=echo))
        await asyncio.sleep(0)
        return asking


async def test_tell() -> None:
    """Text goes out as an information frame, a refusal as an error; the deadline is the one that was given."""
    wire = Wire()
    await wire.conversation.tell("Push sent")
    wire.conversation.tell_refusal("Denied")
    assert wire.sent == [encode(b"I", b"Push sent"), encode(b"E", b"Denied")]
    assert (wire.conversation.reply_by, wire.conversation.ends_by, wire.conversation.can_ask) == (1060.0, 1060.0, False)
    assert wire.conversation.shows_at_once


async def test_tell_aside() -> None:
    """What sudo and su show is an error message: these go to standard error, and the command's output stays its own."""
    wire = Wire(Style.ASIDE)
    await wire.conversation.tell("Push sent")
    assert wire.sent == [encode(b"E", b"Push sent")]
    assert wire.conversation.shows_at_once


async def test_silence() -> None:
    """A silent conversation shows no text and asks nothing, whoever is there."""
    wire = Wire(Style.SILENT, may_know=True)
    await wire.conversation.tell("Push sent")
    wire.conversation.tell_refusal("Denied")
    with pytest.raises(CannotAsk):
        await wire.conversation.ask("Code", echo=True)
    assert wire.sent == []
    assert (wire.conversation.shows_at_once, wire.conversation.may_know, wire.conversation.can_ask) == (False,) * 3


async def test_prompt() -> None:
    """The prompt is due half a second after the beginning; once Enter was pressed, nothing is asked again."""
    wire = Wire(Style.PROMPT)
    await wire.conversation.tell("held back by sshd")
    assert (wire.conversation.reply_by, wire.conversation.can_ask, wire.conversation.shows_at_once) == (
        1000.5,
        True,
        True,
    )
    asking = await wire.asks()
    wire.conversation.answer(b"")
    assert (await asking, wire.sent) == ("", [encode(b"Q", b"Code: ")])
    assert (wire.conversation.reply_by, wire.conversation.can_ask) == (1060.0, False)


async def test_prompt_after_a_typed_line() -> None:
    """Another line than Enter leaves the prompt to be shown again, as often as the module allows; then we wait."""
    wire = Wire(Style.PROMPT)
    for left in (2, 1, 0):
        asking = await wire.asks()
        wire.conversation.answer(b"123456")
        assert await asking == "123456"
        assert wire.conversation.can_ask is (left > 0)
    assert wire.conversation.reply_by == 1060.0


@pytest.mark.parametrize("typed", [1, 2, 3, 5, 13, 14, 40])
async def test_sshds_own_answer(typed: int) -> None:
    """What sshd answers for a user whom it will refuse is recognised, however much was typed."""
    wire = Wire(Style.PROMPT)
    asking = await wire.asks()
    junk = b"\b\n\r\177INCORRECT"
    with pytest.raises(RefusedBySshdError):
        wire.conversation.answer((junk * 4)[:typed])
    assert not asking.done()
    asking.cancel()


@pytest.mark.parametrize("typed", [b"", b"INCORRECT", b"123456", b"\n", b"\b\n\r123456", b"\x7f"])
async def test_a_persons_answer(typed: bytes) -> None:
    """What a person types is never taken for sshd's."""
    wire = Wire(Style.PROMPT)
    asking = await wire.asks()
    wire.conversation.answer(typed)
    assert await asking == typed.decode()


async def test_hidden_prompt() -> None:
    """A question without echo is the other kind of prompt."""
    wire = Wire()
    asking = await wire.asks(echo=False)
    wire.conversation.answer(b"")
    assert (await asking, wire.sent) == ("", [encode(b"P", b"Code: ")])


@pytest.mark.parametrize("payload", [b"1", b""])
async def test_answer_without_prompt(payload: bytes) -> None:
    """An answer that nobody asked for breaks the protocol."""
    with pytest.raises(BadMessageError, match="answer_without_prompt"):
        Wire().conversation.answer(payload)


async def test_answer_with_nul() -> None:
    """An answer that holds a NUL breaks the protocol, and is handed to nobody."""
    wire = Wire()
    asking = asyncio.create_task(wire.conversation.ask("Code", echo=True))
    await asyncio.sleep(0)
    with pytest.raises(BadMessageError, match="NUL"):
        wire.conversation.answer(b"12\x0034")
    assert not asking.done()
    asking.cancel()


async def test_one_prompt_at_a_time() -> None:
    """While a prompt is open there is no second one, also after the core has stopped waiting for it."""
    wire = Wire()
    asking = asyncio.create_task(wire.conversation.ask("Code", echo=True))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(CannotAsk):
        await wire.conversation.ask("Again", echo=True)
    wire.conversation.answer(b"dropped")
    await wire.conversation.settled()
    assert wire.sent == [encode(b"Q", b"Code: ")]


async def test_three_prompts() -> None:
    """The fourth prompt is refused: the module would break off."""
    wire = Wire()
    for _ in range(3):
        asking = asyncio.create_task(wire.conversation.ask("Code", echo=True))
        await asyncio.sleep(0)
        wire.conversation.answer(b"0")
        await asking
    with pytest.raises(CannotAsk):
        await wire.conversation.ask("Code", echo=True)


async def test_frames_are_limited() -> None:
    """However much the core tells, the module gets no more frames than it reads, the result included."""
    wire = Wire()
    for number in range(100):
        await wire.conversation.tell(f"line {number}")
    assert len(wire.sent) == 63
