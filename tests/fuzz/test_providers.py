"""Every provider under replies that nobody has documented: it never raises, and only the documented approval opens."""

from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import replace
from unittest.mock import patch

import hypothesis
import pytest
from hypothesis import strategies as st

from pushgate.http import JsonClient
from pushgate.login import Code, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from tests.fuzz.approvals import APPROVALS
from tests.fuzz.replies import Draw, Line
from tests.simulators.elsewhere import trusting
from tests.simulators.jumping import JumpingClock, run
from tests.simulators.person import TIMEOUT, wrong
from tests.simulators.rig import Rig
from tests.simulators.rigs import COURSES, Course, Way
from tests.simulators.tap import ASKS

EXAMPLES = 200
LAST_LOOK = 0.5
FUZZED = [course for course in COURSES if course.rig in APPROVALS]
ACTS = st.sampled_from(["approve", "approve", "deny", "ignore"])
NO_CODE = "000000"


async def login_and_answer(rig: Rig, course: Course, draw: Draw) -> tuple[list[Outcome], Line]:
    """Take one login through the port, with a person who approves, denies, mistypes or does nothing."""
    line = Line(rig.simulator)

    async def request(client: JsonClient, *arguments: object, **named: object) -> object:
        return await line.request(client, *arguments, **named)  # type: ignore[arg-type]

    with patch.object(JsonClient, "request", request):
        login = await rig.login()
        line.draw = draw
        if course.way is Way.TYPED:
            code = rig.right_code() if draw(st.booleans()) else wrong(rig.right_code())
            login = replace(login, factor=Code(Secret(code.encode())))
        said = [await in_time(rig, rig.provider.begin(login, rig.clock.now() + TIMEOUT))]
        begun = said[0]
        if isinstance(begun, Pending | NeedsCode):
            said += await answers(rig, course, begun, draw)
            await rig.provider.cancel(begun.handle)
        # What is closed after the login must be closable again.
        line.draw = None
    return said, line


async def answers(rig: Rig, course: Course, begun: Pending | NeedsCode, draw: Draw) -> list[Outcome]:
    """Answer a question that is out, with up to three codes or on the device."""
    if isinstance(begun, Pending) and course.way is Way.RUNG:
        with suppress(KeyError, AssertionError, AttributeError):  # a question that the simulator does not know
            match draw(ACTS):
                case "approve":
                    rig.approve(begun.handle)
                case "deny":
                    rig.deny(begun.handle)
        return [await in_time(rig, rig.provider.wait(begun.handle, rig.clock.now() + TIMEOUT))]
    said: list[Outcome] = []
    while len(said) < 3 and (not said or isinstance(said[-1], NeedsCode)):
        code = right_code(rig, begun.handle)
        typed = code if draw(st.booleans()) else wrong(code)
        said.append(await in_time(rig, rig.provider.submit(begun.handle, typed, rig.clock.now() + TIMEOUT)))
    return said


def right_code(rig: Rig, handle: Handle) -> str:
    """Return the right code, as long as the simulator knows the question."""
    try:
        return rig.right_code(handle)
    except (KeyError, IndexError, AssertionError, AttributeError):
        return NO_CODE


async def in_time(rig: Rig, call: Awaitable[Outcome]) -> Outcome:
    """Wait for a call, which ends by its deadline but for a last look."""
    deadline = rig.clock.now() + TIMEOUT
    outcome: Outcome = await call
    assert rig.clock.now() <= deadline + LAST_LOOK
    assert isinstance(outcome, Approved | Denied | Failed | Pending | NeedsCode)
    return outcome


def check(rig: Rig, course: Course, said: list[Outcome], line: Line) -> None:
    """Compare what the provider said with what it was told."""
    approved = [each for each in said if isinstance(each, Approved)]
    assert not approved or APPROVALS[course.rig](line.exchanges), [
        (each.request.method, each.request.path, each.status, each.body) for each in line.exchanges
    ]
    reached = {word: count for word, count in rig.simulator.ledger.counts.items() if word in (*ASKS, "submits")}
    for failed in (each for each in said if isinstance(each, Failed)):
        assert failed.detail.isprintable()
        assert len(failed.detail) <= 300
        assert failed.kind is not FailureKind.UNAVAILABLE or failed.asked or not any(reached.values()), reached


@pytest.mark.parametrize("course", FUZZED, ids=lambda course: course.name)
def test_only_the_documented_approval_opens(course: Course) -> None:
    """A server that answers anything at all is met without an exception, in time, and opens by an approval alone."""
    opened: list[bool] = []

    @hypothesis.given(st.data())
    @hypothesis.settings(max_examples=EXAMPLES, suppress_health_check=list(hypothesis.HealthCheck))
    def play(data: st.DataObject) -> None:
        clock = JumpingClock()

        async def whole() -> None:
            async with course.entry.make(clock) as rig:
                said, line = await login_and_answer(rig, course, data.draw)
                check(rig, course, said, line)
                opened.append(isinstance(said[-1], Approved))

        with trusting():
            run(clock, whole)

    play()
    # Else the replies would be so strange that none of them ever came to the point.
    assert any(opened)
    assert not all(opened)


def in_any_case(body: object) -> bool:
    """Read a check of the Backend API as somebody might who means well."""
    return isinstance(body, dict) and bool(body.get("verified"))


def test_a_careless_reading_is_found() -> None:
    """A provider that takes any value for true where its documents say true does not pass."""
    course = next(each for each in FUZZED if (each.rig, each.way) == ("clerk-bapi", Way.TYPED))
    careless = patch("pushgate.providers.clerk_backend.is_verified", in_any_case)
    with careless, pytest.raises(AssertionError):
        test_only_the_documented_approval_opens(course)
