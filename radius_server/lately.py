"""Logins that nobody answered in time: a NAS that asks again at that very moment hears the same once more.

Without this, a NAS whose rhythm meets our deadline asks the person anew each time: its next packet, under another
number or port, comes when the login that it belongs to has just ended.
"""

from collections import OrderedDict

from pushgate.decision import Decision

SECONDS = 3.0
"""Longer than a packet is under way, shorter than a person takes to log in again."""
LIMIT = 10_000


class LatelyExpired:
    """The decisions of the last seconds, by join key."""

    def __init__(self) -> None:
        # In the order of their ends.
        self.decisions: OrderedDict[bytes, tuple[Decision, float]] = OrderedDict()

    def note(self, key: bytes, decision: Decision, now: float) -> None:
        """Remember that a login has ended unanswered."""
        self.forget_old(now)
        self.decisions[key] = decision, now + SECONDS
        self.decisions.move_to_end(key)
        if len(self.decisions) > LIMIT:
            self.decisions.popitem(last=False)

    def find(self, key: bytes, now: float) -> Decision | None:
        """Return how the same login has just ended, if it has."""
        self.forget_old(now)
        found = self.decisions.get(key)
        return None if found is None else found[0]

    def forget_old(self, now: float) -> None:
        """Let go what is no longer of the same moment."""
        while self.decisions:
            key, (_, until) = next(iter(self.decisions.items()))
            if until > now:
                return
            del self.decisions[key]
