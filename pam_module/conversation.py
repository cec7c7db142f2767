"""The core's conversation with the person, as frames to the module."""

import asyncio
from collections.abc import Callable

from typing_extensions import override

from pam_module.protocol import INFO, PROMPT_HIDDEN, PROMPT_SHOWN, encode_text
from pushgate.conversation import CannotAsk, Conversation
from pushgate.errors import BadMessageError

MAX_FRAMES = 64
"""What the module reads in one call, the result included."""
MAX_PROMPTS = 3


class PamConversation(Conversation):
    """Shows text and asks through the module; at most one prompt is open at a time."""

    def __init__(self, send: Callable[[bytes], None], reply_by: float, *, silent: bool) -> None:
        """Take a way to send bytes.

        Args:
            send: Must not wait.
            reply_by: Seconds of ``Clock.now``.
            silent: Show no text. OpenSSH up to 10.2 holds text back until a prompt or the end, when it is stale.
        """
        self.send, self.deadline, self.silent = send, reply_by, silent
        self.frames_left, self.prompts_left = MAX_FRAMES - 1, MAX_PROMPTS
        self.prompt: asyncio.Future[str] | None = None
        self.no_prompt = asyncio.Event()
        self.no_prompt.set()

    @property
    @override
    def reply_by(self) -> float | None:
        return self.deadline

    @property
    @override
    def can_ask(self) -> bool:
        # The login program waits as long as the core does: there is no moment at which it must hear something.
        return False

    @property
    @override
    def shows_at_once(self) -> bool:
        return False

    @override
    async def tell(self, text: str) -> None:
        if not self.silent and self.frames_left:
            self.frames_left -= 1
            self.send(encode_text(INFO, text))

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        if self.prompt or not self.prompts_left or not self.frames_left:
            raise CannotAsk("a prompt is open, or as many have been shown as the module allows")
        self.prompts_left -= 1
        self.frames_left -= 1
        self.prompt = asyncio.get_running_loop().create_future()
        self.no_prompt.clear()
        self.send(encode_text(PROMPT_SHOWN if echo else PROMPT_HIDDEN, prompt))
        return await self.prompt

    def answer(self, payload: bytes) -> None:
        """Take what the person typed; dropped if the core does not wait for it any more.

        Raises:
            BadMessageError: no prompt is open, or the answer holds a NUL.
        """
        if self.prompt is None:
            raise BadMessageError("answer_without_prompt")
        if b"\0" in payload:
            raise BadMessageError("malformed", "an answer holds a NUL")
        if not self.prompt.done():
            self.prompt.set_result(payload.decode("utf-8", "replace"))
        self.prompt = None
        self.no_prompt.set()

    async def settled(self) -> None:
        """Wait until no prompt is open: the module reads no result before it has sent its answer."""
        await self.no_prompt.wait()
