"""The provider port: begin a question, wait for its answer, submit a code, cancel."""

from typing import Protocol

from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome

WITHDRAW_SECONDS = 1.0
"""How long a cancel may take: a NAS that waits 30 s has its answer after 28 s, a last look of 0.5 s and this."""


class Provider(Protocol):
    """A system that asks the person. No call raises: what went wrong is a ``Failed``.

    Deadlines are seconds of ``Clock.now``. A cancelled ``begin`` leaves nothing behind that could still be approved.
    """

    name: str
    """As the configuration names it; for the log."""

    async def look_around(self, login_timeout: float) -> None:
        """Look at the start, in the background, at what an administrator should hear of; bounded, never raises.

        Args:
            login_timeout: Seconds that a person has to answer.
        """
        return

    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        """Say what the provider can do for this person beyond a plain push; nothing while unreachable.

        ``number``: bind a push to a number. ``code``: check a code with nothing sent before. Words of ``Method``, as
        ``email`` and ``sms``: reach the person in that way.
        """

    async def reach(self, deadline: float) -> Failed | None:
        """Say why nobody could be asked now; None if nothing is known to be in the way. Nobody is asked."""
        return None

    async def pretend(self, login: Login, deadline: float) -> Outcome:
        """Do what ``begin`` does, as far as a stranger can see it, for a login that must not be accepted.

        Nobody is asked, and nothing that the person types is right.
        """
        return await self.reach(deadline) or Failed(FailureKind.NOT_ENROLLED, asked=False)

    async def begin(self, login: Login, deadline: float) -> Outcome:
        """Put the login's factor to the test.

        ``Push``: ask the person; ``Pending``, or ``NeedsCode`` if the answer is yet to come. A number that the provider
        cannot bind to the question is ``Failed(DOWNGRADED)``, and nobody is asked.
        ``Code``: check it; ``Approved``, or ``Failed`` with ``BAD_CODE`` or ``LOCKED``. Nobody is asked.
        ``Method``: one that the provider does not know is ``Failed(PROTOCOL)``.
        A provider that cannot ring answers a ``Push`` with the ``NeedsCode`` of its usual way.
        """

    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        """Wait until the person has answered, or the deadline has come."""

    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        """Hand in a code that was typed for this question, also while a push is pending.

        A right one approves the login (the push may be withdrawn then); a wrong one is ``Failed(BAD_CODE)``, or
        ``NeedsCode`` where the same question may be tried again. A word that the prompt offers, as ``resend``, comes
        here as well; ``NeedsCode(resent=True)`` says that it was done.
        """

    async def cancel(self, handle: Handle) -> None:
        """Withdraw the question: best effort, at most ``WITHDRAW_SECONDS``, idempotent, never raises."""

    async def close(self) -> None:
        """Release connections."""
