"""The pause after a denial, and the pushes that nobody approves."""

import pytest

from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.clock import FakeClock
from pushgate.login import Origin, OriginSource
from tests.support.core import make_login


def test_a_denial_holds_ten_seconds_for_the_same_login_alone() -> None:
    """A denial holds for the same user, service, host and address, and for ten seconds."""
    clock = FakeClock()
    cool_down = CoolDown(clock)
    cool_down.note_denial(make_login())
    assert cool_down.holds(make_login())
    for other in ({"user": "bob"}, {"service": "sudo"}, {"host": "web2"}, {"origin": Origin("::1", OriginSource.PAM)}):
        assert not cool_down.holds(make_login(**other))
    clock.time += 10.1
    assert not cool_down.holds(make_login())


def test_a_denial_from_an_unknown_address_holds_for_nobody() -> None:
    """A person who denies a stranger behind a NAS that names no address does not lock herself out."""
    cool_down = CoolDown(FakeClock())
    cool_down.note_denial(make_login(origin=Origin()))
    assert not cool_down.holds(make_login(origin=Origin()))


def test_the_table_of_denials_is_bounded() -> None:
    """A flood of denials pushes out the oldest and grows no further."""
    cool_down = CoolDown(FakeClock())
    for number in range(CoolDown.LIMIT + 5):
        cool_down.note_denial(make_login(user=f"u{number}"))
    assert len(cool_down.until) == CoolDown.LIMIT
    assert not cool_down.holds(make_login(user="u0"))


def test_pushes_that_nobody_approves_are_counted_for_five_minutes() -> None:
    """An attacker with a password causes so many pushes and no more, until five minutes have passed."""
    clock = FakeClock()
    budget = PushBudget(clock, per_user=2)
    budget.take("alice")
    clock.time += 100
    budget.take("alice")
    assert (budget.is_spent("alice"), budget.is_spent("bob")) == (True, False)
    clock.time += 201
    assert not budget.is_spent("alice")


def test_an_approval_clears_the_count() -> None:
    """A person who approves has shown to be there, so earlier misses count no more."""
    budget = PushBudget(FakeClock(), per_user=1)
    budget.take("alice")
    budget.refund("alice")
    assert not budget.is_spent("alice")


def test_the_table_of_pushes_is_bounded() -> None:
    """A flood of user names pushes out the oldest and takes no more memory."""
    budget = PushBudget(FakeClock(), per_user=1)
    for number in range(PushBudget.LIMIT + 5):
        budget.take(str(number))
    assert len(budget.pushed) == PushBudget.LIMIT


def test_a_push_that_reached_nobody_is_given_back() -> None:
    """A person whose provider was unreachable has lost no push, and a name that nobody has leaves nothing behind."""
    budget = PushBudget(FakeClock(), per_user=2)
    budget.take("alice")
    budget.take("alice")
    budget.give_back("alice")
    assert not budget.is_spent("alice")
    budget.give_back("alice")
    budget.give_back("alice")
    assert budget.pushed == {}


def test_spelling_gains_nothing() -> None:
    """An attacker who varies the case of a name gets no more pushes, places or tries than with one spelling."""
    clock = FakeClock()
    budget, cool_down, places = PushBudget(clock, per_user=1), CoolDown(clock), Places(10, per_user=1)
    budget.take("alice")
    cool_down.note_denial(make_login())
    with places.taken_by("alice"):
        assert (budget.is_spent("ALICE"), cool_down.holds(make_login(user="Alice"))) == (True, True)
        assert places.refusal("aLICE") == "1 logins of this user are pending"
    assert (places.refusal("aLICE"), places.taken) == ("", {})
    budget.refund("Alice")
    assert not budget.is_spent("alice")


def test_places() -> None:
    """Places are counted in all and by user, and come back also from a login that breaks."""
    places = Places(2, per_user=1)
    with places.taken_by("alice"):
        assert (places.refusal("alice"), places.refusal("bob")) == ("1 logins of this user are pending", "")
        with places.taken_by("bob"):
            assert places.refusal("carol") == "2 logins are pending"
    with pytest.raises(RuntimeError), places.taken_by("alice"):
        raise RuntimeError
    assert (places.count, places.taken) == (0, {})
