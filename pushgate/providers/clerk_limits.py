"""How much Clerk is asked: wrong codes and messages of a person, and calls of the whole daemon."""

from collections import deque
from dataclasses import dataclass

from pushgate.clock import Clock
from pushgate.limiter import Limiter
from pushgate.outcome import Failed, FailureKind

MAX_NAMES = 65_536
MAX_WAITING = 64
LONGEST_HOLD = 30.0
"""Clerk counts within ten seconds; whatever a 429 says, one login must not keep everybody out for hours."""
USED_SECONDS = 120.0
"""Longer than a code of an authenticator app is right, with what servers allow for wrong clocks."""
USED = Failed(FailureKind.BAD_CODE, asked=False, detail="this code has opened a door already")


class Budget:
    """So many within a while for a person, who has several names; what turned out right is given back.

    Taken before the call that it pays for: many logins at the same moment would each find the budget unspent.
    """

    def __init__(self, clock: Clock, most: int, seconds: float) -> None:
        # Only people whom Clerk knows are counted, so no flood of made-up names gets anybody forgotten.
        self.limiter = Limiter(clock, most, seconds, keys=MAX_NAMES)

    def is_spent(self, *keys: str) -> bool:
        """Whether nothing is left for one of the keys."""
        return any(self.limiter.is_spent(key) for key in keys)

    def take(self, *keys: str) -> bool:
        """Take one of each key, or of none if one is spent."""
        return not self.is_spent(*keys) and all(self.limiter.take(key) for key in keys)

    def give_back(self, *keys: str) -> None:
        """Take one less of each key."""
        for key in keys:
            self.limiter.give_back(key)


class UsedCodes:
    """Codes that have opened a door: each opens one (RFC 6238 section 5.2). Clerk says so of backup codes alone."""

    def __init__(self, clock: Clock) -> None:
        self.limiter = Limiter(clock, 1, USED_SECONDS)

    def claim(self, user_id: str, code: str) -> bool:
        """Keep a code for one login, before it is checked: of two that bring it at a moment, one gets in."""
        return self.limiter.take(f"{user_id} {code}")

    def free(self, user_id: str, code: str) -> None:
        """Give back a code that has opened nothing."""
        self.limiter.give_back(f"{user_id} {code}")


class Turns:
    """At most so many calls within a while for the whole daemon; who comes too early waits, if the deadline allows."""

    def __init__(self, clock: Clock, calls: int, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds
        self.granted: deque[float] = deque(maxlen=calls)
        self.held_until = 0.0
        self.waiting = 0

    async def wait(self, deadline: float) -> bool:
        """Wait for a turn; False at once if it could not come before the deadline, or too many wait."""
        now = self.clock.now()
        full = len(self.granted) == self.granted.maxlen
        at = max(now, self.held_until, self.granted[0] + self.seconds if full else now)
        if at >= deadline or (at > now and self.waiting >= MAX_WAITING):
            return False
        self.granted.append(at)
        if at > now:
            self.waiting += 1
            try:
                await self.clock.sleep(at - now)
            finally:
                self.waiting -= 1
        return True

    def hold(self, seconds: float) -> None:
        """Let nobody have a turn for a while: the server has said so, though perhaps of one person, or by mistake."""
        self.held_until = max(self.held_until, self.clock.now() + min(seconds, LONGEST_HOLD))


@dataclass(frozen=True, slots=True)
class Limits:
    """What one person may cost within a while."""

    codes: Budget
    """Wrong codes."""
    passwords: Budget
    """Wrong passwords."""
    messages: Budget
    """Mails and text messages."""


def counts(outcome: object) -> bool:
    """Whether a check of a code has to count as a wrong one: also one of which nobody knows the end."""
    if isinstance(outcome, Failed):
        return outcome.kind is FailureKind.BAD_CODE or outcome.asked
    return False


def too_often(what: str) -> Failed:
    """Say that a person's tries are used up; nothing was sent."""
    detail = f"too many {what} within a while: our own limit"
    return Failed(FailureKind.RATE_LIMITED, asked=False, detail=detail)
