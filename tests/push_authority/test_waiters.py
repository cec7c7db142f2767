import pytest

from push_authority.errors import ApiError
from push_authority.waiters import Wakeups


def test_wake_reaches_all_who_watch_that_key() -> None:
    """Everybody who watches a key is woken, nobody else, and nothing remains afterwards."""
    wakeups = Wakeups()
    with wakeups.watch("a") as one, wakeups.watch("a") as two, wakeups.watch("b") as other:
        wakeups.wake("a")
        wakeups.wake("unknown")
        assert (one.is_set(), two.is_set(), other.is_set()) == (True, True, False)
    assert (wakeups.events, wakeups.count) == ({}, 0)


def test_waits_are_bounded() -> None:
    """One more than the bound of a key, or of all keys, is refused with 429; a place that is left can be taken."""
    wakeups = Wakeups(limit=3, limit_per_key=2)
    with wakeups.watch("a"), wakeups.watch("a"):
        with pytest.raises(ApiError) as refusal, wakeups.watch("a"):
            pass
        assert (refusal.value.status, refusal.value.retry_after) == (429, 5)
        with wakeups.watch("b"), pytest.raises(ApiError), wakeups.watch("c"):
            pass
        with wakeups.watch("c"):
            assert wakeups.count == 3
    assert wakeups.events == {}


def test_end_wakes_everybody() -> None:
    """At the end all are woken and can see why."""
    wakeups = Wakeups()
    with wakeups.watch("a") as one, wakeups.watch("b") as two:
        wakeups.end()
        assert (one.is_set(), two.is_set(), wakeups.ended) == (True, True, True)
