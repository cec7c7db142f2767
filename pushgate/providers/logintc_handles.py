"""The provider ``logintc``'s own names for what is open: a session, a mailed code; and how many were wrong."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from pushgate.clock import Clock
from pushgate.limiter import Limiter
from pushgate.login import Login
from pushgate.outcome import Approved, Failed, FailureKind, Handle

CODE_TRIES = 3
"""LoginTC revokes a token after five wrong codes: so no question is good for more than three."""
MOST_WRONG, WRONG_WITHIN, MAX_NAMES = 4, 24 * 3600.0, 65_536
TOO_MANY_WRONG = Failed(
    FailureKind.LOCKED, asked=False, detail=f"{MOST_WRONG} wrong codes of this person in a row: our own limit"
)


@dataclass(slots=True)
class Tally:
    """What has happened to a question since it was asked."""

    codes: int = 0
    """Codes that were handed in for it."""
    resent: int = 0
    sent_at: float = 0.0
    """When its last e-mail was sent."""
    withdrawn: bool = False

    def take_try(self) -> bool:
        """Count one more code; False if none may be tried any more."""
        if self.withdrawn or self.codes >= CODE_TRIES:
            return False
        self.codes += 1
        return True


@dataclass(frozen=True, slots=True)
class OpenSession(Handle):
    """A session that we began, with what its end needs, whatever server is met later."""

    login: Login = field(repr=False)
    native: bool
    """Its approval counts only once it is claimed."""
    number: str = field(default="", repr=False)
    """The number with which an approval must be signed."""
    tally: Tally = field(default_factory=Tally, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class MailedCode(Handle):
    """A code that was sent by e-mail; the server keeps nothing that could be withdrawn."""

    login: Login = field(repr=False)
    user_id: str = field(repr=False)
    """To whom it was sent; empty: to nobody, and no code is right."""
    tally: Tally = field(default_factory=Tally, repr=False, compare=False)


class WrongCodes:
    """Wrong codes of one person in a row, in all logins together.

    Otherwise who knows a name, or one password, would have somebody's token revoked: then only an administrator helps.
    """

    def __init__(self, clock: Clock) -> None:
        self.limiter = Limiter(clock, MOST_WRONG, WRONG_WITHIN, keys=MAX_NAMES)

    async def counted(self, user: str, check: Callable[[], Awaitable[Approved | Failed]]) -> Approved | Failed:
        """Check a code, unless the next wrong one would be the last; an outage is no wrong code."""
        # Counted before it is sent, or many logins at the same moment would each find a try left.
        if not self.limiter.take(user):
            return TOO_MANY_WRONG
        outcome = await check()
        if isinstance(outcome, Approved):
            self.limiter.forget(user)
        elif outcome.kind is not FailureKind.BAD_CODE:
            self.limiter.give_back(user)
        return outcome
