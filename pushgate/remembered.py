"""What a person has approved a moment ago: the same login once more, or what ``pushgate unlock`` has opened.

Kept in memory alone: a restart forgets all of it. Nothing here is prolonged by use.
"""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pushgate.clock import Clock
from pushgate.decision import Decision, Reason
from pushgate.login import Login, OriginSource
from pushgate.policy import Bond, Rule
from pushgate.verdict import Verdict

ON_THIS_MACHINE = frozenset({OriginSource.LOCAL, OriginSource.KERNEL})
"""How the origin of somebody is known who has a session here: what stands before sshd has none of its own."""

BY_PERSON = frozenset({"push", "push+number", "code"})
"""What of all that opens a door is the person's own answer to this very login."""


@dataclass(frozen=True, slots=True)
class Key:
    """What has to be equal for an earlier approval to hold; user and account as they are spelt."""

    bond: Bond | Literal["unlock"]
    service: str
    user: str
    address: str = ""
    """Where the person is; empty: at the machine itself, or from anywhere where a service is unlocked."""
    host: str = ""
    account: str = ""
    mark: tuple[str, ...] = ()
    """The SSH key, or session and terminal."""


@dataclass(frozen=True, slots=True)
class Period:
    """From when and for how long an approval holds, and the record that it has in the audit."""

    start: float
    seconds: float
    audit_id: str

    def left(self, now: float, longest: float) -> float:
        """Return the seconds that are left of at most so many."""
        return self.start + min(self.seconds, longest) - now


class Remembered:
    """Approvals that still hold; bounded, the oldest goes first."""

    LIMIT = 10_000

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.periods: OrderedDict[Key, Period] = OrderedDict()
        self.of_person: dict[str, set[Key]] = {}
        """The same by person, because denials must cost little: somebody else can cause many."""

    def recall(self, login: Login, rule: Rule) -> Verdict | None:
        """Accept a login by an earlier approval; None if there is none that holds for it."""
        if not (login.known and login.permitted):
            return None
        key = key_of(login, rule.remember.bound_to) if rule.remember else None
        if key is not None and (audit_id := self.running(key, rule)):
            return Verdict(Reason.REMEMBERED, f"approved as {audit_id}", "remembered")
        for address in (login.origin.address or "", ""):
            if audit_id := self.running(Key("unlock", login.service, login.user, address), rule):
                return Verdict(Reason.UNLOCKED, f"unlocked as {audit_id}", "unlocked")
        return None

    def running(self, key: Key, rule: Rule) -> str:
        """Return the audit id of a period that has not ended and that the rule still allows; empty if there is none."""
        period = self.periods.get(key)
        return period.audit_id if period and period.left(self.clock.now(), longest(key, rule)) > 0 else ""

    def learn(self, login: Login, rule: Rule | None, decision: Decision) -> None:
        """Draw from a decision what it says about later ones: an approval is noted, a denial forgets everything.

        Only what the person said counts. An exemption, an open failure, an emergency code or a recalled approval is
        none.
        """
        remember = rule.remember if rule else None
        if decision.reason is Reason.DENIED:
            self.forget(login.user)
        elif decision.reason is Reason.APPROVED and decision.factor in BY_PERSON and remember is not None:
            key = key_of(login, remember.bound_to)
            if key is not None:
                self.begin(key, remember.seconds, decision.audit_id)

    def unlock(self, user: str, service: str, address: str, seconds: float, audit_id: str) -> None:
        """Let a user in to a service for a while, from one address or from anywhere."""
        self.begin(Key("unlock", service, user, address), seconds, audit_id)

    def begin(self, key: Key, seconds: float, audit_id: str) -> None:
        """Begin a period; one that is running for the same key ends."""
        self.periods[key] = Period(self.clock.now(), seconds, audit_id)
        self.periods.move_to_end(key)
        self.of_person.setdefault(key.user.casefold(), set()).add(key)
        if len(self.periods) > self.LIMIT:
            self.drop(next(iter(self.periods)))

    def drop(self, key: Key) -> Period:
        """Forget one period."""
        person = key.user.casefold()
        self.of_person[person].discard(key)
        if not self.of_person[person]:
            del self.of_person[person]
        return self.periods.pop(key)

    def forget(self, user: str) -> int:
        """Forget everything of a person, whatever the spelling; returns how much of it had not ended by itself."""
        dropped = [self.drop(key) for key in list(self.of_person.get(user.casefold(), ()))]
        return sum(period.left(self.clock.now(), period.seconds) > 0 for period in dropped)

    def all_running(self, rules: Mapping[str, Rule]) -> Iterator[tuple[Key, float, str]]:
        """Yield what holds now: the key, the seconds that are left, and the audit id; oldest first."""
        now = self.clock.now()
        for key, period in self.periods.items():
            left = period.left(now, longest(key, rules.get(key.service)))
            if left > 0:
                yield key, left, period.audit_id


def longest(key: Key, rule: Rule | None) -> float:
    """Return for how many seconds a rule, which a reload may have changed, lets a period last; 0 for not at all."""
    if rule is None:
        return 0.0
    if key.bond == "unlock":
        return rule.unlock_longest or 0.0
    return rule.remember.seconds if rule.remember and rule.remember.bound_to == key.bond else 0.0


def key_of(login: Login, bond: Bond) -> Key | None:
    """Return what makes a login the same as another; None if it lacks something that would have to be equal."""
    if not (login.known and login.permitted):
        return None
    address = login.origin.address or ""
    if bond == "session+tty":
        mark: tuple[str, ...] = (login.session, login.tty)
        proved = all(mark) and login.origin.source in ON_THIS_MACHINE
    else:
        mark = (login.key,)
        proved = all(mark) and address != ""
    return Key(bond, login.service, login.user, address, login.host, login.account, mark) if proved else None
