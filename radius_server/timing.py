"""How long each NAS waits for its reply: as configured, as learned from what it sends again, or as its kind does.

RADIUS has no "still working": a NAS that hears nothing marks us dead and asks the next server. So the reply leaves
before that, and what a NAS reveals of its patience is used. A packet that is sent again shows that the NAS was still
waiting; one that is not sent again although its rhythm wants it shows that the NAS has given up.
"""

import itertools
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from radius_server.clients import Client, IPAddress

MARGIN = 2.0
"""Seconds between our reply and the moment at which a NAS of known patience gives up."""
LEARNED_SHARE = 0.8
"""Of a learned window; the packet's own way and the rest of the NAS's timer need the remainder."""
SAMPLES = 3
"""Series that ended in silence before what they show is believed."""
KEPT_SAMPLES = 16
KEPT_GAPS = 16
KEPT_NASES = 10_000
SOONEST = 0.2
"""Seconds: what comes again sooner was copied on its way; the most impatient NAS of the field waits 0.3 s."""
KEPT_ARRIVALS = 64
SHORTEST, LONGEST = 2.0, 120.0
"""Seconds: the bounds of a learned window."""


@dataclass(slots=True)
class Rhythm:
    """What one NAS was seen to do."""

    gaps: list[float] = field(default_factory=list)
    """Between a packet and its first repetition, between that and the second: the longest seen of each."""
    windows: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    """From the first packet until the NAS gave up, of series that ended in silence."""
    waits: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT_SAMPLES))
    """How long it was seen to wait at least, of series that were answered; an administrator may have changed it."""

    @property
    def known(self) -> bool:
        """Whether enough was seen."""
        return len(self.windows) >= SAMPLES

    def gap_after(self, sends: int) -> float:
        """Return the seconds until the next repetition, if there is one more."""
        return self.gaps[min(sends, len(self.gaps)) - 1] if self.gaps else 0.0

    def window(self) -> float:
        """Return the seconds from its first packet until it gives up."""
        return min(LONGEST, max(SHORTEST, *self.windows, *self.waits))


class Rhythms:
    """The rhythm of each NAS, by client and source address; the one that was not heard of for longest is forgotten."""

    def __init__(self, default: float) -> None:
        """Take how many seconds a NAS is held of which nothing is known."""
        self.default = default
        self.seen: OrderedDict[tuple[str, IPAddress], Rhythm] = OrderedDict()

    def patience(self, client: Client, source: IPAddress) -> float:
        """Return the seconds from receipt in which the reply must leave."""
        if client.window is not None:
            return before_end(client.window)
        rhythm = self.seen.get((client.name, source))
        if rhythm is not None and rhythm.known:
            return LEARNED_SHARE * rhythm.window()
        return self.default if client.preset.window is None else before_end(client.preset.window)

    def note(self, client: Client, source: IPAddress, sent_at: Sequence[float], ended: float) -> None:
        """Learn from a series of equal packets once it is over.

        Args:
            client: Who sent it.
            source: From where.
            sent_at: When each came; a series of one shows nothing.
            ended: When it was answered or given up.
        """
        if len(sent_at) < 2:
            return
        rhythm = self.seen.setdefault((client.name, source), Rhythm())
        self.seen.move_to_end((client.name, source))
        if len(self.seen) > KEPT_NASES:
            self.seen.popitem(last=False)
        gaps = [later - earlier for earlier, later in itertools.pairwise(sent_at)][:KEPT_GAPS]
        rhythm.gaps = [max(pair) for pair in itertools.zip_longest(rhythm.gaps, gaps, fillvalue=0.0)]
        # Many double their gap each time: only a silence of more than twice the last one is an end.
        expected = max(rhythm.gap_after(len(sent_at)), gaps[-1])
        window = sent_at[-1] - sent_at[0] + expected
        if ended - sent_at[-1] > 2.5 * expected:
            rhythm.windows.append(window)
        else:
            rhythm.waits.append(window)

    def silent_since(self, client: Client, source: IPAddress, sent_at: Sequence[float]) -> float | None:
        """Return the moment from which a NAS has plainly given up; None if its rhythm cannot tell.

        It must have sent the packet again once: a packet that comes only once may be all that this NAS ever sends.
        """
        rhythm = self.seen.get((client.name, source))
        if rhythm is None or not rhythm.known or len(sent_at) < 2:
            return None
        return sent_at[-1] + 2 * rhythm.gap_after(len(sent_at))


def note_arrival(sent_at: list[float], now: float) -> None:
    """Note that a packet came again; a copy made by the network says nothing about its NAS.

    When there is no more room the last place moves on: it must not look as if the NAS had fallen silent.
    """
    if now - sent_at[-1] < SOONEST:
        return
    if len(sent_at) < KEPT_ARRIVALS:
        sent_at.append(now)
    else:
        sent_at[-1] = now


def before_end(window: float) -> float:
    """Return how long a NAS with this window can be held."""
    return max(window - MARGIN, window / 2)
