"""Which server is asked first."""

from pushgate.clock import FakeClock
from pushgate.firstfactor.failover import AVOID_SECONDS, Failover


async def test_servers_are_asked_in_the_order_of_the_configuration(fake_clock: FakeClock) -> None:
    """An administrator's first server is asked first."""
    assert Failover(["a", "b", "c"], fake_clock).order() == ["a", "b", "c"]


async def test_a_server_that_failed_is_asked_last_for_a_while(fake_clock: FakeClock) -> None:
    """A login does not wait for a server that has just failed another one; after a minute it has its turn again."""
    failover = Failover(["a", "b", "c"], fake_clock)
    failover.note_failure("a")
    assert failover.order() == ["b", "c", "a"]
    await fake_clock.advance(AVOID_SECONDS - 1)
    assert failover.order() == ["b", "c", "a"]
    await fake_clock.advance(1)
    assert failover.order() == ["a", "b", "c"]


async def test_no_server_is_left_out(fake_clock: FakeClock) -> None:
    """A login while every server has just failed asks them all: one may be back."""
    failover = Failover(["a", "b"], fake_clock)
    failover.note_failure("a")
    failover.note_failure("b")
    assert failover.order() == ["a", "b"]


async def test_an_answer_clears_a_server(fake_clock: FakeClock) -> None:
    """A server that answers again is the first again."""
    failover = Failover(["a", "b"], fake_clock)
    failover.note_failure("a")
    failover.note_answer("a")
    assert failover.order() == ["a", "b"]


async def test_each_server_gets_its_share_of_the_time(fake_clock: FakeClock) -> None:
    """A login with little time left does not spend all of it on the first server."""
    turns = Failover(["a", "b"], fake_clock).turns(5.0, fake_clock.now() + 6.0)
    assert next(turns) == ("a", 3.0)
    await fake_clock.advance(1)
    assert next(turns) == ("b", 5.0)


async def test_nobody_is_asked_after_the_deadline(fake_clock: FakeClock) -> None:
    """A login whose time is over asks no further server."""
    turns = Failover(["a", "b"], fake_clock).turns(5.0, fake_clock.now() + 6.0)
    next(turns)
    await fake_clock.advance(6)
    assert list(turns) == []
