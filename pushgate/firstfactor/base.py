"""The first factor port: check a password before anybody is asked."""

from dataclasses import dataclass, field
from typing import Protocol

from pushgate.login import Login, Secret
from pushgate.outcome import Failed, Handle


@dataclass(frozen=True, slots=True)
class PasswordRight:
    """The password is right; with what the check found out about the person."""

    groups: frozenset[str] = frozenset()
    """Names of groups, as the configuration writes them in rules for reply attributes and exemptions."""
    attributes: tuple[tuple[int, bytes], ...] = field(default=(), repr=False)
    """RADIUS attributes of an upstream server that are to be relayed: number and value."""
    handle: Handle | None = field(default=None, repr=False)
    """With what the provider goes on that has checked the password; the core hands it back as ``Login.checked``."""


@dataclass(frozen=True, slots=True)
class PasswordWrong:
    """The password is wrong, or there is no such user: the same answer after the same time."""

    detail: str = ""
    """For the administrator's log; never shown to the person, never a secret."""


Checked = PasswordRight | PasswordWrong | Failed
"""``Failed``: nobody could say (``UNAVAILABLE``, ``CONFIG``, ``LOCKED``, ``RATE_LIMITED``); the login is rejected."""


class FirstFactor(Protocol):
    """Checks passwords. No call raises but ``CancelledError``; each ends at its deadline (``Clock.now``)."""

    name: str

    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Check the password of ``login.user``; ``login.secret`` is the whole field and not for this."""

    async def close(self) -> None:
        """Release connections and worker processes."""
