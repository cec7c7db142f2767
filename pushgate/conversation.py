"""How the core talks to the person through a front end."""

from typing import Protocol


class Conversation(Protocol):
    """What a front end offers to the core while a login is pending.

    A front end whose peer goes away cancels the task that runs ``Authenticator.authenticate``;
    the core then withdraws the push.
    """

    @property
    def reply_by(self) -> float | None:
        """When the front end must have its answer, in seconds of ``Clock.now``; None if it can wait."""

    @property
    def can_ask(self) -> bool:
        """Whether ``ask`` can reach the person when ``reply_by`` has come; if not, the login ends there."""

    @property
    def ends_by(self) -> float | None:
        """When the front end gives the login up, whatever is being asked; None if the core decides that alone."""

    @property
    def shows_at_once(self) -> bool:
        """Whether the person sees the question while the device rings: only then a number can be drawn for it."""

    @property
    def may_know(self) -> bool:
        """Whether the person may learn that no device rings: one who asks for oneself, and is logged in already."""

    async def tell(self, text: str) -> None:
        """Show one line, if the front end can; never waits for the person."""

    async def ask(self, prompt: str, *, echo: bool) -> str:
        """Ask for a line and return what was typed.

        Raises:
            CannotAsk: the front end has no way to ask, or the person did not answer.
        """


class CannotAsk(Exception):  # noqa: N818 - a fact about the front end, not a fault
    """The front end cannot put a question to the person."""


class NotAnswered(CannotAsk):
    """The person was asked, and did not answer in time."""
