"""How many calls OneLogin may be sent in an hour: ours, theirs, and what is kept for those who wait."""

import pytest

from pushgate.clock import FakeClock
from pushgate.providers.onelogin_budget import HOUR, CallBudget, number


def headers(limit: object, left: object, reset: object) -> dict[str, str]:
    """Make the headers with which OneLogin says what is left."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(left),
        "X-RateLimit-Reset": str(reset),
    }


async def test_our_own_limit_ends_and_comes_back(fake_clock: FakeClock) -> None:
    """A daemon makes no more calls in an hour than it may, and goes on in the next."""
    budget = CallBudget(fake_clock, 100)
    assert [budget.take() for _ in range(101)] == [True] * 100 + [False]
    await fake_clock.advance(HOUR - 1)
    assert not budget.take()
    await fake_clock.advance(1)
    assert budget.take()


def test_the_last_calls_are_for_those_who_wait(fake_clock: FakeClock) -> None:
    """A flood of new logins leaves the calls that those who are being asked need."""
    budget = CallBudget(fake_clock, 100)
    new = 0
    while budget.allows_new():
        assert budget.take()
        new += 1
    assert (new, budget.take()) == (95, True)


async def test_what_onelogin_says_counts_too(fake_clock: FakeClock) -> None:
    """A daemon stops when other programs have used up the account's calls, and goes on when OneLogin says so."""
    budget = CallBudget(fake_clock, 4500)
    budget.note(headers(5000, 2, 600))
    assert not budget.allows_new()
    assert [budget.take() for _ in range(3)] == [True, True, False]
    await fake_clock.advance(599)
    assert not budget.take()
    await fake_clock.advance(1)
    assert budget.take()
    assert budget.allows_new()


async def test_a_wrong_header_locks_nobody_out_for_days(fake_clock: FakeClock) -> None:
    """A server that says to come back in three years is asked again after an hour."""
    budget = CallBudget(fake_clock, 4500)
    budget.note(headers(5000, 0, 99_999_999))
    assert not budget.take()
    await fake_clock.advance(HOUR)
    assert budget.take()


@pytest.mark.parametrize(
    "strange",
    [
        {},
        headers("", "", ""),
        headers("many", -1, "soon"),
        headers(0, 0, 0),
        headers(5000, 0, ""),
        headers("9" * 99, 0, 1),
    ],
)
def test_headers_that_say_nothing_change_nothing(fake_clock: FakeClock, strange: dict[str, str]) -> None:
    """A reply with no or broken limits leaves our own in force."""
    budget = CallBudget(fake_clock, 100)
    budget.note(strange)
    assert budget.take()
    assert budget.allows_new()


def test_looks_become_rarer(fake_clock: FakeClock) -> None:
    """A person who takes a minute costs about 25 looks; half of them where calls are scarce."""
    budget = CallBudget(fake_clock, 1000)
    assert (budget.pause(0), budget.pause(15), budget.pause(30), budget.pause(300)) == (1.5, 2.25, 3.0, 3.0)
    assert 20 <= looks(budget) <= 26
    budget.note(headers(5000, 900, 600))
    assert budget.pause(0) == 3.0
    assert looks(budget) <= 13


def looks(budget: CallBudget) -> int:
    """Count the looks of a minute."""
    elapsed, count = 0.0, 0
    while elapsed < 60:
        elapsed += budget.pause(elapsed)
        count += 1
    return count


@pytest.mark.parametrize(
    ("text", "value"), [("5", 5), ("0", 0), ("-1", None), ("\u0665", None), ("1" * 9, None), ("", None), (None, None)]
)
def test_a_header_is_a_number_or_nothing(text: str | None, value: int | None) -> None:
    """A header of any other form is none."""
    assert number(text) == value
