"""What holds for every provider in every situation, as functions that name what does not hold."""

import re

from pushgate.decision import Reason
from pushgate.outcome import Approved, Failed, FailureKind
from pushgate.providers.failures import HINTS, is_failure
from pushgate.words import Words
from tests.simulators.faults import Named
from tests.simulators.play import NAME, Observation, observe, spot_on, word_of
from tests.simulators.rigs import Course, Way
from tests.simulators.situations import PERSON, SITUATIONS, Server, Situation
from tests.simulators.tap import ASKS, Entry, Place, Spot

INTERNALS = re.compile(r"https?:|HTTP|JSON|[{}<>\\]|\bapi\b|\b[45]\d\d\b|Error|Exception|None|errno|0x", re.ASCII)


REACHES = frozenset({"pushes", "mails", "submits"})
"""Counters that say that a person was reached, or that a code was used."""


def arising(course: Course) -> list[Situation]:
    """List the situations that can come about."""
    return [each for each in SITUATIONS if each.arises(course)]


def ends_as_documented(course: Course, situation: Situation) -> str:
    """Whether the outcome is one that the contract allows, and the core has accepted nothing else than an approval."""
    found = observe(course, situation)
    word = word_of(found)
    if word not in situation.allowed(course):
        return f"{word} ({found.last}), not {sorted(situation.allowed(course))}"
    accepts = found.decision.reason is Reason.FAIL_OPEN or word == "approved"
    return "" if accepts == found.decision.accept else f"{word}, but {found.decision}"


def has_happened(course: Course, situation: Situation) -> str:
    """Whether the fault of the situation really came about."""
    return "" if situation.fault is None or observe(course, situation).hit else "the fault did not happen"


def opens_only_when_nobody_was_asked(course: Course, situation: Situation) -> str:
    """Whether a door that opened without the person did so while the request surely never reached the provider."""
    found = observe(course, situation)
    last = found.last
    unsure = reached(course, situation, found)
    if found.decision.reason is Reason.FAIL_OPEN:
        if not isinstance(last, Failed) or last.kind is not FailureKind.UNAVAILABLE or last.asked:
            return f"opened by {last}"
        if unsure:
            return f"opened, but {unsure}"
    first = found.said[0].outcome if found.said else None
    if isinstance(first, Failed) and not first.asked and first.kind is FailureKind.UNAVAILABLE and unsure:
        return f"{first}, but {unsure}"
    return ""


def reached(course: Course, situation: Situation, found: Observation) -> str:
    """Say why the person may have been asked, or the code used; nothing if that is out of the question."""
    grown = {word for entry in found.entries for word in entry.grown}
    if grown.intersection(REACHES):
        return f"the provider counts {sorted(grown.intersection(REACHES))}"
    clean, asking = observe(course, PERSON[0]).entries, spot_on(course, Place.ASKING)
    reaches = any(entry.grown.intersection(REACHES) for entry in clean if Spot(entry.step, entry.index) == asking)
    lost = situation.fault is not None and not situation.fault.unserved
    at_once = situation.place is Place.FIRST and Spot(clean[0].step, clean[0].index) == asking
    if reaches and lost and (situation.place is Place.ASKING or at_once):
        return "the request that asks was sent"
    return ""


def asks_once(course: Course, situation: Situation) -> str:
    """Whether one login costs one question, one push or mail, and no code twice."""
    counts = observe(course, situation).counts
    typed = len(observe(course, situation).typed) + (course.way is Way.TYPED)
    creates = 1 + (typed if course.way is Way.RINGING else 0)
    rings = counts["pushes"] + counts["mails"]
    if rings > 1 or counts["creates"] > creates or counts["submits"] > max(1, typed):
        return f"{dict(counts)} for {typed} typed codes"
    return ""


def leaves_nothing(course: Course, situation: Situation) -> str:
    """Whether nothing can still be answered when the login is over, and no task of ours goes on."""
    found = observe(course, situation)
    # The answer was lost: whoever began the question has no name for it.
    nameless = situation.place in (Place.FIRST, Place.ASKING) and not any_handle(found) and served(found.entries)
    put_off = situation.place is Place.CANCEL or (course.entry.closes and situation.fault is not None)
    if found.leftovers > (1 if nameless or put_off else 0) and course.entry.withdraws:
        return f"{found.leftovers} open questions"
    # A reply that says that it is closed is believed.
    lied_to = situation.fault is not None and situation.fault.group in ("unreadable", "refusal")
    if found.later and course.entry.insists and not nameless and not lied_to:
        return f"{found.later} open questions some minutes later"
    return f"{found.tasks} tasks" if found.tasks else ""


def any_handle(found: Observation) -> bool:
    """Whether the provider has handed out a question that can be withdrawn."""
    return any(not isinstance(each.outcome, Approved | Failed) for each in found.said)


def served(entries: list[Entry]) -> bool:
    """Whether a request was served that asks."""
    return any(set(entry.grown).intersection(ASKS) for entry in entries)


def keeps_secrets(course: Course, situation: Situation) -> str:
    """Whether no password, code, key or token stands in a log, in the audit, in a text, or in what is printed."""
    found = observe(course, situation)
    places = {
        "the log": repr(found.events),
        "a library's log": repr(found.lines),
        "the audit": found.detail,
        "what the person reads": repr([*found.seen, found.decision.message]),
        "an outcome": repr(found.said),
    }
    for name, text in places.items():
        for secret in found.secrets:
            if re.search(rf"(?<!\w){re.escape(secret)}(?!\w)", text):
                return f"{secret!r} in {name}: {text}"
    return ""


def speaks_plainly(course: Course, situation: Situation) -> str:
    """Whether everything that the person reads is one short plain line without internals."""
    found = observe(course, situation)
    if found.decision.message not in {Words().message(reason) for reason in Reason}:
        return f"says {found.decision.message!r}"
    for text in [*found.seen, found.decision.message]:
        if not text.isprintable() or len(text) > 200 or INTERNALS.search(text):
            return f"says {text!r}"
    return ""


def tells_the_administrator(course: Course, situation: Situation) -> str:
    """Whether a failure has its detail, its HTTP status where there was one, and a hint where somebody has to act."""
    found = observe(course, situation)
    for said in found.said:
        failed = said.outcome
        if not isinstance(failed, Failed):
            continue
        if not failed.detail or len(failed.detail) > 300 or not failed.detail.isprintable():
            return f"{said.step}: {failed}: no usable detail"
        if failed.kind is FailureKind.CONFIG and not failed.hint:
            return f"{said.step}: {failed}: no hint"
        status = status_of(situation.fault)
        # By a limiter of ours, once the provider has said that there is one.
        limited = failed.kind is FailureKind.RATE_LIMITED and failed.status is None
        if status and failed.status != status and failed.kind is not FailureKind.EXPIRED and not limited:
            return f"{said.step}: {failed}: HTTP {status} is not named"
    return ""


def is_logged(course: Course, situation: Situation) -> str:
    """Whether the log names provider, kind, status, trace, detail and hint of each failure that is not the person's."""
    found = observe(course, situation)
    logged = [each for each in found.events if each["event"] in ("provider_failed", "nobody_asked")]
    for said in found.said:
        failed = said.outcome
        if isinstance(failed, Failed) and is_failure(failed) and found.decision.reason is not Reason.WITHDRAWN:
            facts = {"provider": NAME, "status": failed.status, "trace": failed.trace}
            facts |= {"detail": failed.detail[:256], "hint": failed.hint[:256] or HINTS.get(failed.kind, "")}
            named = [each for each in logged if failed.kind.value == each.get("kind", each.get("reason"))]
            if not any(facts.items() <= each.items() for each in named):
                return f"{failed} is not in {logged}"
    return ""


def status_of(fault: Named | None) -> int:
    """Return the HTTP status of a fault in which nothing is served; 0 for any other."""
    match = re.match(r"HTTP (\d{3})", fault.words) if fault else None
    return int(match[1]) if match else 0


def goes_nowhere_else(course: Course, situation: Situation) -> str:
    """Whether nothing was sent to another host, nor to one that showed no good certificate."""
    found = observe(course, situation)
    untrusted = (Server.OTHER_AUTHORITY, Server.EXPIRED, Server.OTHER_NAME, Server.CUT)
    if found.elsewhere:
        return f"{found.elsewhere} requests at the other host"
    return "a request behind a bad certificate" if situation.server in untrusted and found.entries else ""
