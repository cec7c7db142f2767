"""How often a person may be asked: places for pending logins, pushes that nobody approved, a rest after a denial.

A provider may know ``Alice`` and ``alice`` as one person, so here they are one: nobody gains tries by spelling.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from pushgate.clock import Clock
from pushgate.login import Login, OriginSource


class Places:
    """How many logins may wait, in all, of one user, and half as many of one user from one address.

    So one user's flood leaves room for the others, and who knows a name cannot from one address keep its owner out.
    """

    def __init__(self, limit: int, per_user: int) -> None:
        self.limit, self.per_user, self.per_origin = limit, per_user, max(1, per_user // 2)
        self.count, self.taken, self.taken_from = 0, Counter[str](), Counter[tuple[str, str]]()

    def refusal(self, login: Login) -> str:
        """Say why there is no place for one more login of this user; empty if there is one."""
        if self.count >= self.limit:
            return f"{self.limit} logins are pending"
        if self.taken[person_of(login)] >= self.per_user:
            return f"{self.per_user} logins of this user are pending"
        if self.taken_from[person_of(login), place_of(login)] >= self.per_origin:
            return f"{self.per_origin} logins of this user from this address are pending"
        return ""

    @contextmanager
    def taken_by(self, login: Login) -> Iterator[None]:
        """Hold a place for the time of the block."""
        person, pair = person_of(login), (person_of(login), place_of(login))
        self.count += 1
        self.taken[person] += 1
        self.taken_from[pair] += 1
        try:
            yield
        finally:
            self.count -= 1
            leave(self.taken, person)
            leave(self.taken_from, pair)


Key = TypeVar("Key")


def leave(counter: Counter[Key], key: Key) -> None:
    """Count one less, and keep no zero."""
    counter[key] -= 1
    if not counter[key]:
        del counter[key]


def person_of(login: Login) -> str:
    """Name the person whatever the spelling."""
    return login.user.casefold()


def place_of(login: Login) -> str:
    """Name where a login comes from; logins whose address nobody tells are of one place for each service."""
    return login.origin.address or login.service


class CoolDown:
    """Who denied a login a moment ago: the same login is rejected without asking again."""

    SECONDS = 10.0
    LIMIT = 10_000

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.until: OrderedDict[tuple[str, str, str, str | None], float] = OrderedDict()

    def note_denial(self, login: Login) -> None:
        """Remember a denial, unless the origin is unknown: then two logins cannot be told apart."""
        if login.origin.source is OriginSource.UNKNOWN:
            return
        self.until[self.key(login)] = self.clock.now() + self.SECONDS
        self.until.move_to_end(self.key(login))
        if len(self.until) > self.LIMIT:
            self.until.popitem(last=False)

    def holds(self, login: Login) -> bool:
        """Whether this login was denied within the last ten seconds."""
        until = self.until.get(self.key(login))
        return until is not None and self.clock.now() < until

    @staticmethod
    def key(login: Login) -> tuple[str, str, str, str | None]:
        """Name the login as the person saw it."""
        return (login.service, login.host, person_of(login), login.origin.address)


class PushBudget:
    """How many pushes a person may get that nobody approves: nobody may wear the owner of a name down.

    Counted for each address apart, so that a stranger from one address does not use up what the owner may need; from
    all addresses together there are four times as many.
    """

    SECONDS = 300.0
    ORIGINS = 4
    LIMIT = 10_000

    def __init__(self, clock: Clock, per_origin: int) -> None:
        self.clock, self.per_origin, self.per_user = clock, per_origin, self.ORIGINS * per_origin
        # When and from where, oldest first. Lists, because a deque takes four times the memory of a few figures.
        self.pushed: OrderedDict[str, list[tuple[float, str]]] = OrderedDict()

    def is_spent(self, login: Login) -> bool:
        """Whether this user has had as many pushes as may go unapproved within five minutes."""
        pushed = self.pushed.get(person_of(login), [])
        while pushed and pushed[0][0] <= self.clock.now() - self.SECONDS:
            del pushed[0]
        from_here = sum(place == place_of(login) for _, place in pushed)
        return from_here >= self.per_origin or len(pushed) >= self.per_user

    def take(self, login: Login) -> None:
        """Count a push."""
        pushed = self.pushed.setdefault(person_of(login), [])
        pushed.append((self.clock.now(), place_of(login)))
        del pushed[: -self.per_user]
        self.pushed.move_to_end(person_of(login))
        if len(self.pushed) > self.LIMIT:
            self.pushed.popitem(last=False)

    def give_back(self, login: Login) -> None:
        """Count one push less, because it reached nobody."""
        pushed = self.pushed.get(person_of(login), [])
        newest = next((at for at in reversed(range(len(pushed))) if pushed[at][1] == place_of(login)), None)
        if newest is not None:
            del pushed[newest]
        if not pushed:
            # A flood of names that nobody has must not push out what is known of real ones.
            self.pushed.pop(person_of(login), None)

    def refund(self, login: Login) -> None:
        """Forget the pushes from where the user has approved one: the person is there, and wants to get in."""
        kept = [push for push in self.pushed.pop(person_of(login), []) if push[1] != place_of(login)]
        if kept:
            self.pushed[person_of(login)] = kept
