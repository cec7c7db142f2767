"""The person at the terminal of ``pushgate login``: sees prompts on standard error, and is heard on standard input."""

import asyncio
import os
import sys
import termios
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from typing_extensions import override

from pushgate.clock import Clock
from pushgate.conversation import CannotAsk, Conversation
from pushgate.factors import CANCEL_WORD
from pushgate.text import clean

PROMPT_AFTER_SECONDS = 0.5
"""As at sshd, where a prompt that comes sooner would tell whether there was somebody to ask."""
LONGEST_LINE = 1024
CLEAR_LINE = "\r\x1b[K"


class TerminalConversation(Conversation):
    """Asks as sshd does: Enter goes on waiting, ``cancel`` gives up, digits are a code.

    Unlike at sshd a prompt ends by itself once the device has answered. Where standard input is no terminal nobody is
    asked while a device rings; a code that is needed is read from there all the same.
    """

    def __init__(self, clock: Clock, descriptor: int, show: Callable[[str], None]) -> None:
        """Take where to read from.

        Args:
            clock: Time.
            descriptor: Standard input.
            show: Shows a line that is no prompt.
        """
        self.clock, self.descriptor, self.show = clock, descriptor, show
        self.on_terminal = os.isatty(descriptor)
        self.prompt_at: float | None = clock.now() + PROMPT_AFTER_SECONDS if self.on_terminal else None
        self.buffer = b""
        self.open_prompt = ""
        """What is being asked now."""
        self.ready: asyncio.Future[None] | None = None
        self.released = False

    @property
    @override
    def reply_by(self) -> float | None:
        return self.prompt_at

    @property
    @override
    def can_ask(self) -> bool:
        return self.prompt_at is not None

    @property
    @override
    def ends_by(self) -> None:
        return None

    @property
    @override
    def may_know(self) -> bool:
        return True

    @property
    @override
    def shows_at_once(self) -> bool:
        return True

    @override
    async def tell(self, text: str) -> None:
        self.show(text)

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        self.open_prompt, self.released = f"{clean(prompt, 256)}: ", False
        self.show_prompt()
        try:
            with silent(self.descriptor, echo=echo or not self.on_terminal):
                line = await self.read_line()
        finally:
            self.open_prompt = ""
        if not line and not self.on_terminal:
            raise CannotAsk("standard input has ended")
        if not line.strip(b"\r\n"):
            self.prompt_at = None
        # The end of what a terminal gives is a person's Ctrl-D.
        return line.decode("utf-8", "replace").strip("\r\n") if line else CANCEL_WORD

    def show_prompt(self) -> None:
        """Show what is being asked, once more after a line that came in between."""
        if self.open_prompt:
            with suppress(OSError, ValueError):
                sys.stderr.write(self.open_prompt)
                sys.stderr.flush()

    def hide_prompt(self) -> None:
        """Make room for a line in the place of an open prompt."""
        if self.open_prompt:
            with suppress(OSError, ValueError):
                sys.stderr.write(CLEAR_LINE if sys.stderr.isatty() else "\n")
                sys.stderr.flush()

    def release(self) -> None:
        """End an open prompt as Enter does: the device has answered."""
        if self.open_prompt:
            self.hide_prompt()
            self.open_prompt, self.released = "", True
            self.wake()

    def wake(self) -> None:
        """Let the reader look: there is something to read, or no need to."""
        if self.ready is not None and not self.ready.done():
            self.ready.set_result(None)

    async def read_line(self) -> bytes:
        """Wait for a line; one without its end was the last, and nothing means that there is none."""
        while b"\n" not in self.buffer and len(self.buffer) < LONGEST_LINE:
            await self.readable()
            if self.released:
                return b"\n"
            content = read_now(self.descriptor)
            if not content:
                break
            self.buffer += content
        line, end, self.buffer = self.buffer.partition(b"\n")
        return line + end

    async def readable(self) -> None:
        """Wait until there is something to read; in a file, which cannot be waited for, there always is."""
        loop = asyncio.get_running_loop()
        self.ready = loop.create_future()
        try:
            loop.add_reader(self.descriptor, self.wake)
        except PermissionError:
            return
        try:
            await self.ready
        finally:
            loop.remove_reader(self.descriptor)


def read_now(descriptor: int) -> bytes:
    """Read what is there; nothing also where the terminal has gone."""
    try:
        return os.read(descriptor, LONGEST_LINE)
    except OSError:
        return b""


@contextmanager
def silent(descriptor: int, *, echo: bool) -> Iterator[None]:
    """Let a terminal not show what is typed, unless ``echo``; it is put back on every way out."""
    if echo:
        yield
        return
    before = termios.tcgetattr(descriptor)
    hidden = [*before]
    hidden[3] &= ~termios.ECHO
    termios.tcsetattr(descriptor, termios.TCSADRAIN, hidden)
    try:
        yield
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
