"""A fault once, at every single request of a login in turn: what holds wherever it happens."""

import pytest

from pushgate.decision import Reason
from tests.simulators.contract import REACHES
from tests.simulators.faults import LOST, UNREADABLE, Named
from tests.simulators.play import Observation, observe, observe_at
from tests.simulators.rigs import COURSES, Course
from tests.simulators.situations import PERSON, Situation
from tests.simulators.tap import Spot

FAULTS = (LOST[0], LOST[1], LOST[3], LOST[4], UNREADABLE[1], UNREADABLE[5])
MOST = 12
"""Requests of a login that are tried: further polls are like those before."""


def once(fault: Named) -> Situation:
    """Make the situation in which it happens once, and the person approves."""
    return Situation("At one request", fault.words, frozenset(), fault=fault, times=1)


def problem_of(found: Observation) -> str:
    """Say what does not hold."""
    counts = {word for entry in found.entries for word in entry.grown}
    if found.decision.reason is Reason.INTERNAL:
        return f"an exception: {found.events}"
    if found.decision.reason is Reason.FAIL_OPEN and counts.intersection(REACHES):
        return f"opened, though the provider counts {sorted(counts)}"
    if found.counts["pushes"] + found.counts["mails"] > 1:
        return f"asked more than once: {dict(found.counts)}"
    return f"left over: {found.tasks} tasks" if found.tasks else ""


@pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)
def test_one_fault_anywhere_is_survived(course: Course) -> None:
    """A login in which one request goes wrong, whichever it is, asks once, raises nothing and opens by no accident."""
    clean = [each for each in observe(course, PERSON[0]).entries if each.step in ("begin", "answer")]
    assert clean
    broken = []
    for fault in FAULTS:
        for entry in clean[:MOST]:
            found = observe_at(course, once(fault), Spot(entry.step, entry.index))
            assert found.hit
            problem = problem_of(found)
            if problem:
                broken.append((fault.words, entry.step, entry.index, entry.request.target, problem))
    assert broken == []
