"""The provider port's bounds."""

from pushgate.clock import FakeClock
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.base import WITHDRAW_SECONDS
from pushgate.waiting import LAST_LOOK_SECONDS
from tests.support.core import ScriptedProvider, make_login


def test_a_hung_provider_leaves_time_to_answer_the_nas() -> None:
    """A NAS that gives up after 30 seconds is answered before, also if the provider hangs at the deadline."""
    assert 28 + LAST_LOOK_SECONDS + WITHDRAW_SECONDS < 30


async def test_a_provider_that_says_no_more_asks_nobody_about_a_stranger(fake_clock: FakeClock) -> None:
    """A login that must not be accepted reaches no provider by default, and ends like one of somebody not enrolled."""
    provider = ScriptedProvider(fake_clock)
    login = make_login(known=False)
    assert await provider.pretend(login, fake_clock.now() + 60) == Failed(FailureKind.NOT_ENROLLED, asked=False)
    assert provider.calls == []
