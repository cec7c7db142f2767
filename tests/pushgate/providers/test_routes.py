"""Which rungs a login has."""

import pytest

from pushgate.providers.routes import Route, RouteRule, Routes
from tests.support.core import make_login

ROOT = RouteRule(frozenset({"root"}), frozenset(), ("cloud",))
ADMINS = RouteRule(frozenset(), frozenset({"admins", "ops"}), ("keys", "phones"))
BOTH = RouteRule(frozenset({"carol"}), frozenset({"audit"}), ("mail",))
ROUTES = Routes(("phones",), {"sshd": Route(("phones", "cloud"), (ROOT, ADMINS, BOTH)), "vpn": Route(("cloud",))})


@pytest.mark.parametrize(
    ("login", "order"),
    [
        ({}, ("phones", "cloud")),
        ({"user": "root"}, ("cloud",)),
        ({"user": "root", "groups": frozenset({"ops"})}, ("cloud",)),
        ({"groups": frozenset({"users", "ops"})}, ("keys", "phones")),
        ({"user": "carol"}, ("mail",)),
        ({"groups": frozenset({"audit"})}, ("mail",)),
        ({"user": "Root"}, ("phones", "cloud")),
        ({"service": "vpn", "user": "root"}, ("cloud",)),
        ({"service": "sudo", "user": "root"}, ("phones",)),
    ],
)
def test_the_first_rule_that_fits_decides(login: dict[str, object], order: tuple[str, ...]) -> None:
    """A person is asked by the providers of the first rule for their name or group, else by those of the service."""
    assert ROUTES.order_for(make_login(**login)) == order


def test_our_own_question_takes_the_default() -> None:
    """A person whom the daemon itself asks is asked by the default, whatever a service of that name says."""
    assert ROUTES.order_for(make_login(user="root", ours=True)) == ("phones",)


def test_firsts_are_those_that_somebody_is_asked_by_first() -> None:
    """A probe whether anybody could be asked looks at each provider with which some route begins, and no other."""
    assert ROUTES.firsts() == {"phones", "cloud", "keys", "mail"}
    assert Routes(("phones",), {"sshd": Route(("phones", "cloud"))}).firsts() == {"phones"}
