"""The contract that every provider passes: each situation on each course, as a whole login over real HTTP."""

from collections.abc import Callable

import pytest

from tests.simulators import contract
from tests.simulators.faults import LIMITED
from tests.simulators.play import observe
from tests.simulators.rigs import COURSES, Course, Way
from tests.simulators.situations import SITUATIONS, Situation

Check = Callable[[Course, Situation], str]
EACH_COURSE = pytest.mark.parametrize("course", COURSES, ids=lambda course: course.name)


def broken(course: Course, check: Check) -> list[str]:
    """List the situations in which something does not hold."""
    found = ((situation, check(course, situation)) for situation in contract.arising(course))
    return [f"{situation.name}: {problem}" for situation, problem in found if problem]


@EACH_COURSE
def test_each_situation_ends_as_documented(course: Course) -> None:
    """A login ends with an outcome that the contract allows, and is accepted only by an approval or an outage."""
    assert broken(course, contract.ends_as_documented) == []


@EACH_COURSE
def test_each_fault_happens(course: Course) -> None:
    """A fault of the catalogue meets a request of the login: none is tested by its absence."""
    assert broken(course, contract.has_happened) == []


@EACH_COURSE
def test_no_door_opens_after_somebody_may_have_been_asked(course: Course) -> None:
    """An attacker who breaks connections opens no service that fails open, once the request may have been served."""
    assert broken(course, contract.opens_only_when_nobody_was_asked) == []


@EACH_COURSE
def test_one_login_asks_once(course: Course) -> None:
    """A person is rung or mailed once for a login, and a typed code is handed in once, whatever goes wrong."""
    assert broken(course, contract.asks_once) == []


@EACH_COURSE
def test_a_login_leaves_nothing_behind(course: Course) -> None:
    """A login that has ended leaves no question that could be answered, and no task."""
    assert broken(course, contract.leaves_nothing) == []


@EACH_COURSE
def test_no_secret_gets_out(course: Course) -> None:
    """A reader of logs, audit and messages finds no password, code, key or token."""
    assert broken(course, contract.keeps_secrets) == []


@EACH_COURSE
def test_the_person_reads_plain_words(course: Course) -> None:
    """A person reads one short line of the configured words, without address, status or error of the provider."""
    assert broken(course, contract.speaks_plainly) == []


@EACH_COURSE
def test_the_administrator_is_told(course: Course) -> None:
    """An administrator finds detail, HTTP status and, where something has to be done, a hint in every failure."""
    assert broken(course, contract.tells_the_administrator) == []


@EACH_COURSE
def test_each_failure_is_logged(course: Course) -> None:
    """An administrator finds in the log which provider failed, how, its HTTP status and request id, and what to do."""
    assert broken(course, contract.is_logged) == []


@EACH_COURSE
def test_nothing_is_sent_to_strangers(course: Course) -> None:
    """A host that a redirect names, and one without a good certificate, see no request and no key."""
    assert broken(course, contract.goes_nowhere_else) == []


@pytest.mark.parametrize("course", [each for each in COURSES if each.way is Way.RUNG], ids=lambda course: course.name)
def test_a_provider_is_left_alone_for_as_long_as_it_says(course: Course) -> None:
    """A provider that answers a poll with 429 and Retry-After is polled again when it said, and not before."""
    three_times = {each.fault: each for each in SITUATIONS if each.times == 3}
    polls = {}
    for fault in LIMITED[:3]:
        entries = observe(course, three_times[fault]).entries
        polls[fault] = sum(entry.step == "answer" for entry in entries)
    seconds, date, silent = (polls[fault] for fault in LIMITED[:3])
    # Seven seconds, three times over, and a date nine seconds after the start: in a login of twenty seconds.
    assert seconds <= 5
    assert seconds <= date <= silent + 2
