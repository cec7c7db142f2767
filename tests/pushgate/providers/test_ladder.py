"""Only an outage that surely asked nobody hands a login over; everything else is the answer."""

import asyncio
from dataclasses import replace

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.clock import Clock, FakeClock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.login import Code, Factor, Login, Push, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.ladder import SHORTEST_REACH, LadderProvider
from pushgate.providers.routes import Route, RouteRule, Routes
from tests.support.core import ScriptedProvider, make_login

DOWN = Failed(FailureKind.UNAVAILABLE, asked=False, detail="refused")


class Rung(ScriptedProvider):
    """A provider that is up, down before anybody is asked, or hangs."""

    def __init__(self, clock: Clock, begin: Outcome | None = None, *, reached: Failed | None = None) -> None:
        super().__init__(clock, begin)
        self.reached = reached
        self.reach_seconds = 0.0
        self.seen: list[object] = []
        """What came with each login from the check of its password."""

    @override
    async def reach(self, deadline: float) -> Failed | None:
        self.calls.append("reach")
        if self.reach_seconds:
            await self.clock.sleep(self.reach_seconds)
        return self.reached

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        self.seen.append(login.checked)
        return await super().begin(login, deadline)

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        if login.checked is not None:
            self.seen.append(login.checked)
        return await super().features(login, deadline)


class Checking(Rung):
    """A provider that also checks passwords."""

    def __init__(self, clock: Clock, answer: Checked) -> None:
        super().__init__(clock)
        self.check_with, self.passwords = answer, list[bytes]()

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Answer as told."""
        self.passwords.append(password.value)
        return self.check_with


class Bench:
    """A ladder of three rungs for ``sshd``; everything else has the first alone."""

    def __init__(self, *begin: Outcome | None) -> None:
        self.clock = FakeClock()
        self.first, self.second, self.third = (Rung(self.clock, answer) for answer in (*begin, None, None, None)[:3])
        rungs = {"first": self.first, "second": self.second, "third": self.third}
        self.ladder = LadderProvider(
            rungs, Routes(("first",), {"sshd": Route(("first", "second", "third"))}), self.clock
        )

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
        assert isinstance(outcome, Failed)
        assert outcome.provider == ("first" if where == "begin" else "")
        assert bench.begun() == [where == "begin", 0, 0]


@pytest.mark.parametrize("answer", [Approved(), Denied(), NeedsCode(Handle("c"), "Code: "), Pending(Handle("p"))])
async def test_an_answer_is_an_answer(answer: Outcome) -> None:
    """A person who has said no to the first provider is not asked by the second."""
    bench = Bench(answer)
    outcome = await bench.begin()
    assert isinstance(outcome, type(answer))
    assert bench.begun() == [1, 0, 0]
    if isinstance(outcome, Approved | Denied):
        assert outcome.provider == "first"


async def test_a_denial_of_the_second_provider_ends_it() -> None:
    """A person who says no to the provider that stands in is not offered a code."""
    bench = Bench(DOWN, Denied("user"))
    assert await bench.begin() == Denied("first: unavailable: refused; stepped down to second; user")
    assert bench.begun() == [1, 1, 0]


async def test_each_step_is_counted_logged_and_told() -> None:
    """An administrator finds each step in the log, in the counters and, with the question, in the audit."""
    bench = Bench(DOWN, replace(DOWN, detail="gone\x1b[2J"), NeedsCode(Handle("c"), "Code: "))
    with capture_logs() as logs:
        outcome = await bench.begin(make_login(user="al\nice"))
    assert isinstance(outcome, NeedsCode)
    first, second = "first: unavailable: refused; stepped down to second", "second: unavailable: gone"
    assert outcome.detail.startswith(f"{first}; {second}")
    assert outcome.detail.endswith("; stepped down to third")
    assert bench.ladder.steps == {"second": 1, "third": 1}
    steps = [line for line in logs if line["event"] == "stepped_down"]
    assert [(line["event"], line["log_level"], line["rung"], line["to"]) for line in steps] == [
        ("stepped_down", "warning", "first", "second"),
        ("stepped_down", "warning", "second", "third"),
    ]
    assert "\x1b" not in str(logs)
    assert "\n" not in steps[0]["user"]


async def test_a_login_that_has_asked_somebody_stays_where_it_is() -> None:
    """An attacker who has somebody asked, chooses another way and then takes the provider down finds no other rung."""
    bench = Bench(DOWN)
    assert await bench.begin(make_login(asked=True)) == DOWN
    assert await bench.ladder.pretend(make_login(asked=True), bench.clock.now() + 60) == Failed(
        FailureKind.NOT_ENROLLED, asked=False
    )
    assert bench.begun() == [1, 0, 0]
    assert bench.ladder.steps == {}


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
    bench.ladder.replace_routes(Routes(("first",)))
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


async def test_features_are_those_of_the_first_rung_of_the_login() -> None:
    """A person is offered what the provider can do that asks this very person, and nothing while it is down."""
    bench = Bench()
    rule = RouteRule(frozenset({"root"}), frozenset({"ops"}), ("third",))
    bench.ladder.replace_routes(Routes(("second",), {"sshd": Route(("first", "second"), (rule,))}))
    bench.first.can, bench.second.can, bench.third.can = (frozenset({word}) for word in ("number", "code", "sms"))

    async def features(**login: object) -> frozenset[str]:
        return await bench.ladder.features(make_login(**login), bench.clock.now() + 60)

    assert await features() == {"number"}
    assert await features(user="root") == await features(groups=frozenset({"ops"})) == {"sms"}
    assert await features(service="sudo") == {"code"}
    bench.first.reached = bench.second.reached = DOWN
    assert await features() == frozenset()
    assert await features(service="sudo") == {"code"}


async def test_a_look_for_features_is_short() -> None:
    """A person whose first provider hangs has the time for the next one left when it is only asked what it can do."""
    bench = Bench()
    bench.first.reach_seconds = 600
    looking = asyncio.create_task(bench.ladder.features(make_login(), bench.clock.now() + 60))
    await bench.clock.advance(SHORTEST_REACH + 0.1)
    assert looking.done()
    assert await looking == frozenset()


@pytest.mark.parametrize(("first", "third", "alive"), [(None, DOWN, True), (DOWN, None, True), (DOWN, DOWN, False)])
async def test_somebody_can_be_asked_while_one_first_rung_is_alive(
    first: Failed | None, third: Failed | None, alive: bool
) -> None:
    """An appliance that probes us is told that we live as long as a provider is up that is asked first somewhere."""
    bench = Bench()
    bench.first.reached, bench.third.reached = first, third
    bench.ladder.replace_routes(Routes(("first",), {"sshd": Route(("third", "second"))}))
    assert (await bench.ladder.reach(bench.clock.now() + 5) is None) is alive
    assert bench.second.calls == []


async def test_a_provider_that_hangs_hides_no_other() -> None:
    """An appliance that probes us hears at once of the provider that is up, not after the one that hangs."""
    bench = Bench()
    bench.first.reach_seconds = 600
    bench.ladder.replace_routes(Routes(("first",), {"sshd": Route(("second",))}))
    looking = asyncio.create_task(bench.ladder.reach(bench.clock.now() + 5))
    await bench.clock.settle()
    assert looking.done()
    assert await looking is None


RIGHT = PasswordRight(groups=frozenset({"staff"}), handle=Handle("token"))


async def test_the_rung_that_checked_the_password_has_its_handle_again() -> None:
    """A provider that has checked a password goes on with it; a further one that stands in never sees that handle."""
    bench = Bench()
    checking = Checking(bench.clock, RIGHT)
    bench.ladder.rungs = {**bench.ladder.rungs, "first": checking}
    login, deadline = make_login(), bench.clock.now() + 60
    checked = await bench.ladder.check_password(login, Secret(b"pw"), deadline)
    assert isinstance(checked, PasswordRight)
    assert checked.groups == {"staff"}
    assert "token" not in repr(checked.handle).replace("id='token'", "")
    login = replace(login, checked=checked.handle)
    assert isinstance(await bench.ladder.begin(login, deadline), Pending)
    await bench.ladder.features(login, deadline)
    checking.begin_with = DOWN
    assert isinstance(await bench.ladder.begin(login, deadline), Pending)
    assert checking.seen == [Handle("token")] * 3
    assert bench.second.seen == [None]
    assert checked.handle is not None
    await bench.ladder.cancel(checked.handle)
    assert checking.calls[-1] == "cancel token"


async def test_a_handle_stays_with_its_rung_over_a_reload() -> None:
    """A person whose password one provider has checked, and whom a reload sends to another, is asked without it."""
    bench = Bench()
    checking = Checking(bench.clock, RIGHT)
    bench.ladder.rungs = {**bench.ladder.rungs, "first": checking}
    checked = await bench.ladder.check_password(make_login(), Secret(b"pw"), bench.clock.now() + 60)
    assert isinstance(checked, PasswordRight)
    bench.ladder.replace_routes(Routes(("second",)))
    assert isinstance(await bench.begin(make_login(checked=checked.handle)), Pending)
    assert (bench.second.seen, checking.seen) == ([None], [])


@pytest.mark.parametrize(
    "answer", [DOWN, Failed(FailureKind.CONFIG, asked=False), PasswordWrong("no"), PasswordRight()]
)
async def test_a_password_never_steps_down(answer: Checked) -> None:
    """An attacker who takes the provider of a password down, or is refused by it, finds no other that checks it."""
    bench = Bench()
    first, second = Checking(bench.clock, answer), Checking(bench.clock, RIGHT)
    bench.ladder.rungs = {"first": first, "second": second, "third": bench.third}
    first.reached = DOWN
    assert await bench.ladder.check_password(make_login(), Secret(b"pw"), bench.clock.now() + 60) == answer
    assert (first.passwords, second.passwords) == ([b"pw"], [])


async def test_a_password_goes_to_the_first_rung_of_this_person() -> None:
    """A person whom a rule sends elsewhere has the password checked there; one who checks none refuses it."""
    bench = Bench()
    third = Checking(bench.clock, RIGHT)
    bench.ladder.rungs = {**bench.ladder.rungs, "third": third}
    rule = RouteRule(frozenset({"root"}), frozenset(), ("third", "first"))
    bench.ladder.replace_routes(Routes(("first",), {"sshd": Route(("first",), (rule,))}))
    deadline = bench.clock.now() + 60
    checked = await bench.ladder.check_password(make_login(user="root"), Secret(b"pw"), deadline)
    assert isinstance(checked, PasswordRight)
    with capture_logs() as logs:
        refused = await bench.ladder.check_password(make_login(), Secret(b"pw"), deadline)
    assert isinstance(refused, Failed)
    assert (refused.kind, refused.detail) == (FailureKind.CONFIG, "first checks no passwords")
    assert [(line["event"], line["call"]) for line in logs] == [("provider_failed", "check_password")]


async def test_failures_of_each_call_are_logged_once_and_counted() -> None:
    """An operator finds each failure of each call with the provider's name, and its number in the status."""
    bench = Bench()
    checking = Checking(bench.clock, Failed(FailureKind.CONFIG, asked=False))
    bench.ladder.rungs = {**bench.ladder.rungs, "first": checking}
    deadline = bench.clock.now() + 60
    with capture_logs() as logs:
        await bench.ladder.check_password(make_login(), Secret(b"pw"), deadline)
        pending = await bench.begin()
        assert isinstance(pending, Pending)
        checking.answer("s1", Failed(FailureKind.PROTOCOL, asked=True))
        await bench.ladder.wait(pending.handle, deadline)
        checking.code_answers = [Failed(FailureKind.BAD_CODE, asked=True), Failed(FailureKind.LOCKED, asked=True)]
        await bench.ladder.submit(pending.handle, "123456", deadline)
        await bench.ladder.submit(pending.handle, "123456", deadline)
        checking.begin_with = DOWN
        await bench.begin()
    events = [(line.get("call", line["event"]), line["log_level"]) for line in logs]
    assert events == [
        ("check_password", "error"),
        ("wait", "warning"),
        ("submit", "info"),
        ("begin", "warning"),
        ("stepped_down", "warning"),
    ]
    assert bench.ladder.report() == {
        "first": {"asked": 3, "failed": 4},
        "second": {"asked": 1, "failed": 0},
        "third": {"asked": 0, "failed": 0},
    }


@pytest.mark.parametrize(
    ("kind", "factor", "lines"),
    [
        (FailureKind.NOT_ENROLLED, Push(), 0),
        (FailureKind.LOCKED, Push(), 0),
        (FailureKind.NOT_ENROLLED, Code(Secret(b"123456")), 1),
        (FailureKind.RATE_LIMITED, Push(), 1),
        (FailureKind.EXPIRED, Push(), 0),
    ],
)
async def test_what_the_core_logs_is_not_logged_twice(kind: FailureKind, factor: Factor, lines: int) -> None:
    """An attacker who tries many names makes one line each, not two."""
    bench = Bench(Failed(kind, asked=False))
    with capture_logs() as logs:
        await bench.begin(make_login(factor=factor))
    assert [line["event"] for line in logs] == ["provider_failed"] * lines


@pytest.mark.parametrize("failure", [DOWN, Failed(FailureKind.CONFIG, asked=False, hint="a new key")])
async def test_strangers_do_not_fill_the_log_with_failures(failure: Failed) -> None:
    """A name that this machine does not know makes no line about a provider that fails, a known one does."""
    bench = Bench()
    bench.first.reached = failure
    with capture_logs() as logs:
        await bench.ladder.pretend(make_login(known=False), bench.clock.now() + 60)
    assert "provider_failed" not in [line["event"] for line in logs]
    with capture_logs() as logs:
        await bench.begin()
    assert [line["event"] for line in logs] == ["stepped_down" if failure is DOWN else "provider_failed"]
    assert bench.ladder.report()["first"] == {"asked": 0, "failed": 1}


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
