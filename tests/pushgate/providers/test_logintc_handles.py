"""What the provider logintc knows of a question that is out."""

import pytest

from pushgate.clock import FakeClock
from pushgate.login import Code, Secret
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.logintc_handles import (
    MOST_WRONG,
    TOO_MANY_WRONG,
    WRONG_WITHIN,
    MailedCode,
    OpenSession,
    Tally,
    WrongCodes,
)
from tests.support.core import make_login


def test_three_codes_are_all() -> None:
    """A fourth code for one question is refused, and so LoginTC never counts to five."""
    tally = Tally()
    assert [tally.take_try() for _ in range(5)] == [True, True, True, False, False]


def test_a_withdrawn_question_takes_no_code() -> None:
    """A code for a question that was withdrawn is not tried."""
    assert not Tally(withdrawn=True).take_try()


@pytest.mark.parametrize(
    "handle",
    [
        OpenSession("s", make_login(factor=Code(Secret(b"123456")), secret=Secret(b"hunter2")), False, "42"),
        MailedCode("s", make_login(secret=Secret(b"hunter2")), "8c184f"),
    ],
)
def test_a_handle_shows_no_secret(handle: object) -> None:
    """A handle in a traceback shows neither number nor login."""
    shown = repr(handle)
    assert [word for word in ("123456", "hunter2", "42", "alice", "8c184f") if word in shown] == []


async def test_wrong_codes_in_a_row_count(fake_clock: FakeClock) -> None:
    """A person has four wrong codes, as many again after a right one or a day; outages and others do not count."""
    codes = WrongCodes(fake_clock)

    async def typed(outcome: Approved | Failed, user: str = "alice") -> Approved | Failed:
        async def check() -> Approved | Failed:
            return outcome

        return await codes.counted(user, check)

    wrong, right = Failed(FailureKind.BAD_CODE, asked=False), Approved()
    outage = Failed(FailureKind.UNAVAILABLE, asked=True)
    row: list[Approved | Failed] = [*[wrong] * (MOST_WRONG - 1), right, *[outage] * 9, *[wrong] * MOST_WRONG]
    for outcome in row:
        assert await typed(outcome) is outcome
    assert await typed(right) is TOO_MANY_WRONG
    assert await typed(right, "bob") is right
    await fake_clock.advance(WRONG_WITHIN)
    assert await typed(right) is right
