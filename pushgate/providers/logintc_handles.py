"""The provider ``logintc``'s own names for what is open: a session, or a code that was sent by e-mail."""

from dataclasses import dataclass, field

from pushgate.login import Login
from pushgate.outcome import Handle

CODE_TRIES = 3
"""LoginTC revokes a token after five wrong codes: so no question is good for more than three."""


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
