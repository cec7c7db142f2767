"""What the configuration says of a PAM service reaches the front end and the core."""

import pytest

from pam_module.codes import PamCode
from pam_module.options import ServiceOptions
from pushgate.build_pam import pam_rules, pam_services
from pushgate.policy import Remember, Rule
from pushgate.sections.pam import PamSettings


def settings(**service: object) -> PamSettings:
    """A configuration with one service."""
    return PamSettings.model_validate({"services": {"sudo": service}})


def test_the_defaults_are_the_front_ends_own() -> None:
    """A service that is only named has the defaults, and its number is shown where the provider has one."""
    assert pam_services(settings()) == {"sudo": ServiceOptions()}
    assert dict(pam_rules(settings())) == {"sudo": Rule(number="optional")}


@pytest.mark.parametrize(
    ("key", "value", "option", "expected"),
    [
        ("prompt", "silent", "prompt", "silent"),
        ("asked", "target", "asked", "target"),
        ("allow_root", True, "allow_root", True),
        ("exempt_groups", ["adm"], "reads_groups", True),
        ("silent_groups", ["bots"], "reads_groups", True),
        ("providers_for", [{"groups": ["ops"], "providers": ["p"]}], "reads_groups", True),
        ("providers_for", [{"users": ["root"], "providers": ["p"]}], "reads_groups", False),
        ("silent_groups", ["bots"], "silent_groups", frozenset({"bots"})),
        ("silent_users", ["backup"], "silent_users", frozenset({"backup"})),
        ("remember", {"for": "15m", "bound_to": "session+tty"}, "reads_session", True),
        ("unlock", {"longest": "1h"}, "reads_session", False),
        ("denied_result", "abort", "denied", PamCode.ABORT),
        ("denied_result", "maxtries", "denied", PamCode.MAXTRIES),
        ("exempt_result", "ignore", "exempt", PamCode.IGNORE),
    ],
)
def test_options(key: str, value: object, option: str, expected: object) -> None:
    """What an administrator sets for a service is what the front end goes by."""
    assert getattr(pam_services(settings(**{key: value}))["sudo"], option) == expected


def test_rules() -> None:
    """What an administrator sets for a service is what the core goes by."""
    rules = dict(
        pam_rules(settings(if_unreachable="accept", exempt_users=["backup"], exempt_groups=["adm"], number="off"))
    )
    expected = Rule(accept_if_unreachable=True, exempt_users=frozenset({"backup"}), exempt_groups=frozenset({"adm"}))
    assert rules == {"sudo": expected}


def test_codes_instead_of_an_open_door() -> None:
    """A service that asks for codes in an outage does not fail open, and the core is told that something stands in."""
    opening = settings(if_unreachable="accept", fallback=["break_glass"])
    [(_, rule)] = pam_rules(opening, stepping=["sudo"])
    assert (rule.accept_if_unreachable, rule.has_fallback) == (False, True)


def test_what_lasts() -> None:
    """How long an approval lasts, and how long a service may be unlocked, is what the core goes by."""
    remember = {"for": "15m", "bound_to": "session+tty"}
    rules = dict(pam_rules(settings(number="off", remember=remember, unlock={"longest": "1h"})))
    assert rules == {"sudo": Rule(remember=Remember(900, "session+tty"), unlock_longest=3600)}
