"""How the core talks to the person at a NAS that waits for its one reply."""

from typing_extensions import override

from pushgate.conversation import CannotAsk, Conversation


class RadiusConversation(Conversation):
    """A NAS in blocking mode: it shows nothing before the reply, and asks nothing."""

    def __init__(self, reply_by: float) -> None:
        self.deadline = reply_by

    @property
    @override
    def reply_by(self) -> float:
        return self.deadline

    @property
    @override
    def can_ask(self) -> bool:
        return False

    @property
    @override
    def shows_at_once(self) -> bool:
        return False

    @override
    async def tell(self, text: str) -> None:
        # RADIUS has no "still working" packet, and beside a final reply the text would be out of date.
        return

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        raise CannotAsk("this appliance is asked without challenges")
