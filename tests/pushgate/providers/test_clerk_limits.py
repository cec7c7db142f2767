"""How much Clerk is asked."""

import asyncio

from pushgate.clock import FakeClock
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.clerk_limits import MAX_WAITING, Budget, Turns, counts, too_often


async def test_a_budget_is_spent_and_comes_back(fake_clock: FakeClock) -> None:
    """A person who was wrong as often as allowed has to wait for as long as that counts."""
    budget = Budget(fake_clock, 2, 60)
    assert [budget.take("alice", "user_1") for _ in range(3)] == [True, True, False]
    assert budget.is_spent("user_1")
    assert budget.take("bob")
    await fake_clock.advance(60)
    assert budget.take("alice")


def test_what_was_right_is_given_back(fake_clock: FakeClock) -> None:
    """A person who was right has used nothing up; giving back what was never taken changes nothing."""
    budget = Budget(fake_clock, 1, 60)
    budget.take("alice", "user_1")
    budget.give_back("alice", "user_1", "bob")
    assert budget.limiter.used == {}
    assert budget.take("alice")


def test_another_name_of_the_same_person_is_no_way_round(fake_clock: FakeClock) -> None:
    """An attacker who knows two addresses of one person has no more tries by that."""
    budget = Budget(fake_clock, 2, 60)
    assert [budget.take(name, "user_1") for name in ("a@x", "b@x", "c@x")] == [True, True, False]
    assert not budget.is_spent("c@x")


async def test_turns_come_in_order(fake_clock: FakeClock) -> None:
    """Logins beyond the limit wait for their turn, one after the other."""
    turns, came = Turns(fake_clock, 2, 10), list[tuple[int, float]]()

    async def come(number: int) -> None:
        assert await turns.wait(fake_clock.now() + 60)
        came.append((number, fake_clock.now()))

    tasks = [asyncio.create_task(come(number)) for number in range(5)]
    await fake_clock.advance(30)
    assert came == [(0, 1000), (1, 1000), (2, 1010), (3, 1010), (4, 1020)]
    await asyncio.gather(*tasks)


async def test_a_turn_that_comes_too_late_is_refused_at_once(fake_clock: FakeClock) -> None:
    """A login whose turn would come after its deadline does not wait, and takes nobody's place."""
    turns = Turns(fake_clock, 1, 10)
    assert await turns.wait(fake_clock.now() + 5)
    assert not await turns.wait(fake_clock.now() + 5)
    await fake_clock.advance(10)
    assert await turns.wait(fake_clock.now() + 5)


async def test_the_queue_is_bounded(fake_clock: FakeClock) -> None:
    """A flood of logins cannot make more than so many wait; one that is cancelled leaves the queue."""
    turns = Turns(fake_clock, 1, 1)
    tasks = [asyncio.create_task(turns.wait(fake_clock.now() + 10_000)) for _ in range(MAX_WAITING + 1)]
    await fake_clock.settle()
    assert turns.waiting == MAX_WAITING
    assert not await turns.wait(fake_clock.now() + 10_000)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert turns.waiting == 0


async def test_nobody_has_a_turn_while_the_server_wants_none(fake_clock: FakeClock) -> None:
    """After a 429 everybody waits as long as the server has said."""
    turns = Turns(fake_clock, 5, 10)
    turns.hold(3)
    assert not await turns.wait(fake_clock.now() + 3)
    waiting = asyncio.create_task(turns.wait(fake_clock.now() + 5))
    await fake_clock.advance(3)
    assert await waiting


def test_a_check_without_an_end_counts_as_wrong() -> None:
    """A code of which nobody knows whether it was checked counts; one that was not checked does not."""
    assert counts(Failed(FailureKind.BAD_CODE, asked=False))
    assert counts(Failed(FailureKind.UNAVAILABLE, asked=True))
    assert not counts(Failed(FailureKind.UNAVAILABLE, asked=False))
    assert not counts(Approved())


def test_our_own_limit_says_so() -> None:
    """An administrator can tell our own limit from Clerk's."""
    failed = too_often("wrong codes")
    assert (failed.kind, failed.asked) == (FailureKind.RATE_LIMITED, False)
    assert "our own limit" in failed.detail


async def test_no_answer_keeps_everybody_out_for_hours(fake_clock: FakeClock) -> None:
    """Who gets a 429 for a day, by whatever is done to one account, holds the others up for half a minute."""
    turns = Turns(fake_clock, 3, 10)
    turns.hold(86_400)
    assert not await turns.wait(fake_clock.now() + 29)
    waiting = asyncio.create_task(turns.wait(fake_clock.now() + 31))
    await fake_clock.advance(30)
    assert waiting.done()
    assert await waiting
