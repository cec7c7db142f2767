"""At most so many of something within so long, for each key apart: mails to a person, wrong codes of an account."""

from collections import OrderedDict

from pushgate.clock import Clock


class Limiter:
    """Counts for each key within a sliding window; what is longer ago than the window does not count.

    The table is bounded: where it is full, the key that was used longest ago is forgotten. Refusing new keys there
    would let a flood of names keep everybody out.
    """

    def __init__(self, clock: Clock, limit: int, seconds: float, *, keys: int = 10_000) -> None:
        """Take the limit.

        Args:
            clock: Time.
            limit: How often within the window.
            seconds: How long the window is.
            keys: How many keys are remembered.
        """
        self.clock, self.limit, self.seconds, self.keys = clock, limit, seconds, keys
        # When, oldest first. Lists, because a deque takes four times the memory of a few figures.
        self.used: OrderedDict[str, list[float]] = OrderedDict()

    def take(self, key: str) -> bool:
        """Count one more, unless the limit is reached; whether it was counted."""
        if self.is_spent(key):
            return False
        self.used.setdefault(key, []).append(self.clock.now())
        self.used.move_to_end(key)
        if len(self.used) > self.keys:
            self.used.popitem(last=False)
        return True

    def is_spent(self, key: str) -> bool:
        """Whether the limit is reached."""
        return len(self.recent(key)) >= self.limit

    def pause(self, key: str) -> float:
        """Return the seconds until one more may be counted; 0 if it may be now."""
        recent = self.recent(key)
        # Only the last ``limit`` can stand in the way.
        return max(0.0, recent[-self.limit] + self.seconds - self.clock.now()) if len(recent) >= self.limit else 0.0

    def give_back(self, key: str) -> None:
        """Count one less: the newest had no effect."""
        recent = self.recent(key)
        if recent:
            recent.pop()
        if not recent:
            self.forget(key)

    def forget(self, key: str) -> None:
        """Count this key from nothing again."""
        self.used.pop(key, None)

    def recent(self, key: str) -> list[float]:
        """Return the times that still count, and drop the others."""
        times = self.used.get(key, [])
        while times and times[0] <= self.clock.now() - self.seconds:
            del times[0]
        return times
