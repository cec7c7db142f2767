"""The core's conversation with the person, as frames to the module."""

import asyncio
from collections.abc import Callable

from typing_extensions import override

from pam_module.protocol import ERROR, INFO, PROMPT_HIDDEN, PROMPT_SHOWN, encode_text
from pam_module.styles import Style
from pushgate.conversation import CannotAsk, Conversation
from pushgate.errors import BadMessageError

MAX_FRAMES = 64
"""What the module reads in one call, the result included."""
MAX_PROMPTS = 3
PROMPT_AFTER_SECONDS = 0.5
"""When the prompt comes: not sooner, or its time told whether there was somebody to ask."""
REFUSED_BY_SSHD = b"\b\n\r\177INCORRECT"
"""What sshd answers in place of a person whom it will refuse whatever PAM says, as often as letters were typed."""


class RefusedBySshdError(Exception):
    """The answer is no person's: sshd will refuse this user."""


class PamConversation(Conversation):
    """Shows text and asks through the module; at most one prompt is open at a time."""

    def __init__(
        self, send: Callable[[bytes], None], style: Style, *, began: float, ends: float, may_know: bool = False
    ) -> None:
        """Take a way to send bytes.

        Args:
            send: Must not wait.
            style: How to talk.
            began: When the login began, in seconds of ``Clock.now``.
            ends: When the module must have its result.
            may_know: See ``Conversation.may_know``.
        """
        self.send, self.style, self.ends = send, style, ends
        self.knows = may_know and style is not Style.SILENT
        self.prompt_at: float | None = began + PROMPT_AFTER_SECONDS if style is Style.PROMPT else None
        """When the prompt is due; None: there is none, or the person has answered it."""
        self.frames_left, self.prompts_left = MAX_FRAMES - 1, MAX_PROMPTS
        self.prompt: asyncio.Future[str] | None = None
        self.answered: asyncio.Future[None] | None = None
        """Made when somebody waits for the end of an open prompt."""

    @property
    @override
    def reply_by(self) -> float:
        return self.prompt_at if self.prompt_at is not None and self.can_ask else self.ends

    @property
    @override
    def can_ask(self) -> bool:
        # Enter means "go on waiting": nothing is asked again, until a wrong code has to be told.
        return self.prompt_at is not None and self.prompts_left > 0

    @property
    @override
    def ends_by(self) -> float:
        return self.ends

    @property
    @override
    def may_know(self) -> bool:
        return self.knows

    @property
    @override
    def shows_at_once(self) -> bool:
        return self.style is not Style.SILENT

    @override
    async def tell(self, text: str) -> None:
        self.show(INFO if self.style is Style.TEXT else ERROR, text)

    def tell_refusal(self, text: str) -> None:
        """Show why the login is refused."""
        self.show(ERROR, text)

    def show(self, kind: bytes, text: str) -> None:
        """Show a line where the program shows it at once; elsewhere it would come when it is stale."""
        if self.style in (Style.TEXT, Style.ASIDE) and text and self.frames_left:
            self.frames_left -= 1
            self.send(encode_text(kind, text))

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        if self.style is Style.SILENT or self.prompt or not self.prompts_left or not self.frames_left:
            raise CannotAsk("the service is silent, a prompt is open, or as many were shown as the module allows")
        self.prompts_left -= 1
        self.frames_left -= 1
        self.prompt = asyncio.get_running_loop().create_future()
        self.send(encode_text(PROMPT_SHOWN if echo else PROMPT_HIDDEN, f"{prompt}: "))
        return await self.prompt

    def answer(self, payload: bytes) -> None:
        """Take what the person typed; dropped if the core does not wait for it any more.

        Raises:
            BadMessageError: no prompt is open, or the answer holds a NUL.
            RefusedBySshdError: sshd has answered, not a person.
        """
        if self.prompt is None:
            raise BadMessageError("answer_without_prompt")
        if b"\0" in payload:
            raise BadMessageError("malformed", "an answer holds a NUL")
        if is_sshds_own(payload):
            raise RefusedBySshdError
        if not payload:
            self.prompt_at = None
        if not self.prompt.done():
            self.prompt.set_result(payload.decode("utf-8", "replace"))
        self.prompt = None
        if self.answered and not self.answered.done():
            self.answered.set_result(None)

    async def settled(self) -> None:
        """Wait until no prompt is open: the module reads no result before it has sent its answer."""
        if self.prompt:
            self.answered = asyncio.get_running_loop().create_future()
            await self.answered


def is_sshds_own(answer: bytes) -> bool:
    """Whether an answer is what sshd makes of a refused user's letters; an empty one stays empty, so it tells nothing.

    One octet alone can be told, too: a person cannot type a backspace into a line.
    """
    repeated = REFUSED_BY_SSHD * (len(answer) // len(REFUSED_BY_SSHD) + 1)
    return answer != b"" and repeated.startswith(answer)
