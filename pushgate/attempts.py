"""Logins that are asked again while their push is pending share it; a denied one is not asked again at once."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pushgate.clock import Clock
from pushgate.login import Login, OriginSource
from pushgate.tasks import finish

T = TypeVar("T")


@dataclass(slots=True)
class SharedAttempt(Generic[T]):
    """One running attempt and the number of logins that wait for it."""

    task: asyncio.Task[T]
    waiters: int = 0


class Attempts(Generic[T]):
    """The pending attempts by join key. Bounded by whoever bounds the logins: each entry has a waiter."""

    def __init__(self) -> None:
        self.pending: dict[bytes, SharedAttempt[T]] = {}

    async def share(self, key: bytes | None, start: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run an attempt, or wait for the equal one that is pending.

        The key is entered before the first wait, so a front end that starts the new login before it cancels the old
        one loses no push. When the last waiter is cancelled, the attempt is cancelled and has ended on return.
        """
        if key is None:
            return await start()
        attempt = self.pending.get(key)
        if attempt is None or attempt.task.done():
            # A finished attempt answers those who waited for it, and no later login.
            attempt = SharedAttempt(asyncio.create_task(start()))
            self.pending[key] = attempt
        attempt.waiters += 1
        try:
            return await asyncio.shield(attempt.task)
        finally:
            attempt.waiters -= 1
            if attempt.waiters == 0:
                # Out of the table first: nobody may join an attempt that is being withdrawn.
                if self.pending.get(key) is attempt:
                    del self.pending[key]
                attempt.task.cancel("nobody waits any more")
                await finish(attempt.task)


class Places:
    """How many logins may wait, in all and of one user, so that one user's flood leaves room for the others."""

    def __init__(self, limit: int, per_user: int) -> None:
        self.limit, self.per_user = limit, per_user
        self.count, self.taken = 0, Counter[str]()

    def refusal(self, user: str) -> str:
        """Say why there is no place for one more login of this user; empty if there is one."""
        if self.count >= self.limit:
            return f"{self.limit} logins are pending"
        return f"{self.per_user} logins of this user are pending" if self.taken[user] >= self.per_user else ""

    @contextmanager
    def taken_by(self, user: str) -> Iterator[None]:
        """Hold a place for the time of the block."""
        self.count += 1
        self.taken[user] += 1
        try:
            yield
        finally:
            self.count -= 1
            self.taken[user] -= 1
            if not self.taken[user]:
                del self.taken[user]


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
        return (login.service, login.host, login.user, login.origin.address)
