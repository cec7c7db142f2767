"""How often a person may be asked: places for pending logins, pushes that nobody approved, a rest after a denial.

A provider may know ``Alice`` and ``alice`` as one person, so here they are one: nobody gains tries by spelling.
"""

from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from pushgate.clock import Clock
from pushgate.login import Login, OriginSource


class Places:
    """How many logins may wait, in all and of one user, so that one user's flood leaves room for the others."""

    def __init__(self, limit: int, per_user: int) -> None:
        self.limit, self.per_user = limit, per_user
        self.count, self.taken = 0, Counter[str]()

    def refusal(self, user: str) -> str:
        """Say why there is no place for one more login of this user; empty if there is one."""
        if self.count >= self.limit:
            return f"{self.limit} logins are pending"
        if self.taken[user.casefold()] >= self.per_user:
            return f"{self.per_user} logins of this user are pending"
        return ""

    @contextmanager
    def taken_by(self, user: str) -> Iterator[None]:
        """Hold a place for the time of the block."""
        person = user.casefold()
        self.count += 1
        self.taken[person] += 1
        try:
            yield
        finally:
            self.count -= 1
            self.taken[person] -= 1
            if not self.taken[person]:
                del self.taken[person]


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
        return (login.service, login.host, login.user.casefold(), login.origin.address)


class PushBudget:
    """How many pushes a person may get that nobody approves: who has a password must not wear its owner down."""

    SECONDS = 300.0
    LIMIT = 10_000

    def __init__(self, clock: Clock, per_user: int) -> None:
        self.clock, self.per_user = clock, per_user
        # Lists, because a deque takes four times the memory of a few figures.
        self.pushed: OrderedDict[str, list[float]] = OrderedDict()

    def is_spent(self, user: str) -> bool:
        """Whether this user has had as many pushes as may go unapproved within five minutes."""
        pushed = self.pushed.get(user.casefold())
        while pushed and pushed[0] <= self.clock.now() - self.SECONDS:
            del pushed[0]
        return len(pushed or ()) >= self.per_user

    def take(self, user: str) -> None:
        """Count a push."""
        person = user.casefold()
        pushed = self.pushed.setdefault(person, [])
        pushed.append(self.clock.now())
        del pushed[: -self.per_user]
        self.pushed.move_to_end(person)
        if len(self.pushed) > self.LIMIT:
            self.pushed.popitem(last=False)

    def give_back(self, user: str) -> None:
        """Count one push less, because it reached nobody."""
        pushed = self.pushed.get(user.casefold())
        if pushed:
            pushed.pop()
        if not pushed:
            # A flood of names that nobody has must not push out what is known of real ones.
            self.pushed.pop(user.casefold(), None)

    def refund(self, user: str) -> None:
        """Forget the pushes of a user who has approved one: the person is there, and wants to get in."""
        self.pushed.pop(user.casefold(), None)
