"""One attempt to log in, as the front end saw it."""

import enum
from dataclasses import dataclass, field


class OriginSource(enum.StrEnum):
    """How the address of the person is known; shown to the person, because it says how far to trust it."""

    NAS = "nas"
    """An attribute of the RADIUS request that the client's preset trusts."""
    PAM = "pam"
    """PAM_RHOST, set by a network service such as sshd."""
    KERNEL = "kernel"
    """The TCP peer of the login session, read from /proc."""
    LOCAL = "local"
    """The person sits at this machine, or came by no way that the kernel can show."""
    UNKNOWN = "unknown"
    """The front end was told no address that it may believe."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where the person is: an address, and how it is known."""

    address: str | None = None
    """IPv4 or IPv6 address in canonical text form, without zone or port; None if unknown."""
    source: OriginSource = OriginSource.UNKNOWN


@dataclass(frozen=True, slots=True)
class Secret:
    """Bytes that appear in no log, traceback or ``repr``."""

    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Push:
    """Ask the person on a device.

    A number ties the device to the place of the login: who holds the device types there what the other place shows.
    """

    number: Secret | None = None
    """Two digits that the person has chosen and typed at the login; the device asks for them and never shows them."""
    draw_number: bool = False
    """The provider shall draw a number, which the front end shows."""


@dataclass(frozen=True, slots=True)
class Code:
    """Check a code that was typed; nobody is asked."""

    code: Secret


@dataclass(frozen=True, slots=True)
class Method:
    """Reach the person in a way that has a name: ``sms``, ``email``, ``phone``, ``voice``, or ``2`` of a menu."""

    word: str


Factor = Push | Code | Method
"""How the person proves to be there."""


@dataclass(frozen=True, slots=True)
class Login:
    """One attempt to log in: who, where to, from where, and what was typed.

    Strings are as the peer sent them; whoever shows them cleans them first (``pushgate.text``).
    """

    user: str
    """The person who is asked."""
    service: str
    """``sshd``, ``sudo`` or the name of the RADIUS client; policy is written per service."""
    host: str
    """The machine or NAS that the person logs in to."""
    origin: Origin = Origin()
    account: str = ""
    """The account that the person becomes, if it is another one than ``user`` (sudo, su)."""
    tty: str = ""
    command: str = ""
    key: str = ""
    """Fingerprint of the SSH key that has proved who it is before us: ``SHA256:`` and base64."""
    session: str = ""
    """Names the login session of a person who is on this machine already; equal for as long as that lasts."""
    groups: frozenset[str] = frozenset()
    """The groups of ``user`` on this machine, where the rule of the service speaks of groups."""
    secret: Secret | None = None
    """What was typed into the password field; None where the front end has no such field (PAM)."""
    known: bool = True
    """False: the host knows no such account. The login waits like an ignored push and asks nobody."""
    permitted: bool = True
    """False: a rule bars this account here. The login waits like an ignored push and asks nobody."""
    ours: bool = False
    """Made by the daemon itself (``pushgate unlock``). No front end sets it: so nobody outside gets our own rules."""
    join_key: bytes | None = field(default=None, repr=False)
    """Equal keys are the same login asked again: they share one push. None: never shared."""
    asked: bool = False
    """The person was asked in this login already, and has chosen another way: an outage now opens nothing."""
    factor: Factor = Push()
    """What the core found behind the password, or what the person answered."""
    checked: object = field(default=None, repr=False)
    """The provider's own handle of the password that it has checked for this login; None if it has not."""
