"""What a provider said about a login."""

import enum
from dataclasses import dataclass, field


class FailureKind(enum.StrEnum):
    """Why a provider gave no answer of the person. Only ``UNAVAILABLE`` may ever fail open."""

    BAD_PASSWORD = "bad_password"  # noqa: S105 - the name of a failure
    """The provider refused the first factor."""
    BAD_CODE = "bad_code"
    """A wrong code was typed."""
    EXPIRED = "expired"
    """Nobody answered in time, or the session is gone."""
    CANCELLED = "cancelled"
    """The session was cancelled."""
    GIVEN_UP = "given_up"
    """The person wrote ``cancel`` at the place of the login."""
    NOT_ENROLLED = "not_enrolled"
    """The provider knows no such user, or the user has nothing that could answer."""
    LOCKED = "locked"
    """The user or factor is locked."""
    DOWNGRADED = "downgraded"
    """The provider agreed to less than was asked."""
    RATE_LIMITED = "rate_limited"
    """429, or our own limiter."""
    CONFIG = "config"
    """Wrong key, scope, domain or certificate: the administrator has to act."""
    PROTOCOL = "protocol"
    """The reply does not match the documented contract."""
    UNAVAILABLE = "unavailable"
    """The provider could not be reached."""


NOBODY_ASKED = frozenset({FailureKind.NOT_ENROLLED, FailureKind.LOCKED, FailureKind.RATE_LIMITED})
"""Refusals of a provider that depend on who the person is: a stranger must not be able to tell them apart."""

TYPED_CODE = "code"
"""In place of a device: a code that was typed at the place of the login."""


@dataclass(frozen=True, slots=True)
class Handle:
    """A provider's name for one question; opaque to the core, never leaves the daemon."""

    id: str


@dataclass(frozen=True, slots=True)
class Approved:
    """The person, or a right code, approved this very login."""

    device: str = ""
    """Which device, as far as the provider tells; ``TYPED_CODE`` for none."""
    factor: str = ""
    """What opened the door, in the audit's word, where it is neither a push nor a code of the first provider."""
    detail: str = ""
    """For the audit."""
    provider: str = field(default="", compare=False)
    """What the configuration calls the provider that said so."""


@dataclass(frozen=True, slots=True)
class Denied:
    """The person refused. Never ask again by itself."""

    reason: str = "user"
    provider: str = field(default="", compare=False)
    """What the configuration calls the provider that said so."""


@dataclass(frozen=True, slots=True)
class Pending:
    """The person has been asked and has not answered."""

    handle: Handle
    number: str = ""
    """A number drawn by the provider: the front end shows it, the person types it on the device."""
    detail: str = ""
    """How it came to this question, for the audit."""


@dataclass(frozen=True, slots=True)
class NeedsCode:
    """The person has to type a code."""

    handle: Handle
    prompt: str
    echo: bool = True
    """Whether others may see what is typed: not where the same code could be typed again."""
    asked: bool = True
    """False: nothing has been sent to the person."""
    way: str = ""
    """The word of the way in which the code was sent, where ``resend`` has another one sent."""
    wrong: bool = True
    """As the answer to a ``submit``: a code was wrong. False where the person has asked for a new one in vain."""
    resent: bool = False
    """As the answer to a ``submit``: no code was wrong, the person has asked for a new one, and it was sent."""
    expires_at: float | None = None
    """When the code is of no more use, in seconds of ``Clock.now``; None where the provider does not tell."""
    detail: str = ""
    """How it came to this question, for the audit."""


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer: ``asked`` is False only if the person surely was never asked."""

    kind: FailureKind
    asked: bool
    detail: str = ""
    """For the log of the administrator; never shown to the person, never a secret."""
    status: int | None = None
    """The HTTP status of the reply, where there was one."""
    trace: str = ""
    """The provider's own name of the request, by which its support finds it."""
    hint: str = ""
    """What the administrator can do about it: ``the API key is refused: ...``."""
    provider: str = field(default="", compare=False)
    """What the configuration calls the provider that said so."""


Outcome = Approved | Denied | Pending | NeedsCode | Failed
