import asyncio

import pytest

from pam_module.conversation import PamConversation
from pam_module.protocol import encode
from pushgate.conversation import CannotAsk
from pushgate.errors import BadMessageError


class Wire:
    """What was sent."""

    def __init__(self, *, silent: bool = False) -> None:
        self.sent: list[bytes] = []
        self.conversation = PamConversation(self.sent.append, 1060.0, silent=silent)


async def test_tell() -> None:
    """Text goes out as an information frame; the deadline is the one that was given."""
    wire = Wire()
    await wire.conversation.tell("Push sent")
    assert wire.sent == [encode(b"I", b"Push sent")]
    assert wire.conversation.reply_by == 1060.0


async def test_silence() -> None:
    """A silent conversation shows no text, but still asks."""
    wire = Wire(silent=True)
    await wire.conversation.tell("Push sent")
    asking = asyncio.create_task(wire.conversation.ask("Code: ", echo=True))
    await asyncio.sleep(0)
    wire.conversation.answer(b"123456")
    assert (await asking, wire.sent) == ("123456", [encode(b"Q", b"Code: ")])


async def test_hidden_prompt() -> None:
    """A question without echo is the other kind of prompt."""
    wire = Wire()
    asking = asyncio.create_task(wire.conversation.ask("PIN: ", echo=False))
    await asyncio.sleep(0)
    wire.conversation.answer(b"")
    assert (await asking, wire.sent) == ("", [encode(b"P", b"PIN: ")])


@pytest.mark.parametrize("payload", [b"1", b""])
async def test_answer_without_prompt(payload: bytes) -> None:
    """An answer that nobody asked for breaks the protocol."""
    with pytest.raises(BadMessageError, match="answer_without_prompt"):
        Wire().conversation.answer(payload)


async def test_answer_with_nul() -> None:
    """An answer that holds a NUL breaks the protocol, and is handed to nobody."""
    wire = Wire()
    asking = asyncio.create_task(wire.conversation.ask("Code: ", echo=True))
    await asyncio.sleep(0)
    with pytest.raises(BadMessageError, match="NUL"):
        wire.conversation.answer(b"12\x0034")
    assert not asking.done()
    asking.cancel()


async def test_one_prompt_at_a_time() -> None:
    """While a prompt is open there is no second one, also after the core has stopped waiting for it."""
    wire = Wire()
    asking = asyncio.create_task(wire.conversation.ask("Code: ", echo=True))
    await asyncio.sleep(0)
    asking.cancel()
    with pytest.raises(CannotAsk):
        await wire.conversation.ask("Again: ", echo=True)
    wire.conversation.answer(b"dropped")
    await wire.conversation.settled()
    assert wire.sent == [encode(b"Q", b"Code: ")]


async def test_three_prompts() -> None:
    """The fourth prompt is refused: the module would break off."""
    wire = Wire()
    for _ in range(3):
        asking = asyncio.create_task(wire.conversation.ask("Code: ", echo=True))
        await asyncio.sleep(0)
        wire.conversation.answer(b"0")
        await asking
    with pytest.raises(CannotAsk):
        await wire.conversation.ask("Code: ", echo=True)


async def test_frames_are_limited() -> None:
    """However much the core tells, the module gets no more frames than it reads, the result included."""
    wire = Wire()
    for number in range(100):
        await wire.conversation.tell(f"line {number}")
    assert len(wire.sent) == 63
