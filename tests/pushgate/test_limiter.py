"""The limiter: a window that slides, keys that are apart, a table that is bounded."""

from hypothesis import given
from hypothesis import strategies as st

from pushgate.clock import FakeClock
from pushgate.limiter import Limiter


async def test_a_window_slides(fake_clock: FakeClock) -> None:
    """A person who had a mail at 0 and one at 10 seconds gets the next one when the first is a window ago."""
    limiter = Limiter(fake_clock, 2, 60)
    assert limiter.take("alice")
    await fake_clock.advance(10)
    assert limiter.take("alice")
    assert not limiter.take("alice")
    assert limiter.pause("alice") == 50
    await fake_clock.advance(49.5)
    assert not limiter.take("alice")
    await fake_clock.advance(0.5)
    assert limiter.pause("alice") == 0
    assert limiter.take("alice")
    assert limiter.pause("alice") == 10


def test_keys_are_apart(fake_clock: FakeClock) -> None:
    """An attacker who has used up one person's limit has used up nobody else's."""
    limiter = Limiter(fake_clock, 1, 60)
    assert limiter.take("alice")
    assert limiter.is_spent("alice")
    assert not limiter.is_spent("bob")
    assert limiter.take("bob")


def test_what_had_no_effect_is_given_back(fake_clock: FakeClock) -> None:
    """A person whose mail never left may have another one; giving back what was not taken gives nothing."""
    limiter = Limiter(fake_clock, 1, 60)
    limiter.give_back("alice")
    assert limiter.take("alice")
    limiter.give_back("alice")
    limiter.give_back("alice")
    assert limiter.take("alice")
    assert not limiter.take("alice")


def test_a_key_can_be_forgotten(fake_clock: FakeClock) -> None:
    """A person who typed the right code after wrong ones begins from nothing."""
    limiter = Limiter(fake_clock, 2, 60)
    limiter.take("alice")
    limiter.take("alice")
    limiter.forget("alice")
    limiter.forget("nobody")
    assert limiter.pause("alice") == 0
    assert limiter.take("alice")


def test_a_refusal_prolongs_nothing(fake_clock: FakeClock) -> None:
    """An attacker who goes on asking does not keep the owner of a name out for longer."""
    limiter = Limiter(fake_clock, 1, 60)
    limiter.take("alice")
    for _ in range(100):
        assert not limiter.take("alice")
    assert limiter.pause("alice") == 60


def test_the_table_is_bounded(fake_clock: FakeClock) -> None:
    """An attacker with many names makes us remember no more than so many, and drops what was used longest ago."""
    limiter = Limiter(fake_clock, 1, 60, keys=100)
    for number in range(500):
        assert limiter.take(f"name{number}")
    assert len(limiter.used) == 100
    assert limiter.is_spent("name499")
    assert not limiter.is_spent("name0")


@given(st.lists(st.floats(0, 50), max_size=60))
def test_no_window_holds_more_than_the_limit(pauses: list[float]) -> None:
    """Whoever asks at whatever times gets at most the limit within any one window."""
    clock, granted = FakeClock(), list[float]()
    limiter = Limiter(clock, 3, 60)
    for pause in pauses:
        clock.time += pause
        if limiter.take("alice"):
            granted.append(clock.now())
    assert all(later - earlier >= 60 for earlier, later in zip(granted, granted[3:], strict=False))
