"""Only an outage that surely asked nobody hands a login over; everything else is the answer."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.clock import Clock, FakeClock
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.ladder import SHORTEST_REACH, LadderProvider
from tests.support.core import ScriptedProvider, make_login

DOWN = Failed(FailureKind.UNAVAILABLE, asked=False, detail="refused")


class Rung(ScriptedProvider):
    """A provider that is up, down before anybody is asked, or hangs."""

    def __init__(self, clock: Clock, begin: Outcome | None = None, *, reached: Failed | None = None) -> None:
        super().__init__(clock, begin)
        self.reached = reached
        self.reach_seconds = 0.0

    @override
    async def reach(self, deadline: float) -> Failed | None:
        self.calls.append("reach")
        if self.reach_seconds:
            await self.clock.sleep(self.reach_seconds)
        return self.reached


class Bench:
    """A ladder of three rungs for ``sshd``; ``other`` has the first alone."""

    def __init__(self, *begin: Outcome | None) -> None:
        self.clock = FakeClock()
        self.first, self.second, self.third = (Rung(self.clock, answer) for answer in (*begin, None, None, None)[:3])
        self.ladder = LadderProvider(self.first, {"second": self.second, "third": self.third}, self.clock)
        self.ladder.replace_fallbacks({"sshd": ("second", "third")})

    async def begin(self, login: Login | None = None, seconds: float = 60) -> Outcome:
        """Begin a login."""
        return await self.ladder.begin(login or make_login(), self.clock.now() + seconds)

    def begun(self) -> list[int]:
        """How often each rung has asked."""
        return [rung.begun() for rung in (self.first, self.second, self.third)]


async def test_a_provider_that_answers_is_the_only_one_asked() -> None:
    """A person whose provider is up is asked by it alone."""
    bench = Bench()
    assert isinstance(await bench.begin(), Pending)
    assert bench.begun() == [1, 0, 0]
    assert bench.ladder.steps == {}


@pytest.mark.parametrize("kind", list(FailureKind))
@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("where", ["begin", "reach"])
async def test_only_an_outage_that_asked_nobody_steps_down(kind: FailureKind, asked: bool, where: str) -> None:
    """A refused certificate or key, a limit, a reply that nobody can read, or a push that may be out ends there."""
    failure = Failed(kind, asked, "why")
    bench = Bench(failure if where == "begin" else None)
    bench.first.reached = failure if where == "reach" else None
    outcome = await bench.begin()
    if kind is FailureKind.UNAVAILABLE and not asked:
        assert bench.begun() == [where == "begin", 1, 0]
        assert isinstance(outcome, Pending)
    else:
        assert outcome == failure
        assert bench.begun() == [where == "begin", 0, 0]


@pytest.mark.parametrize("answer", [Approved(), Denied(), NeedsCode(Handle("c"), "Code: "), Pending(Handle("p"))])
async def test_an_answer_is_an_answer(answer: Outcome) -> None:
    """A person who has said no to the first provider is not asked by the second."""
    bench = Bench(answer)
    assert isinstance(await bench.begin(), type(answer))
    assert bench.begun() == [1, 0, 0]


async def test_a_denial_of_the_second_provider_ends_it() -> None:
    """A person who says no to the provider that stands in is not offered a code."""
    bench = Bench(DOWN, Denied("user"))
    assert await bench.begin() == Denied("scripted: unavailable: refused; stepped down to second; user")
    assert bench.begun() == [1, 1, 0]


async def test_each_step_is_counted_logged_and_told() -> None:
    """An administrator finds each step in the log, in the counters and, with the question, in the audit."""
    bench = Bench(DOWN, replace(DOWN, detail="gone\x1b[2J"), NeedsCode(Handle("c"), "Code: "))
    with capture_logs() as logs:
        outcome = await bench.begin(make_login(user="al\nice"))
    assert isinstance(outcome, NeedsCode)
    first, second = "scripted: unavailable: refused; stepped down to second", "second: unavailable: gone"
    assert outcome.detail.startswith(f"{first}; {second}")
    assert outcome.detail.endswith("; stepped down to third")
    assert bench.ladder.steps == {"second": 1, "third": 1}
    assert [(line["event"], line["log_level"], line["rung"], line["to"]) for line in logs] == [
        ("stepped_down", "warning", "scripted", "second"),
        ("stepped_down", "warning", "second", "third"),
    ]
    assert "\x1b" not in str(logs)
    assert "\n" not in logs[0]["user"]


async def test_all_down_is_an_outage() -> None:
    """A service whose every rung is down may fail open, if it is configured so, and the audit names each."""
    outcome = await Bench(DOWN, DOWN, DOWN).begin()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.UNAVAILABLE, False)
    assert outcome.detail.count("stepped down") == 2


@pytest.mark.parametrize("kind", [FailureKind.CONFIG, FailureKind.PROTOCOL, FailureKind.RATE_LIMITED])
async def test_a_lower_rung_that_is_not_down_decides(kind: FailureKind) -> None:
    """A second provider that refuses our key is no outage, whatever the first was."""
    outcome = await Bench(DOWN, Failed(kind, asked=False)).begin()
    assert isinstance(outcome, Failed)
    assert outcome.kind is kind


async def test_a_provider_that_hangs_leaves_time_for_the_next() -> None:
    """A person whose provider says nothing hears of the next way in after a third of the time."""
    bench = Bench()
    bench.first.reach_seconds = 600
    beginning = asyncio.create_task(bench.begin(seconds=60))
    await bench.clock.advance(19.9)
    assert not beginning.done()
    await bench.clock.advance(0.2)
    assert isinstance(await beginning, Pending)
    assert bench.begun() == [0, 1, 0]


async def test_with_little_time_nothing_is_taken_for_down() -> None:
    """A login whose time went by on the upper rungs ends there: a rung that was not tried is no outage."""
    bench = Bench()
    bench.first.reach_seconds = 600
    beginning = asyncio.create_task(bench.begin(seconds=2 * SHORTEST_REACH - 0.5))
    await bench.clock.advance(SHORTEST_REACH)
    outcome = await beginning
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.EXPIRED
    assert bench.begun() == [0, 0, 0]


async def test_a_question_stays_with_its_rung() -> None:
    """A person whose question came from the second provider answers, types and withdraws there, also after a reload."""
    bench = Bench(DOWN)
    pending = await bench.begin()
    assert isinstance(pending, Pending)
    bench.ladder.replace_fallbacks({})
    bench.second.answer("s1", Approved("phone"))
    bench.second.code_answers = [NeedsCode(Handle("again"), "Code: "), Approved()]
    assert await bench.ladder.wait(pending.handle, bench.clock.now() + 1) == Approved("phone")
    again = await bench.ladder.submit(pending.handle, "123456", bench.clock.now() + 1)
    assert isinstance(again, NeedsCode)
    assert await bench.ladder.submit(again.handle, "654321", bench.clock.now() + 1) == Approved()
    await bench.ladder.cancel(again.handle)
    assert bench.second.submitted == ["123456", "654321"]
    assert bench.second.calls[-1] == "cancel again"
    assert not any("wait" in call or "cancel" in call for call in bench.first.calls)


async def test_a_service_without_fallback_has_the_first_alone() -> None:
    """A service that names no rung is denied in an outage, and costs no question more than before."""
    bench = Bench(DOWN)
    assert await bench.begin(make_login(service="other")) == DOWN
    assert bench.first.calls == ["begin alice"]
    assert bench.begun() == [1, 0, 0]


async def test_a_stranger_goes_the_same_way_and_nobody_is_asked() -> None:
    """A name that this machine does not know meets the same outage, and no provider hears of it."""
    bench = Bench()
    bench.first.reached = bench.second.reached = DOWN
    bench.third.reached = Failed(FailureKind.CONFIG, asked=False)
    login = make_login(user="nobody", known=False)
    for expected in (FailureKind.CONFIG, FailureKind.NOT_ENROLLED):
        outcome = await bench.ladder.pretend(login, bench.clock.now() + 60)
        assert isinstance(outcome, Failed)
        assert outcome.kind is expected
        bench.first.reached = None
    assert bench.begun() == [0, 0, 0]


async def test_features_are_those_of_the_first() -> None:
    """A NAS that asks whether anybody can be asked hears of the provider that is asked first."""
    bench = Bench()
    bench.first.can, bench.second.can = frozenset({"number"}), frozenset({"code"})
    assert await bench.ladder.features(make_login(), bench.clock.now() + 1) == {"number"}
    bench.first.reached = DOWN
    assert await bench.ladder.reach(bench.clock.now() + 1) == DOWN


async def test_closing_closes_every_rung() -> None:
    """A daemon that ends leaves no connection of any rung."""
    bench = Bench()
    await bench.ladder.close()
    assert [rung.calls for rung in (bench.first, bench.second, bench.third)] == [["close"]] * 3


async def test_each_rung_looks_around_at_the_start() -> None:
    """An administrator hears at the start of what is wrong at every provider, not only at the first."""
    bench, looked = Bench(), []

    async def look_around(login_timeout: float) -> None:
        looked.append(login_timeout)

    for rung in (bench.first, bench.second, bench.third):
        rung.look_around = look_around  # type: ignore[method-assign]
    await bench.ladder.look_around(45)
    assert looked == [45, 45, 45]
