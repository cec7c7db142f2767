"""The person at the terminal of ``pushgate login``, on a pseudo-terminal, a pipe and a file."""

import asyncio
import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from pushgate.cli.login_terminal import PROMPT_AFTER_SECONDS, TerminalConversation
from pushgate.clock import FakeClock
from pushgate.conversation import CannotAsk


class Screen:
    """A pseudo-terminal, and the conversation at it."""

    def __init__(self) -> None:
        self.person, self.inside = os.openpty()
        self.lines: list[str] = []
        self.clock = FakeClock()
        self.conversation = TerminalConversation(self.clock, self.inside, self.lines.append)

    def types(self, text: bytes) -> None:
        """Press keys."""
        os.write(self.person, text)

    def echoes(self) -> bool:
        """Whether what is typed is shown."""
        return bool(termios.tcgetattr(self.inside)[3] & termios.ECHO)


@pytest.fixture
def screen() -> Iterator[Screen]:
    """A pseudo-terminal that is closed at the end."""
    screen = Screen()
    yield screen
    os.close(screen.person)
    os.close(screen.inside)


async def asking(screen: Screen, *, echo: bool = True) -> "asyncio.Task[str]":
    """Let the core ask, and the prompt come."""
    task = asyncio.create_task(screen.conversation.ask("Code\x1b[2J", echo=echo))
    await screen.clock.settle()
    return task


@pytest.mark.parametrize(
    ("typed", "heard"), [(b"123456\n", "123456"), (b"\n", ""), (b"\x04", "cancel"), (b"\xff\n", "\ufffd")]
)
async def test_a_line_is_heard(screen: Screen, typed: bytes, heard: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees a cleaned prompt and is heard; Ctrl-D gives up."""
    answer = await asking(screen)
    screen.types(typed)
    assert await answer == heard
    assert capsys.readouterr().err == "Code\\x1b[2J: "


async def test_two_lines_at_once_answer_two_prompts(screen: Screen) -> None:
    """A person who types ahead is heard at the next prompt."""
    screen.types(b"1\n2\n")
    assert await screen.conversation.ask("a", echo=True) == "1"
    assert await screen.conversation.ask("b", echo=True) == "2"


async def test_enter_goes_on_waiting(screen: Screen) -> None:
    """A person is asked half a second after the login began, and after Enter not any more."""
    conversation = screen.conversation
    assert (conversation.reply_by, conversation.can_ask) == (screen.clock.now() + PROMPT_AFTER_SECONDS, True)
    screen.types(b"\n")
    await conversation.ask("a", echo=True)
    assert (conversation.reply_by, conversation.can_ask) == (None, False)
    assert (conversation.ends_by, conversation.may_know, conversation.shows_at_once) == (None, True, True)


async def test_the_device_ends_a_prompt(screen: Screen) -> None:
    """A person who has answered on the device need not press Enter as well."""
    answer = await asking(screen)
    screen.types(b"12")  # without Enter
    screen.conversation.release()
    assert await answer == ""
    screen.conversation.release()
    assert screen.conversation.open_prompt == ""


async def test_secrets_are_typed_unseen(screen: Screen) -> None:
    """What must not be seen is not echoed, and the terminal is put back also when the login is given up."""
    answer = await asking(screen, echo=False)
    assert not screen.echoes()
    answer.cancel()
    await asyncio.wait([answer])
    assert screen.echoes()
    answer = await asking(screen)
    assert screen.echoes()
    screen.types(b"\n")
    await answer


async def test_a_terminal_that_is_gone(screen: Screen) -> None:
    """A person whose terminal has gone has given up."""
    answer = await asking(screen)
    os.close(screen.person)
    assert await answer == "cancel"
    screen.person = os.dup(0)


async def test_what_the_core_tells_is_shown(screen: Screen) -> None:
    """A person sees what the core tells among the steps."""
    await screen.conversation.tell("Type 42 on your device to approve.")
    assert screen.lines == ["Type 42 on your device to approve."]


async def test_a_prompt_comes_back_below_a_line(screen: Screen, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees the open prompt below each line that comes in between, and nothing once it has been answered."""
    answer = await asking(screen)
    screen.conversation.hide_prompt()
    screen.conversation.show_prompt()
    screen.types(b"\n")
    await answer
    screen.conversation.hide_prompt()
    screen.conversation.show_prompt()
    assert capsys.readouterr().err == "Code\\x1b[2J: \nCode\\x1b[2J: "


async def test_a_pipe_gives_the_codes_that_are_needed(private_folder: Path) -> None:
    """A script hands codes in line by line; at the end there is nobody to ask, and no prompt while a device rings."""
    inside, script = os.pipe()
    try:
        conversation = TerminalConversation(FakeClock(), inside, print)
        assert (conversation.reply_by, conversation.can_ask) == (None, False)
        os.write(script, b"123456\n654321")
        os.close(script)
        assert await conversation.ask("a", echo=False) == "123456"
        assert await conversation.ask("a", echo=True) == "654321"
        with pytest.raises(CannotAsk):
            await conversation.ask("a", echo=True)
    finally:
        os.close(inside)


@pytest.fixture
def nothing() -> Iterator[int]:
    """Standard input of a program that has none."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


@pytest.fixture
def file(private_folder: Path) -> Iterator[int]:
    """A file of codes, whose last line has no end."""
    path = private_folder / "codes"
    path.write_bytes(b"123456\r\n" + b"1" * 5000)
    descriptor = os.open(path, os.O_RDONLY)
    yield descriptor
    os.close(descriptor)


async def test_a_file_is_read_like_a_pipe(file: int) -> None:
    """A script can hand codes in from a file; a line without end is cut."""
    conversation = TerminalConversation(FakeClock(), file, print)
    assert await conversation.ask("a", echo=True) == "123456"
    assert len(await conversation.ask("a", echo=True)) < 2048


async def test_nothing_to_read(nothing: int) -> None:
    """A script without standard input has nobody who could type a code."""
    with pytest.raises(CannotAsk):
        await TerminalConversation(FakeClock(), nothing, print).ask("a", echo=True)
