"""What the core makes of each provider beside one login: its check of passwords, and the provider that stands in."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from typing_extensions import override

from pushgate.authenticator import Authenticator
from pushgate.clock import Clock
from pushgate.decision import Decision, Reason
from pushgate.firstfactor.provider import ProviderFirstFactor, can_check_passwords
from pushgate.login import Login, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider
from pushgate.providers.ladder import LadderProvider
from pushgate.providers.routes import Routes
from tests.simulators.elsewhere import trusting
from tests.simulators.faults import LIMITED, LOST, REFUSED, UNREADABLE, Named
from tests.simulators.jumping import JumpingClock, run
from tests.simulators.person import TIMEOUT, Person
from tests.simulators.play import NAME, spot_on
from tests.simulators.rig import Rig
from tests.simulators.rigs import COURSES, RIGS, Course, Entry, Way
from tests.simulators.situations import PERSON
from tests.simulators.tap import ASKS, Place, Spot, Tap
from tests.simulators.watched import Watched
from tests.support.core import RecordingAudit, make_guards, make_login

PASSWORDS: dict[str, Callable[[Rig], str]] = {
    "onelogin-v1": lambda rig: rig.simulator.people["alice"].password,  # type: ignore[attr-defined]
    "clerk-bapi": lambda rig: rig.simulator.person("alice").password,  # type: ignore[attr-defined]
}
"""Rigs whose provider checks passwords; the two others of Clerk check them at level multi_factor alone."""
CHECKING = [each for each in RIGS if each.kind.name in PASSWORDS]
SOME = (*LOST, LIMITED[2], UNREADABLE[1], REFUSED[2])
BELOW = "below"


class Below(Provider):
    """Stands in: approves everybody, and counts."""

    name = BELOW

    def __init__(self) -> None:
        self.asked = 0

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        return frozenset()

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        self.asked += 1
        return Approved(detail=BELOW)

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        return Failed(FailureKind.PROTOCOL, asked=False)

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        return Failed(FailureKind.PROTOCOL, asked=False)

    @override
    async def cancel(self, handle: Handle) -> None:
        return

    @override
    async def close(self) -> None:
        return


async def decide(ladder: LadderProvider, login: Login, person: Person, clock: Clock, *, password: bool) -> Decision:
    """Let the core decide a login whose service fails open."""
    core = Authenticator(
        Policy({login.service: Rule(accept_if_unreachable=True)}),
        ladder,
        RecordingAudit(),
        clock,
        timeout=TIMEOUT,
        guards=make_guards(clock),
        first_factors={login.service: ProviderFirstFactor(ladder)} if password else {},
    )
    return await core.authenticate(login, person)


def with_password(entry: Entry, fault: Named | None, at: int) -> tuple[Decision, Tap]:
    """Play a login whose password the provider checks, with a fault from one of the requests on."""
    clock = JumpingClock()

    async def play() -> tuple[Decision, Tap]:
        async with entry.make(clock) as rig:
            tap = Tap(rig.simulator, fault.fault if fault else None, Spot("before", at))
            person = Person(rig, Way.RUNG if rig.rings else Way.ASKED, PERSON[0])
            watched = CheckingWatched(rig.provider, tap, person)
            login = make_login(user="alice", secret=Secret(PASSWORDS[rig.name](rig).encode()))
            ladder = LadderProvider({NAME: watched}, Routes((NAME,)), clock)
            decision = await decide(ladder, login, person, clock, password=True)
            await watched.stop()
            return decision, tap

    with trusting():
        return run(clock, play)


class CheckingWatched(Watched):
    """Also checks passwords, under the step that comes before the question."""

    async def check_password(self, login: Login, password: Secret, deadline: float) -> object:
        """Check a password."""
        assert can_check_passwords(self.inner)
        return await self.inner.check_password(login, password, deadline)


@pytest.mark.parametrize("entry", CHECKING, ids=[each.kind.name for each in CHECKING])
def test_an_outage_of_the_password_check_opens_nothing(entry: Entry) -> None:
    """A person whose password cannot be checked is refused, whichever request fails, also where the service opens."""
    clean, tap = with_password(entry, None, 0)
    assert clean.reason is Reason.APPROVED
    requests = sum(each.step == "before" for each in tap.entries)
    assert requests
    opened = []
    for fault in SOME:
        for at in range(requests):
            decision, tap = with_password(entry, fault, at)
            assert tap.faulty
            if decision.accept or any(word in entry.grown for word in ASKS for entry in tap.entries):
                opened.append((fault.words, at, decision))
    assert opened == []


def above_another(course: Course, fault: Named, spot: Spot) -> tuple[Below, LadderProvider, Tap]:
    """Play a login that may be handed over, with a fault from one of the requests on."""
    clock = JumpingClock()

    async def play() -> tuple[Below, LadderProvider, Tap]:
        async with course.entry.make(clock) as rig:
            login = await rig.login()
            if course.way is Way.TYPED:
                login = replace(login, secret=Secret(rig.right_code().encode()))
            tap = Tap(rig.simulator, fault.fault, spot)
            person = Person(rig, course.way, PERSON[0])
            watched, below = Watched(rig.provider, tap, person), Below()
            ladder = LadderProvider({NAME: watched, BELOW: below}, Routes((NAME, BELOW)), clock)
            await decide(ladder, login, person, clock, password=False)
            await watched.stop()
            return below, ladder, tap

    with trusting():
        return run(clock, play)


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
def test_the_next_provider_is_asked_after_a_sure_outage_alone(course: Course) -> None:
    """An attacker who breaks connections gets nobody handed over to another provider once the first may have asked."""
    wrong, handed = [], 0
    for fault in SOME:
        for place in (Place.FIRST, Place.ASKING):
            below, ladder, tap = above_another(course, fault, spot_on(course, place))
            handed += below.asked
            reached = {word for entry in tap.entries for word in entry.grown if word in ("pushes", "mails", "submits")}
            if below.asked and (reached or ladder.failed[BELOW] or fault.group not in ("outage", "server")):
                wrong.append((fault.words, place, reached))
    assert wrong == []
    # Behind a password the first request to OneLogin is the one that rings.
    assert handed or course.rig == "onelogin-v1"
