"""A code that this machine checks: asked of everybody alike, right for one, once; nothing here is an outage."""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.clock import FakeClock, SystemClock
from pushgate.login import Code, Login, Method, Secret
from pushgate.offline import database
from pushgate.offline.checking import CodeCheck
from pushgate.offline.spelling import Kind
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.providers.offline import OfflineProvider
from pushgate.threads import Threads
from tests.support.core import make_login
from tests.support.offline import OfflineStore

BOTH = frozenset(Kind)


class Moment(SystemClock):
    """Real time for waiting, and a time of day that stands still."""

    def __init__(self, store: OfflineStore) -> None:
        self.store = store

    @override
    def wall(self) -> datetime:
        return datetime.fromtimestamp(self.store.now, UTC)


class Bench:
    """A provider over a file, and logins at it."""

    def __init__(self, folder: Path) -> None:
        self.store = OfflineStore(folder)
        self.clock = Moment(self.store)
        self.threads = Threads("test", 2, self.clock)

    def provider(self, kinds: frozenset[Kind] = BOTH) -> OfflineProvider:
        """Make one that takes these codes."""
        return OfflineProvider(self.store.path, kinds, self.threads, self.clock)

    async def type_in(
        self, code: str, *, login: Login | None = None, kinds: frozenset[Kind] = BOTH, seconds: float = 30
    ) -> Outcome:
        """Begin a login and type a code."""
        provider, deadline = self.provider(kinds), self.clock.now() + seconds
        needed = await provider.begin(login or make_login(), deadline)
        assert isinstance(needed, NeedsCode)
        return await provider.submit(needed.handle, code, deadline)


@pytest.fixture
def bench(private_folder: Path) -> Iterator[Bench]:
    """A provider over a fresh file."""
    made = Bench(private_folder)
    yield made
    made.threads.close()


def kind_of(outcome: Outcome) -> FailureKind | None:
    """Return the kind of a failure; None for an approval."""
    return outcome.kind if isinstance(outcome, Failed) else None


async def test_a_break_glass_code_opens_once_and_is_logged(bench: Bench) -> None:
    """A person gets in by a code on paper; the administrator reads of it; the same code again is wrong."""
    code, _ = bench.store.codes(count=2)
    with capture_logs() as logs:
        assert await bench.type_in(code) == Approved(factor="break_glass", detail="1 left")
    assert [(line["event"], line["log_level"], line["left"]) for line in logs] == [("break_glass_used", "warning", 1)]
    assert code not in str(logs)
    again = await bench.type_in(code)
    assert isinstance(again, Failed)
    assert (again.kind, again.detail) == (FailureKind.BAD_CODE, "break_glass: used before")


async def test_a_totp_code_opens_once(bench: Bench) -> None:
    """A person gets in by the app; the same step again is wrong."""
    code = bench.store.totp()(0)
    assert await bench.type_in(code) == Approved(factor="offline_totp")
    assert kind_of(await bench.type_in(code)) is FailureKind.BAD_CODE


async def test_parallel_logins_with_one_code_open_one_door(bench: Bench) -> None:
    """Two logins that type the same code at once get in once."""
    [code] = bench.store.codes()
    outcomes = await asyncio.gather(*(bench.type_in(code) for _ in range(4)))
    assert sum(isinstance(outcome, Approved) for outcome in outcomes) == 1


async def test_a_code_that_came_with_the_password_is_checked_at_once(bench: Bench) -> None:
    """A person of an appliance types ``password,123456`` and is let in without a question."""
    app = bench.store.totp()
    for code, right in ((app(0), True), (app(0), False)):
        login = make_login(factor=Code(Secret(code.encode())))
        outcome = await bench.provider().begin(login, bench.clock.now() + 5)
        assert isinstance(outcome, Approved) is right


@pytest.mark.parametrize("who", ["known", "permitted"])
async def test_whoever_must_not_get_in_is_asked_and_refused(bench: Bench, who: str) -> None:
    """A login of a name that this machine does not know, or bars, reads the same prompt, and no code is right."""
    app, [code] = bench.store.totp(), bench.store.codes()
    login = make_login(**{who: False})
    provider, deadline = bench.provider(), bench.clock.now() + 30
    for begin in (provider.begin, provider.pretend):
        asked, other = await begin(login, deadline), await provider.begin(make_login(), deadline)
        assert isinstance(asked, NeedsCode)
        assert isinstance(other, NeedsCode)
        assert (asked.prompt, asked.echo, asked.asked) == (other.prompt, other.echo, other.asked)
        for typed in (app(0), code):
            assert kind_of(await provider.submit(asked.handle, typed, deadline)) is FailureKind.BAD_CODE


async def test_pretending_accepts_nobody(bench: Bench) -> None:
    """A login that the core does not want to be accepted is not, also where its name is right and so is its code."""
    app = bench.store.totp()
    provider, deadline = bench.provider(), bench.clock.now() + 30
    asked = await provider.pretend(make_login(), deadline)
    assert isinstance(asked, NeedsCode)
    assert kind_of(await provider.submit(asked.handle, app(0), deadline)) is FailureKind.BAD_CODE
    typed = await provider.pretend(make_login(factor=Code(Secret(app(0).encode()))), deadline)
    assert kind_of(typed) is FailureKind.BAD_CODE


@pytest.mark.parametrize(
    ("kinds", "echo"), [({Kind.TOTP}, True), ({Kind.BREAK_GLASS}, False), ({Kind.TOTP, Kind.BREAK_GLASS}, False)]
)
async def test_what_stands_on_paper_is_not_shown(bench: Bench, kinds: set[Kind], echo: bool) -> None:
    """A person types a code from the app in sight, and one from paper unseen; neither has been sent anything."""
    for factor in (make_login().factor, Method("sms")):
        needed = await bench.provider(frozenset(kinds)).begin(make_login(factor=factor), bench.clock.now() + 5)
        assert isinstance(needed, NeedsCode)
        assert (needed.echo, needed.asked) == (echo, False)


async def test_a_sort_of_code_that_the_service_does_not_name_opens_nothing(bench: Bench) -> None:
    """A person of a service with break-glass codes alone does not get in by the app, nor the other way round."""
    app, [code] = bench.store.totp(), bench.store.codes()
    assert kind_of(await bench.type_in(app(0), kinds=frozenset({Kind.BREAK_GLASS}))) is FailureKind.BAD_CODE
    assert kind_of(await bench.type_in(code, kinds=frozenset({Kind.TOTP}))) is FailureKind.BAD_CODE
    assert isinstance(await bench.type_in(code, kinds=frozenset({Kind.BREAK_GLASS})), Approved)
    assert isinstance(await bench.type_in(app(0), kinds=frozenset({Kind.TOTP})), Approved)


async def test_what_has_no_form_of_a_code_counts_as_no_try(bench: Bench) -> None:
    """A person who types a password by mistake locks nothing."""
    [code] = bench.store.codes()
    for typed in ["", "hunter2", "\x08\n\r\x7fINCORRECT", "x" * 500] * 3:
        assert kind_of(await bench.type_in(typed)) is FailureKind.BAD_CODE
    assert isinstance(await bench.type_in(code), Approved)


async def test_a_lock_is_logged_once_and_looks_like_a_wrong_code(bench: Bench) -> None:
    """An administrator reads when somebody's codes lock; who guesses reads what any wrong code gets."""
    [code] = bench.store.codes()
    with capture_logs() as logs:
        wrong = [await bench.type_in("0000-0000-0000") for _ in range(6)]
    assert {kind_of(outcome) for outcome in wrong} == {FailureKind.BAD_CODE}
    assert [(line["event"], line["kind"]) for line in logs] == [("offline_codes_locked", "break_glass")]
    assert kind_of(await bench.type_in(code)) is FailureKind.BAD_CODE


def lie_open(path: Path) -> None:
    """Let everybody read it."""
    path.chmod(0o644)


def damage(path: Path) -> None:
    """Overwrite it."""
    path.write_bytes(b"\xff" * 8192)


def vanish(path: Path) -> None:
    """Delete it."""
    path.unlink()


def become_a_link(path: Path) -> None:
    """Put a link to the same file in its place."""
    path.symlink_to(path.rename(path.with_suffix(".moved")))


@pytest.mark.parametrize("spoil", [lie_open, damage, vanish, become_a_link])
async def test_a_store_that_cannot_be_used_denies(bench: Bench, spoil: Callable[[Path], None]) -> None:
    """A person with a right code does not get in by a file that cannot be trusted, and it is no outage."""
    [code] = bench.store.codes()
    spoil(bench.store.path)
    outcome = await bench.type_in(code)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked) == (FailureKind.CONFIG, False)
    assert outcome.hint


async def test_a_store_that_somebody_holds_denies(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that another program keeps locked is no outage either."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.01)
    [code] = bench.store.codes()
    holder = sqlite3.connect(bench.store.path, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    assert kind_of(await bench.type_in(code)) is FailureKind.CONFIG
    holder.close()
    assert isinstance(await bench.type_in(code), Approved)


async def test_a_flood_of_codes_is_refused_at_once(bench: Bench) -> None:
    """An attacker who types faster than codes are checked fills neither memory nor queue, and it is no outage."""
    while bench.threads.places.acquire(blocking=False):
        pass
    assert kind_of(await bench.type_in("0000-0000-0000")) is FailureKind.RATE_LIMITED


async def test_a_check_that_comes_too_late_uses_nothing_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A code whose check ends after the deadline opens nothing, and is still good."""
    [code] = bench.store.codes()
    real, clock = CodeCheck.rule, FakeClock()
    entered, going_on = threading.Event(), threading.Event()

    def slow(self: CodeCheck, *arguments: Any) -> Any:
        entered.set()
        assert going_on.wait(10)
        return real(self, *arguments)

    monkeypatch.setattr(CodeCheck, "rule", slow)
    monkeypatch.setattr(clock, "wall", bench.clock.wall)
    threads = Threads("slow", 1, clock)
    provider = OfflineProvider(bench.store.path, BOTH, threads, clock)
    checking = asyncio.create_task(provider.check(make_login(), code, clock.now() + 5))
    await clock.settle()
    assert await asyncio.to_thread(entered.wait, 10)
    await clock.advance(5)
    assert kind_of(await checking) is FailureKind.EXPIRED
    going_on.set()
    await asyncio.to_thread(threads.executor.shutdown)
    monkeypatch.setattr(CodeCheck, "rule", real)
    assert isinstance(await bench.type_in(code), Approved)


async def test_a_strange_question_is_refused(bench: Bench) -> None:
    """A code for a question of another provider opens nothing, and nobody waits for an answer on a device."""
    provider = bench.provider()
    assert kind_of(await provider.submit(Handle("x"), "123456", bench.clock.now() + 1)) is FailureKind.PROTOCOL
    assert kind_of(await provider.wait(Handle("x"), bench.clock.now() + 1)) is FailureKind.PROTOCOL
    await provider.cancel(Handle("x"))
    assert await provider.features(make_login(), bench.clock.now() + 1) == {"code"}
    assert await provider.reach(bench.clock.now() + 1) is None
    await provider.close()
