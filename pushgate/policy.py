"""Who must answer and what happens when nobody can be asked; what no rule names is denied."""

from collections.abc import Mapping
from dataclasses import dataclass

from pushgate.login import Login
from pushgate.outcome import Failed, FailureKind


@dataclass(frozen=True, slots=True)
class Rule:
    """What the configuration says about one service."""

    accept_if_unreachable: bool = False
    """Let people in while the provider cannot be reached; each use stands in the audit."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules by service name."""

    rules: Mapping[str, Rule]

    def rule_for(self, login: Login) -> Rule | None:
        """Return the rule for the login's service; None means that it is not permitted."""
        return self.rules.get(login.service)


def may_fail_open(rule: Rule, failure: Failed) -> bool:
    """Decide the only question in pushgate that can open a door without the person.

    A push that may have reached the person is answered by silence, and silence denies: hence ``asked``.
    """
    return rule.accept_if_unreachable and failure.kind is FailureKind.UNAVAILABLE and not failure.asked
