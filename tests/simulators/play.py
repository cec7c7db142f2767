"""Play one situation on one course: the whole login through the core, with the real provider and its simulator."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from unittest.mock import patch

from structlog.testing import capture_logs

from pushgate.authenticator import Authenticator
from pushgate.decision import Decision, Reason
from pushgate.login import Login, Secret
from pushgate.outcome import Approved, Denied, Failed, Handle, Outcome
from pushgate.policy import Policy, Rule
from pushgate.providers.ladder import LadderProvider, RungHandle
from pushgate.providers.routes import Routes
from tests.simulators.base import running
from tests.simulators.elsewhere import OtherHost, provider_of, trusting
from tests.simulators.faults import LOST
from tests.simulators.jumping import JumpingClock, UnturnedClock, run
from tests.simulators.person import HOUR, THINKS, TIMEOUT, TYPING, Person, wrong
from tests.simulators.rig import Rig
from tests.simulators.rigs import Course, Way
from tests.simulators.situations import PERSON, REDIRECT, Act, Situation
from tests.simulators.tap import Entry, Fault, Place, Spot, Tap, spot_of
from tests.simulators.watched import Said, Watched
from tests.support.core import RecordingAudit, make_guards

LATER = 200.0
NAME = "approvals"
"""What the configuration calls the provider."""
BROKEN = next(each for each in LOST if each.words == "HTTP 500")


@dataclass
class Observation:
    """All that a play has shown."""

    said: list[Said]
    decision: Decision
    detail: str
    """In the audit."""
    seen: list[str]
    typed: list[str]
    entries: list[Entry]
    counts: Counter[str]
    leftovers: int
    later: int
    """What is left some minutes later, when all works again."""
    elsewhere: int
    """Requests at the host to which a redirect led."""
    events: list[MutableMapping[str, Any]]
    lines: list[str]
    """What libraries have logged."""
    secrets: set[str]
    hit: bool
    """Whether the fault has happened."""
    closed: bool
    """Whether the service may not fail open."""
    tasks: int = 0
    """Left over."""

    @property
    def last(self) -> Outcome | None:
        """What the provider said last."""
        return self.said[-1].outcome if self.said else None


@contextmanager
def library_lines() -> Iterator[list[str]]:
    """Collect what libraries log; not what aiohttp's server does, which is the simulator."""
    lines: list[str] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    handler.addFilter(lambda record: not record.name.startswith("aiohttp."))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@cache
def observe(course: Course, situation: Situation, *, opens: bool = True) -> Observation:
    """Play, once in a run of the tests.

    Args:
        course: Which provider, used how.
        situation: What happens.
        opens: Whether the service may fail open.
    """
    spot = None if situation.place is None else spot_on(course, situation.place)
    return observe_at(course, situation, spot, opens=opens)


@cache
def spot_on(course: Course, place: Place) -> Spot:
    """Find a place by a login that goes well; what comes after the approval, and only tidies up, is none."""
    clean = observe(course, PERSON[0])
    spot = spot_of(place, clean.entries)
    if place is not Place.LAST:
        return spot
    while spot.index and word_of(observe_at(course, replace(PERSON[0], fault=BROKEN), spot)) == "approved":
        spot = replace(spot, index=spot.index - 1)
    return spot


def observe_at(course: Course, situation: Situation, spot: Spot | None, *, opens: bool = True) -> Observation:
    """Play with the fault of the situation at a spot."""
    clock = JumpingClock()
    tasks: list[int] = []

    async def whole() -> Observation:
        found = await play(course, situation, spot, clock, opens=opens)
        await asyncio.sleep(0)
        tasks.append(len(tasks_left()))
        return found

    # Pauses are spread by chance; here every play shall have the same requests.
    even = patch("random.uniform", lambda low, high: (low + high) / 2)
    with trusting(), even, capture_logs() as events, library_lines() as lines:
        found = run(clock, whole)
    return replace(found, events=[*events], lines=lines, tasks=tasks[0])


async def play(
    course: Course, situation: Situation, spot: Spot | None, clock: JumpingClock, *, opens: bool
) -> Observation:
    """Play inside the running loop."""
    async with (
        course.entry.make(clock) as rig,
        running(OtherHost(clock)) as other,
        provider_of(rig, situation.server) as it,
    ):
        assert isinstance(other, OtherHost)
        if situation.wall_jump:
            rig.simulator.clock = UnturnedClock(clock)
        login = await login_of(rig, course, situation)
        tap = Tap(rig.simulator, fault_of(situation, other), spot, situation.times)
        tap.secrets |= {login.secret.value.decode()} if login.secret else set()
        person = Person(rig, course.way, situation)
        watched = Watched(it, tap, person)
        audit = RecordingAudit()
        policy = Policy({login.service: Rule(accept_if_unreachable=opens)})
        ladder = LadderProvider({NAME: watched}, Routes((NAME,)), clock)
        core = Authenticator(policy, ladder, audit, clock, timeout=TIMEOUT, guards=make_guards(clock))
        if isinstance(login.checked, Handle):
            login = replace(login, checked=RungHandle(login.checked.id, NAME, watched, login.checked))
        task = asyncio.create_task(core.authenticate(login, person))
        try:
            decision = await interfere(task, situation, tap, clock, audit)
        finally:
            await watched.stop()
        tap.step, tap.fault = "after", None
        leftovers = rig.leftovers()
        if course.entry.insists:
            await clock.sleep(LATER)
        return Observation(
            watched.said,
            decision,
            audit.records[-1][2],
            person.seen,
            person.typed,
            tap.entries,
            rig.simulator.ledger.counts.copy(),
            leftovers,
            rig.leftovers(),
            len(other.ledger.requests),
            [],
            [],
            {*tap.secrets, *person.typed},
            tap.faulty,
            not opens,
        )


async def interfere(
    task: "asyncio.Task[Decision]", situation: Situation, tap: Tap, clock: JumpingClock, audit: RecordingAudit
) -> Decision:
    """Let the login take its way; turn the wall clock, or let the front end go away, where the situation says so."""
    if situation.wall_jump:
        await clock.sleep(THINKS / 2)
        clock.wall_shift = HOUR
    if situation.act is Act.LEAVE:
        await clock.sleep(2 * THINKS)
        task.cancel("gone")
    if situation.act is Act.LEAVE_AT_ONCE:
        await tap.met.wait()
        task.cancel("gone")
    try:
        return await task
    except asyncio.CancelledError:
        return audit.records[-1][1]


async def login_of(rig: Rig, course: Course, situation: Situation) -> Login:
    """Return the login, with a code where it is typed at first."""
    login = await rig.login()
    if course.way is not Way.TYPED:
        return login
    code = rig.right_code()
    return replace(login, secret=Secret((wrong(code) if situation.act in TYPING else code).encode()))


def fault_of(situation: Situation, other: OtherHost) -> Fault | None:
    """Return what goes wrong."""
    if situation.fault is None:
        return None
    return other.redirect() if situation.fault is REDIRECT else situation.fault.fault


def tasks_left() -> list[str]:
    """Name the tasks that go on, but for the one that asks and those of the simulators' server."""
    going_on = asyncio.all_tasks() - {asyncio.current_task()}
    names = [getattr(task.get_coro(), "__qualname__", "") for task in going_on]
    return [name for name in names if not name.startswith("RequestHandler.")]


def word_of(found: Observation) -> str:
    """Return the outcome in one word: what the provider said at the end, or what the core made of a silence."""
    outcome = found.last if found.decision.reason not in (Reason.WITHDRAWN, Reason.GIVEN_UP) else None
    match outcome:
        case Approved():
            return "approved"
        case Denied():
            return "denied"
        case Failed(kind):
            return kind.value
        case _:
            return found.decision.reason.value
