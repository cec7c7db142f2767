"""The rows of the table of failures: what a person does, what goes wrong, and what may come of it."""

import enum
from dataclasses import dataclass

from tests.simulators.faults import FAULTS, LIMITED, LOST, UNREADABLE, Named
from tests.simulators.rigs import Course, Way
from tests.simulators.tap import Place

ALWAYS = 1_000_000
APPROVED = frozenset({"approved"})
ENDED = frozenset({"expired"})


class Act(enum.StrEnum):
    """What the person does."""

    APPROVE = "approve"
    DENY = "deny"
    IGNORE = "ignore"
    LAST_SECOND = "last second"
    LATE = "late"
    FORGOTTEN = "forgotten"
    WRONG = "wrong"
    WRONG_THEN_RIGHT = "wrong, then right"
    LEAVE = "leave"
    LEAVE_AT_ONCE = "leave at once"


class Server(enum.StrEnum):
    """Where the provider is looked for, if not where it is."""

    REFUSED = "refused"
    CUT = "cut"
    GOOD_TLS = "good"
    OTHER_AUTHORITY = "other authority"
    EXPIRED = "expired"
    OTHER_NAME = "other name"
    BAD_KEY = "bad key"


@dataclass(frozen=True)
class Situation:
    """One row."""

    heading: str
    words: str
    kinds: frozenset[str]
    """Outcomes and kinds of failure that the contract allows."""
    act: Act = Act.APPROVE
    place: Place | None = None
    fault: Named | None = None
    times: int = ALWAYS
    server: Server | None = None
    wall_jump: bool = False

    @property
    def name(self) -> str:
        """As in test ids."""
        return f"{self.heading}: {self.words}"

    def arises(self, course: Course) -> bool:
        """Whether it can come about on this course: a code that was typed before is denied by nobody, nor waits."""
        if self.times < ALWAYS:
            return course.way is Way.RUNG
        if self.server is Server.BAD_KEY and course.entry.keyless:
            return False
        if self.place is Place.CANCEL and not course.entry.withdraws:
            return False
        if course.way is not Way.TYPED:
            return not (self.act in (Act.WRONG, Act.WRONG_THEN_RIGHT) and course.way is Way.RUNG)
        return self.act in (Act.APPROVE, Act.WRONG, Act.LEAVE_AT_ONCE)

    def allowed(self, course: Course) -> frozenset[str]:
        """Return the outcomes and kinds of failure that the contract allows."""
        if self.act is Act.FORGOTTEN and course.way is Way.RINGING:
            return self.kinds | APPROVED  # a code that belongs to no question
        if self.fault is None or self.times < ALWAYS or self.place is Place.CANCEL:
            return self.kinds
        typed = AFTERWARDS[self.fault.group] if course.way is Way.TYPED else frozenset()
        special = (each.kinds for each in EXCEPTIONS if each.concerns(course, self))
        return self.kinds | typed | frozenset().union(*special)


def person(words: str, act: Act, *kinds: str, wall_jump: bool = False, place: Place | None = None) -> Situation:
    """Make a row in which the provider works."""
    return Situation("What the person does", words, frozenset(kinds), act, place, wall_jump=wall_jump)


PERSON = (
    person("approves, or types the right code", Act.APPROVE, "approved"),
    person("refuses, or writes cancel", Act.DENY, "denied", "given_up"),
    person("does not answer", Act.IGNORE, "expired"),
    person("answers in the last second", Act.LAST_SECOND, "approved"),
    person("answers after the deadline", Act.LATE, "expired"),
    person(
        "answers what the provider has forgotten", Act.FORGOTTEN, "expired", "cancelled", "bad_code", "not_enrolled"
    ),
    person("types wrong codes", Act.WRONG, "bad_code"),
    person("types a wrong code, then the right one", Act.WRONG_THEN_RIGHT, "approved"),
    person("goes away while the question is out", Act.LEAVE, "withdrawn"),
    person("goes away while the question is on its way", Act.LEAVE_AT_ONCE, "withdrawn", place=Place.ASKING),
    person(
        "approves, or types the right code, while the wall clock jumps by an hour",
        Act.APPROVE,
        "approved",
        wall_jump=True,
    ),
)

KINDS = {
    "outage": frozenset({"unavailable"}),
    "server": frozenset({"unavailable"}),
    "limit": frozenset({"rate_limited"}),
    "unreadable": frozenset({"protocol"}),
    "refusal": frozenset({"config", "protocol", "not_enrolled"}),
}
"""What a fault may become before the person has answered."""
# A question that is out may also end by itself, or by the deadline; a code that is refused in any way is wrong.
AFTERWARDS = {
    "outage": frozenset({"unavailable", "expired"}),
    "server": frozenset({"unavailable", "expired"}),
    "limit": frozenset({"rate_limited", "expired"}),
    "unreadable": frozenset({"protocol", "unavailable", "expired"}),
    "refusal": frozenset({"config", "protocol", "expired", "bad_code", "locked", "not_enrolled"}),
}


@dataclass(frozen=True)
class Special:
    """Where a provider's own documents say more."""

    rig: str
    """How its name begins."""
    place: Place | None
    words: str
    """How the fault's words, or its group, begin."""
    kinds: frozenset[str]

    def concerns(self, course: Course, situation: Situation) -> bool:
        """Whether it is about this cell."""
        fault = situation.fault
        return (
            course.rig.startswith(self.rig)
            and self.place in (None, situation.place)
            and fault is not None
            and (fault.words.startswith(self.words) or fault.group == self.words)
        )


EXCEPTIONS = (
    # "Token call 500 = the admin who made the credential was deleted."
    Special("onelogin", Place.FIRST, "server", frozenset({"config"})),
    # True or false, no word; and an id in the other case is that of somebody who has no session.
    Special("clerk-bapi", None, "the right words in the other case", APPROVED),
    Special("clerk-reverify-enrolled", Place.FIRST, "the right words in the other case", frozenset({"not_enrolled"})),
    # Our own authority says by its status that an approval was claimed, whatever else it answers.
    Special("authority", Place.LAST, "an empty body", APPROVED),
    Special("authority", Place.LAST, "JSON of another type", APPROVED),
    Special("authority", Place.LAST, "the right words", APPROVED),
    # The session says with true or false whether it is verified: there is no word to write in the other case.
    Special("threatwinds", Place.LAST, "the right words in the other case", APPROVED),
)
BY_PLACE = {Place.FIRST: KINDS, Place.ASKING: KINDS, Place.ANSWER: AFTERWARDS, Place.LAST: AFTERWARDS}

REDIRECT = Named("redirect to another host", "unreadable", LOST[0].fault)
"""Its fault is made by the play, which knows the other host."""


def faulty() -> tuple[Situation, ...]:
    """Make a row for each fault at each place, and for the withdrawal, where it changes nothing."""
    rows = []
    for place, kinds in BY_PLACE.items():
        for fault in (*FAULTS, REDIRECT):
            heading = f"From {place} on"
            rows.append(Situation(heading, fault.words, kinds[fault.group], place=place, fault=fault))
    for fault in (*LOST[:4], LOST[4], LIMITED[0], UNREADABLE[1], UNREADABLE[6]):
        heading = f"At {Place.CANCEL}, as nobody answers"
        rows.append(Situation(heading, fault.words, ENDED, Act.IGNORE, Place.CANCEL, fault))
    return tuple(rows)


def passing() -> tuple[Situation, ...]:
    """Make rows in which a push is polled through a short outage: once it is over, the approval counts."""
    return tuple(
        Situation("While it polls for a push, three times", fault.words, APPROVED, Act.APPROVE, Place.ANSWER, fault, 3)
        for fault in (LOST[0], *LOST[4:], *LIMITED[:4], UNREADABLE[0], UNREADABLE[1], UNREADABLE[6])
    )


def elsewhere(words: str, server: Server, *kinds: str) -> Situation:
    """Make a row in which another server answers at the provider's address, or none."""
    return Situation("At the provider's address", words, frozenset(kinds), server=server)


ADDRESS = (
    elsewhere("nobody listens", Server.REFUSED, "unavailable"),
    elsewhere("the connection is cut in the TLS handshake", Server.CUT, "unavailable"),
    elsewhere("a server with a certificate of the trusted authority", Server.GOOD_TLS, "approved"),
    elsewhere("a server with a certificate of another authority", Server.OTHER_AUTHORITY, "config"),
    elsewhere("a server whose certificate has expired", Server.EXPIRED, "config"),
    elsewhere("a server with a certificate of another name", Server.OTHER_NAME, "config"),
    elsewhere("the provider, which refuses our key", Server.BAD_KEY, "config"),
)
SITUATIONS = (*PERSON, *ADDRESS, *faulty(), *passing())
