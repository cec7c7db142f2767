"""How many calls OneLogin may be sent: it counts them per hour for the whole account, other programs included."""

from collections.abc import Mapping

from pushgate.clock import Clock

HOUR = 3600.0
RESERVE = 20
"""A twentieth of the calls is kept for questions that are out; nobody new is asked with it."""
SCARCE = 5
"""With less than a fifth left, we look less often for answers."""
FIRST_PAUSE, LAST_PAUSE, RISE_SECONDS = 1.5, 3.0, 30.0


class CallBudget:
    """Our own limit, and what OneLogin says of its own in ``X-RateLimit-*``; the smaller one counts."""

    def __init__(self, clock: Clock, per_hour: int) -> None:
        self.clock, self.limit, self.left = clock, per_hour, per_hour
        self.renews_at = clock.now() + HOUR
        self.their_limit = self.their_left = per_hour
        self.their_renewal = 0.0

    def take(self) -> bool:
        """Count a call that is about to be made; False if there is none left."""
        self.renew()
        if self.left <= 0 or self.their_left <= 0:
            return False
        self.left -= 1
        self.their_left -= 1
        return True

    def note(self, headers: Mapping[str, str]) -> None:
        """Learn from a reply how many calls OneLogin has left for us."""
        limit, left, reset = (number(headers.get(f"X-RateLimit-{word}")) for word in ("Limit", "Remaining", "Reset"))
        if limit and left is not None and reset is not None:
            # Not longer than an hour: a wrong header must not lock everybody out for days.
            self.their_limit, self.their_left = limit, left
            self.their_renewal = self.clock.now() + min(float(reset), HOUR)

    def renew(self) -> None:
        """Begin a new hour where one has ended; OneLogin's own tells when."""
        now = self.clock.now()
        if now >= self.renews_at:
            self.left, self.renews_at = self.limit, now + HOUR
        if now >= self.their_renewal:
            self.their_left = max(self.their_limit, self.limit)

    def allows_new(self) -> bool:
        """Whether somebody new may be asked."""
        self.renew()
        return self.left > self.limit // RESERVE and self.their_left > self.their_limit // RESERVE

    def pause(self, elapsed: float) -> float:
        """Return the seconds until the next look: 1.5 rising to 3, twice as long where calls are scarce."""
        self.renew()
        pause = FIRST_PAUSE + (LAST_PAUSE - FIRST_PAUSE) * min(1.0, elapsed / RISE_SECONDS)
        scarce = self.left <= self.limit // SCARCE or self.their_left <= self.their_limit // SCARCE
        return pause * (2 if scarce else 1)


def number(text: str | None) -> int | None:
    """Read a number of a header; None for anything else."""
    return int(text) if text is not None and text.isascii() and text.isdigit() and len(text) < 9 else None
