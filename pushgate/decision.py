"""What the core decided about a login."""

import enum
from dataclasses import dataclass, field


class Reason(enum.StrEnum):
    """Why a login was accepted or rejected; the word in the audit record."""

    APPROVED = "approved"
    EXEMPT = "exempt"
    """Accepted without a second factor, because the configuration names the user or a group of the user."""
    REMEMBERED = "remembered"
    """Accepted because the person has approved the same login a moment ago, and the service is configured so."""
    UNLOCKED = "unlocked"
    """Accepted because the person has approved ``pushgate unlock`` for this service a moment ago."""
    FAIL_OPEN = "fail_open"
    """Accepted because the provider was unreachable and the service is configured so."""

    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    """Nobody waited for the answer any more."""
    BAD_SECRET = "bad_secret"  # noqa: S105 - the name of a reason
    """There is no password to check, and the password field holds neither nothing nor a factor."""
    FACTOR_NEEDED = "factor_needed"
    """The password is right only with what stands behind its last separator, so no factor was named."""
    BAD_NAME = "bad_name"
    """The user name is empty, too long or holds characters that no account has."""
    UNKNOWN_USER = "unknown_user"
    BARRED = "barred"
    """A rule of the service bars the account; the login has waited like an ignored push, and nobody was asked."""
    FIRST_FACTOR_FAILED = "first_factor_failed"
    """Nobody could say whether the password is right."""
    NUMBER_NEEDED = "number_needed"
    """The configuration wants a number behind the password, and there was none."""
    CODE_SENT = "code_sent"
    """The first of two attempts: a code was sent, and the person is to log in again with it."""
    GIVEN_UP = "given_up"
    """The person wrote ``cancel`` at the place of the login."""
    NOT_PERMITTED = "not_permitted"
    """No rule of the configuration names this service or user: deny by default."""
    OVERLOADED = "overloaded"
    """As many logins are pending as the configuration allows."""
    INTERNAL = "internal"

    BAD_PASSWORD = "bad_password"  # noqa: S105 - the name of a reason
    BAD_CODE = "bad_code"
    CANCELLED = "cancelled"
    NOT_ENROLLED = "not_enrolled"
    LOCKED = "locked"
    DOWNGRADED = "downgraded"
    RATE_LIMITED = "rate_limited"
    CONFIG = "config"
    PROTOCOL = "protocol"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Decision:
    """Accept or reject, why, and the id under which the audit has it."""

    accept: bool
    reason: Reason
    audit_id: str
    message: str = ""
    """One sentence for the person, at most 200 characters; front ends may show it."""
    factor: str = ""
    """What opened the door; empty for a rejection.

    ``push``, ``push+number``, ``code``, ``remembered``, ``unlocked``, ``exempt`` or ``fail_open``.
    """
    provider: str = ""
    """Which provider has answered, as the configuration names it; empty if none was asked."""
    groups: frozenset[str] = frozenset()
    """The groups of the person that the first factor found."""
    attributes: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    """RADIUS attributes that an upstream server wants the NAS to have."""
