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
    budget = PushBudget(clock, per_origin=2)
    budget.take(make_login(user="alice"))
    clock.time += 100
    budget.take(make_login(user="alice"))
    assert (budget.is_spent(make_login(user="alice")), budget.is_spent(make_login(user="bob"))) == (True, False)
    clock.time += 201
    assert not budget.is_spent(make_login(user="alice"))


def test_an_approval_clears_the_count() -> None:
    """A person who approves has shown to be there, so earlier misses count no more."""
    budget = PushBudget(FakeClock(), per_origin=1)
    budget.take(make_login(user="alice"))
    budget.refund(make_login(user="alice"))
    assert not budget.is_spent(make_login(user="alice"))


def test_the_table_of_pushes_is_bounded() -> None:
    """A flood of user names pushes out the oldest and takes no more memory."""
    budget = PushBudget(FakeClock(), per_origin=1)
    for number in range(PushBudget.LIMIT + 5):
        budget.take(make_login(user=str(number)))
    assert len(budget.pushed) == PushBudget.LIMIT


def test_a_push_that_reached_nobody_is_given_back() -> None:
    """A person whose provider was unreachable has lost no push, and a name that nobody has leaves nothing behind."""
    budget = PushBudget(FakeClock(), per_origin=2)
    budget.take(make_login(user="alice"))
    budget.take(make_login(user="alice"))
    budget.give_back(make_login(user="alice"))
    assert not budget.is_spent(make_login(user="alice"))
    budget.give_back(make_login(user="alice"))
    budget.give_back(make_login(user="alice"))
    assert budget.pushed == {}


def test_spelling_gains_nothing() -> None:
    """An attacker who varies the case of a name gets no more pushes, places or tries than with one spelling."""
    clock = FakeClock()
    budget, cool_down, places = PushBudget(clock, per_origin=1), CoolDown(clock), Places(10, per_user=1)
    budget.take(make_login(user="alice"))
    cool_down.note_denial(make_login())
    with places.taken_by(make_login(user="alice")):
        assert (budget.is_spent(make_login(user="ALICE")), cool_down.holds(make_login(user="Alice"))) == (True, True)
        assert places.refusal(make_login(user="aLICE")) == "1 logins of this user are pending"
    assert (places.refusal(make_login(user="aLICE")), places.taken) == ("", {})
    budget.refund(make_login(user="Alice"))
    assert not budget.is_spent(make_login(user="alice"))


def test_places() -> None:
    """Places are counted in all and by user, and come back also from a login that breaks."""
    places = Places(2, per_user=1)
    alice, bob = make_login(), make_login(user="bob")
    with places.taken_by(alice):
        assert (places.refusal(alice), places.refusal(bob)) == ("1 logins of this user are pending", "")
        with places.taken_by(bob):
            assert places.refusal(make_login(user="carol")) == "2 logins are pending"
    with pytest.raises(RuntimeError), places.taken_by(alice):
        raise RuntimeError
    assert (places.count, places.taken) == (0, {})


def elsewhere(number: int) -> Origin:
    """Another address each time."""
    return Origin(f"198.51.100.{number}", OriginSource.PAM)


def test_a_stranger_from_one_address_does_not_use_up_the_owners_pushes() -> None:
    """An attacker who knows a name spends the pushes from one address; its owner is still asked about others."""
    budget = PushBudget(FakeClock(), per_origin=2)
    for _ in range(2):
        budget.take(make_login(origin=elsewhere(1)))
    assert (budget.is_spent(make_login(origin=elsewhere(1))), budget.is_spent(make_login())) == (True, False)


def test_many_addresses_share_a_limit() -> None:
    """An attacker with many addresses causes four times as many pushes as one with one, and no more."""
    budget = PushBudget(FakeClock(), per_origin=2)
    for number in range(8):
        budget.take(make_login(origin=elsewhere(number)))
    assert budget.is_spent(make_login())


def test_an_approval_clears_its_own_address_alone() -> None:
    """An attacker is not given new pushes by the owner's approval of a login from elsewhere."""
    budget = PushBudget(FakeClock(), per_origin=1)
    budget.take(make_login())
    budget.take(make_login(origin=elsewhere(1)))
    budget.refund(make_login())
    assert (budget.is_spent(make_login()), budget.is_spent(make_login(origin=elsewhere(1)))) == (False, True)


def test_a_stranger_from_one_address_leaves_places_for_the_owner() -> None:
    """An attacker who keeps logins waiting from one address takes half of a name's places."""
    places = Places(10, per_user=2)
    with places.taken_by(make_login(origin=elsewhere(1))):
        assert places.refusal(make_login(origin=elsewhere(1))) == "1 logins of this user from this address are pending"
        assert places.refusal(make_login()) == ""
    assert places.taken_from == {}
