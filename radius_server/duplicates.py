"""Which packets were seen before, and what they were answered (RFC 5080 section 2.2.2).

A retransmission is the same Identifier from the same address and port with the same Request Authenticator and
length. While the first packet is unanswered it is dropped; afterwards it gets the identical bytes again. The same
Identifier with another authenticator is a new packet that displaces the old one, because the NAS has given up on it.

The table must never be asked about packets whose Message-Authenticator was wrong, and packets with and without one
need different keys, or forged ones could displace real ones. It holds no timer: the time is an argument.
"""

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

KEEP_REPLY = 30.0
"""Seconds after sending (RFC 5080: 5 to 30)."""

Waiting = TypeVar("Waiting")
Key = tuple[object, ...]


@dataclass(slots=True, eq=False)
class Entry(Generic[Waiting]):
    """One packet: in flight while ``reply`` is None."""

    key: Key
    authenticator: bytes
    length: int
    reply: bytes | None = field(default=None, repr=False)
    forget_at: float = 0.0
    waiting: Waiting | None = None
    """Whatever works on the answer, so that a conflict can stop it."""


@dataclass(frozen=True, slots=True)
class Repeated(Generic[Waiting]):
    """The packet was seen before; send ``reply`` again, or nothing while it is None."""

    reply: bytes | None
    waiting: Waiting | None = None
    """What works on the answer meanwhile."""


@dataclass(frozen=True, slots=True)
class Fresh(Generic[Waiting]):
    """The packet is new, and ``displaced`` is the packet in flight that it makes obsolete."""

    entry: Entry[Waiting]
    displaced: Entry[Waiting] | None


@dataclass(frozen=True, slots=True)
class Full:
    """Nothing but packets in flight, as many as the table holds."""


Seen = Repeated[Waiting] | Fresh[Waiting] | Full


class DuplicateTable(Generic[Waiting]):
    """Packets in flight and recent replies, ``capacity`` of both together; only replies are evicted."""

    def __init__(self, capacity: int, keep_reply: float = KEEP_REPLY) -> None:
        self.capacity = capacity
        self.keep_reply = keep_reply
        self.in_flight: dict[Key, Entry[Waiting]] = {}
        # In the order of their answers, which is the order in which they expire.
        self.answered: OrderedDict[Key, Entry[Waiting]] = OrderedDict()

    def __len__(self) -> int:
        return len(self.in_flight) + len(self.answered)

    def receive(self, key: Key, authenticator: bytes, length: int, now: float) -> "Seen[Waiting]":
        """Look a packet up and enter it if it is new."""
        self._expire(now)
        known = self.in_flight.get(key) or self.answered.get(key)
        if known and known.authenticator == authenticator and known.length == length:
            return Repeated(known.reply, known.waiting)
        displaced = self.in_flight.pop(key, None)
        self.answered.pop(key, None)
        if len(self) >= self.capacity:
            if not self.answered:
                return Full()
            self.answered.popitem(last=False)
        entry = self.in_flight[key] = Entry(key, authenticator, length)
        return Fresh(entry, displaced)

    def answer(self, entry: Entry[Waiting], reply: bytes, now: float) -> bool:
        """Keep the reply for retransmissions; False if the entry was displaced and nobody wants the reply."""
        if not self.is_waiting(entry):
            return False
        del self.in_flight[entry.key]
        entry.reply, entry.forget_at, entry.waiting = reply, now + self.keep_reply, None
        self.answered[entry.key] = entry
        return True

    def is_waiting(self, entry: Entry[Waiting]) -> bool:
        """Whether a packet is still to be answered."""
        return self.in_flight.get(entry.key) is entry

    def forget(self, entry: Entry[Waiting]) -> None:
        """Drop a packet in flight that will never be answered."""
        if self.is_waiting(entry):
            del self.in_flight[entry.key]

    def clear(self) -> list[Waiting]:
        """Forget everything, and return what worked on packets in flight."""
        waiting = [entry.waiting for entry in self.in_flight.values() if entry.waiting is not None]
        self.in_flight.clear()
        self.answered.clear()
        return waiting

    def _expire(self, now: float) -> None:
        while self.answered:
            oldest = next(iter(self.answered.values()))
            if oldest.forget_at > now:
                return
            self.answered.popitem(last=False)
