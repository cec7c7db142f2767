"""Who must answer and what happens when nobody can be asked; what no rule names is denied."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from typing import Literal

from pushgate.login import Login
from pushgate.outcome import Failed, FailureKind

NumberRule = Literal["off", "optional", "required"]
Bond = Literal["key+origin", "session+tty"]

UNLOCK_SERVICE = "unlock"
"""The service of our own question whether a person may be let in without asking for a while."""


@dataclass(frozen=True, slots=True)
class Remember:
    """For how long an approval also lets in the same login once more, and what makes it the same."""

    seconds: float
    bound_to: Bond


@dataclass(frozen=True, slots=True)
class Rule:
    """What the configuration says about one service."""

    accept_if_unreachable: bool = False
    """Let people in while the provider cannot be reached; each use stands in the audit."""
    has_fallback: bool = False
    """Something stands in while the provider cannot be reached."""
    exempt_users: frozenset[str] = frozenset()
    """Who needs no second factor; each use stands in the audit."""
    exempt_groups: frozenset[str] = frozenset()
    """The same for members of groups that the first factor finds."""
    append_separator: str = ","
    """What stands between password and factor in one field; empty: the field is the password."""
    password_may_contain_separator: bool = False
    """Check a refused password once more with what was split off."""
    number: NumberRule = "off"
    """Whether a number ties the device to the place of the login."""
    remember: Remember | None = None
    """Let in the login that was approved a moment ago without asking again."""
    two_attempts: float | None = None
    """Where the front end asks nothing: a code that was sent is redeemed by a second login within so many seconds."""
    unlock_longest: float | None = None
    """For how many seconds ``pushgate unlock`` may open the service at most; None: not at all."""

    def exempts(self, user: str, groups: Set[str] = frozenset()) -> bool:
        """Whether this person needs no second factor."""
        return user in self.exempt_users or not self.exempt_groups.isdisjoint(groups)


OWN_RULES: Mapping[str, Rule] = {UNLOCK_SERVICE: Rule()}
"""For logins that the daemon makes itself; nothing in them opens anything but the person's approval."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules by service name."""

    rules: Mapping[str, Rule]

    def rule_for(self, login: Login) -> Rule | None:
        """Return the rule for the login's service; None means that it is not permitted."""
        return (OWN_RULES if login.ours else self.rules).get(login.service)


def may_fail_open(rule: Rule, failure: Failed) -> bool:
    """Decide the only question in pushgate that can open a door without the person.

    A push that may have reached the person is answered by silence, and silence denies: hence ``asked``.
    """
    return rule.accept_if_unreachable and failure.kind is FailureKind.UNAVAILABLE and not failure.asked
