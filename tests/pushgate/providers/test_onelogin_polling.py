"""Looking for an answer: what passes, what ends it, and what is said at the deadline."""

import asyncio

import pytest

from pushgate.clock import FakeClock
from pushgate.http import Reply
from pushgate.outcome import Approved, Denied, Failed, FailureKind
from pushgate.providers.onelogin_budget import CallBudget
from pushgate.providers.onelogin_devices import Device, Kind
from pushgate.providers.onelogin_polling import (
    NO_ANSWER,
    OVER,
    Life,
    Seen,
    count_wrong,
    poll,
    prompt_for,
    seen_failure,
    seen_reply,
    told,
)
from pushgate.providers.onelogin_token import CallFailedError

OUTAGE = Failed(FailureKind.UNAVAILABLE, asked=True, detail="wait: gone")
WAITING, AGAIN = Seen(), Seen(OUTAGE, again=True)


class Bench:
    """Looks that follow a script, whose last entry repeats."""

    def __init__(self, *script: Seen) -> None:
        self.clock, self.script, self.life = FakeClock(0), list(script), Life()
        self.looks: list[float] = []

    async def look(self, _until: float) -> Seen:
        """Return the next entry."""
        self.looks.append(self.clock.now())
        return self.script.pop(0) if len(self.script) > 1 else self.script[0]

    async def wait(self, seconds: float = 60) -> Approved | Denied | Failed:
        """Poll to the end."""
        budget = CallBudget(self.clock, 4500)
        polling = asyncio.create_task(poll(self.look, self.life.is_over, self.clock, budget, seconds))
        for _ in range(int(seconds) + 2):
            await self.clock.advance(1)
        assert polling.done()
        return await polling


async def test_an_answer_ends_the_looking() -> None:
    """A person's answer is found at the next look."""
    bench = Bench(WAITING, WAITING, Seen(Approved()))
    assert await bench.wait() == Approved()
    assert len(bench.looks) == 3
    assert await Bench(WAITING, Seen(Denied())).wait() == Denied()


async def test_a_minute_costs_about_25_looks_and_the_last_is_at_the_deadline() -> None:
    """A person who does not answer costs what the documents plan for, and is looked for until the end."""
    bench = Bench(WAITING)
    assert await bench.wait() == NO_ANSWER
    assert 20 <= len(bench.looks) <= 26
    assert (bench.looks[0], bench.looks[-1]) == (1.5, 60)


async def test_an_answer_at_the_deadline_counts() -> None:
    """A person who answers in the same second as the deadline is let in by the last look."""
    bench = Bench(*[WAITING] * 2, Seen(Approved()))
    assert await bench.wait(3.5) == Approved()
    assert bench.looks[-1] == 3.5


async def test_a_deadline_that_has_passed_still_has_its_last_look() -> None:
    """A wait that begins at its deadline looks once."""
    bench = Bench(Seen(Approved()))
    assert await bench.wait(0) == Approved()
    assert bench.looks == [0]


async def test_an_outage_passes_and_is_told_only_if_nothing_was_heard() -> None:
    """An outage while the person thinks is borne; at the deadline it is the reason only if nothing was heard."""
    assert await Bench(AGAIN, AGAIN, Seen(Approved())).wait() == Approved()
    assert await Bench(AGAIN).wait() == OUTAGE
    assert await Bench(WAITING, AGAIN).wait() == NO_ANSWER
    assert await Bench(AGAIN, WAITING, AGAIN).wait() == NO_ANSWER


async def test_what_cannot_pass_ends_it_at_once() -> None:
    """A reply that we do not know is not asked for again until the deadline."""
    strange = Failed(FailureKind.PROTOCOL, asked=True)
    bench = Bench(WAITING, Seen(strange))
    assert await bench.wait() == strange
    assert len(bench.looks) == 2


async def test_who_wants_to_be_left_alone_is() -> None:
    """A server that asks for ten seconds gets them; one that asks for a day is looked at once more, at the deadline."""
    limited = Failed(FailureKind.RATE_LIMITED, asked=True)
    bench = Bench(Seen(limited, again=True, pause=10), Seen(Approved()))
    assert await bench.wait() == Approved()
    assert bench.looks == [1.5, 11.5]
    bench = Bench(Seen(limited, again=True, pause=86_400))
    assert await bench.wait() == limited
    assert bench.looks == [1.5, 60]


async def test_a_question_that_is_over_opens_nothing() -> None:
    """An approval of a question that we have given up opens nothing, also if it is on its way at that moment."""
    bench = Bench(Seen(Approved()))
    bench.life.ended = True
    assert await bench.wait() == OVER
    assert bench.looks == []

    class Ending(Bench):
        async def look(self, until: float) -> Seen:
            self.life.ended = True
            return await super().look(until)

    assert await Ending(Seen(Approved())).wait() == OVER


@pytest.mark.parametrize(
    ("kind", "again"),
    [
        (FailureKind.UNAVAILABLE, True),
        (FailureKind.RATE_LIMITED, True),
        (FailureKind.CONFIG, False),
        (FailureKind.EXPIRED, False),
        (FailureKind.PROTOCOL, False),
    ],
)
def test_only_outages_and_limits_pass(kind: FailureKind, again: bool) -> None:
    """A reply that refuses us, or that we do not know, ends the login."""
    failed = Failed(kind, asked=True)
    assert seen_reply(Reply(500, None, retry_after=4.0), failed) == Seen(failed, again, 4.0)


def test_answers_are_final() -> None:
    """An answer of the person is one."""
    assert seen_reply(Reply(200, None), Approved()) == Seen(Approved())
    assert seen_reply(Reply(200, None), None) == Seen()


@pytest.mark.parametrize(
    ("kind", "sent", "again"),
    [
        (FailureKind.UNAVAILABLE, False, True),
        (FailureKind.RATE_LIMITED, False, True),
        (FailureKind.PROTOCOL, True, True),
        (FailureKind.PROTOCOL, False, False),
        (FailureKind.CONFIG, True, False),
    ],
)
def test_what_is_no_reply_may_pass(kind: FailureKind, sent: bool, again: bool) -> None:
    """An unreadable page may be a proxy's; a bad certificate will not get better."""
    seen = seen_failure(CallFailedError(Failed(kind, asked=False, detail="x"), sent=sent))
    assert seen == Seen(Failed(kind, asked=True, detail="wait: x"), again)


def test_a_failure_is_told_with_its_step() -> None:
    """An administrator reads at which step it failed, with status, trace and hint."""
    failed = Failed(FailureKind.CONFIG, False, "HTTP 401", 401, "r-1", "do this")
    assert told(failed, "create", asked=True) == Failed(
        FailureKind.CONFIG, True, "create: HTTP 401", 401, "r-1", "do this"
    )


def test_a_person_reads_where_the_code_is() -> None:
    """A person is told where to look for the code."""
    assert prompt_for(Device(1, Kind.SMS)) == "Type the code that was sent by SMS"
    assert prompt_for(Device(1, Kind.PUSH)) == "Type a code"


def test_wrong_codes_are_counted() -> None:
    """A wrong code counts, a right one and an outage do not."""
    life = Life()
    for outcome in (Failed(FailureKind.BAD_CODE, asked=True), OUTAGE, Approved()):
        assert count_wrong(outcome, life) is outcome
    assert (life.wrong_codes, life.is_over()) == (1, False)
