"""A person at the place of the login, who does what the situation says; time is that of the clock."""

import asyncio
from datetime import timedelta

from pushgate.conversation import CannotAsk, Conversation
from pushgate.outcome import Handle
from tests.simulators.rig import Rig
from tests.simulators.rigs import Way
from tests.simulators.situations import Act, Situation

THINKS = 2.25
"""Seconds until the person does anything; between two polls."""
TIMEOUT = 20.0
MOMENT = 0.2
TYPING = frozenset({Act.WRONG, Act.WRONG_THEN_RIGHT})


class Person(Conversation):
    """Answers on the device, or at the prompt."""

    def __init__(self, rig: Rig, way: Way, situation: Situation) -> None:
        self.rig, self.way, self.situation = rig, way, situation
        self.started = rig.clock.now()
        self.seen: list[str] = []
        self.typed: list[str] = []
        self.handle: Handle | None = None

    @property
    def reply_by(self) -> float | None:
        """There is time, but not to type a code while the device rings."""
        return self.started + THINKS if self.way is Way.RINGING else None

    @property
    def can_ask(self) -> bool:
        """Whether there is a prompt."""
        return self.way in (Way.ASKED, Way.RINGING)

    @property
    def ends_by(self) -> float | None:
        """The core decides alone."""
        return None

    @property
    def shows_at_once(self) -> bool:
        """As in RADIUS."""
        return False

    @property
    def may_know(self) -> bool:
        """The person may be a stranger."""
        return False

    async def tell(self, text: str) -> None:
        """Read a line."""
        self.seen.append(text)

    async def ask(self, prompt: str, *, echo: bool) -> str:
        """Read a question, think, and type."""
        self.seen.append(prompt)
        if not self.can_ask or self.handle is None:
            raise CannotAsk
        await self.think()
        if self.situation.act is Act.FORGOTTEN:
            self.rig.expire(self.handle)
        typed = self.answer(self.handle)
        self.typed.append(typed)
        return typed

    def answer(self, handle: Handle) -> str:
        """Return what is typed."""
        right = self.rig.right_code(handle)
        match self.situation.act:
            case Act.DENY:
                return "cancel"
            case Act.WRONG:
                return wrong(right)
            case Act.WRONG_THEN_RIGHT if not self.typed:
                return wrong(right)
            case _:
                return right

    async def think(self) -> None:
        """Let time go by until the person answers."""
        clock = self.rig.clock
        match self.situation.act:
            case Act.IGNORE | Act.LEAVE:
                await asyncio.Event().wait()
            case Act.LAST_SECOND:
                await clock.sleep(self.started + TIMEOUT - MOMENT - clock.now())
            case Act.LATE:
                await clock.sleep(self.started + TIMEOUT + THINKS - clock.now())
            case _:
                await clock.sleep(THINKS)

    async def on_the_device(self, handle: Handle) -> None:
        """Answer a push, unless a code is typed in its place."""
        if self.way is Way.RINGING:
            return
        await self.think()
        match self.situation.act:
            case Act.DENY:
                self.rig.deny(handle)
            case Act.FORGOTTEN:
                self.rig.expire(handle)
            case _:
                self.rig.approve(handle)


def wrong(code: str) -> str:
    """Return another code of the same shape."""
    shift = {str(n): str((n + 1) % 10) for n in range(10)}
    return "".join(shift.get(character, character) for character in code)


HOUR = timedelta(hours=1)
