"""The provider port's bounds."""

from pushgate.providers.base import WITHDRAW_SECONDS
from pushgate.waiting import LAST_LOOK_SECONDS


def test_a_hung_provider_leaves_time_to_answer_the_nas() -> None:
    """A NAS that gives up after 30 seconds is answered before, also if the provider hangs at the deadline."""
    assert 28 + LAST_LOOK_SECONDS + WITHDRAW_SECONDS < 30
