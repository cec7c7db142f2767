"""Rules, and the one function that may open a door without the person."""

import pytest

from pushgate.outcome import Failed, FailureKind
from pushgate.policy import Policy, Rule, may_fail_open
from tests.support.core import make_login


def test_only_named_services_have_a_rule() -> None:
    """A service that the configuration does not name has no rule."""
    policy = Policy({"sshd": Rule()})
    assert policy.rule_for(make_login()) == Rule()
    assert policy.rule_for(make_login(service="SSHD")) is None


@pytest.mark.parametrize("named", [{}, {"unlock": Rule(exempt_users=frozenset({"alice"}), accept_if_unreachable=True)}])
def test_our_own_question_has_our_own_rule(named: dict[str, Rule]) -> None:
    """A front end that calls itself ``unlock`` gets what the configuration says of it, and we get our own rule."""
    policy = Policy(named)
    assert policy.rule_for(make_login(service="unlock")) == named.get("unlock")
    assert policy.rule_for(make_login(service="unlock", ours=True)) == Rule()
    assert policy.rule_for(make_login(service="sshd", ours=True)) is None


@pytest.mark.parametrize("kind", list(FailureKind))
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("configured", [True, False])
def test_failing_open_needs_all_three(kind: FailureKind, asked: bool, configured: bool) -> None:
    """Only an unreachable provider that asked nobody, on a service so configured, fails open."""
    expected = configured and not asked and kind is FailureKind.UNAVAILABLE
    assert may_fail_open(Rule(configured), Failed(kind, asked)) == expected


@pytest.mark.parametrize(
    ("rule", "user", "groups", "exempt"),
    [
        (Rule(), "alice", {"staff"}, False),
        (Rule(exempt_users=frozenset({"probe"})), "probe", set(), True),
        (Rule(exempt_users=frozenset({"probe"})), "Probe", set(), False),
        (Rule(exempt_groups=frozenset({"robots", "probes"})), "alice", {"staff", "robots"}, True),
        (Rule(exempt_groups=frozenset({"robots"})), "robots", set(), False),
        (Rule(exempt_groups=frozenset({""})), "alice", set(), False),
    ],
)
def test_exemptions(rule: Rule, user: str, groups: set[str], exempt: bool) -> None:
    """Only a person who is named, or in a group that is named, needs no second factor."""
    assert rule.exempts(user, groups) == exempt
