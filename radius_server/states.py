"""Which challenge a State belongs to: printable, used once, bound to client, user and origin."""

import base64
import secrets
from collections import Counter, OrderedDict
from dataclasses import dataclass
from typing import Generic, TypeVar

from radius_server.schemes import Refusal

UNKNOWN_STATE = Refusal("unknown_state", "challenge not known here: too late, answered, or from before a restart")

PREFIX = b"pg1."
STATE_OCTETS = 18
GRACE = 5.0
"""Seconds beyond the Session-Timeout that the NAS was told."""

Holder = TypeVar("Holder")


@dataclass(frozen=True, slots=True)
class Asker:
    """Who may answer a challenge: the same appliance, for the same user, from the same address."""

    group: str
    user: str
    address: str | None

    def admits(self, other: "Asker") -> bool:
        """Whether an answer may come from ``other``; some appliances leave the address out of it (pam_radius)."""
        return (self.group, self.user) == (other.group, other.user) and other.address in (self.address, None)


@dataclass(frozen=True, slots=True)
class Challenge(Generic[Holder]):
    """A question that a NAS shows to its person."""

    asker: Asker
    holder: Holder
    """Who waits for the answer."""
    forget_at: float


class StateTable(Generic[Holder]):
    """The open challenges; a restart forgets them, and those people start again."""

    def __init__(self, capacity: int, per_group: int) -> None:
        """Take how many challenges may be open, in all and at the appliances of one group."""
        self.capacity, self.per_group = capacity, per_group
        # In the order of their making, which is nearly that of their ends: good enough to find the old ones.
        self.open: OrderedDict[bytes, Challenge[Holder]] = OrderedDict()
        self.of_group: Counter[str] = Counter()

    def put(self, asker: Asker, holder: Holder, now: float, seconds: float) -> bytes | None:
        """Open a challenge for so many seconds and return its State; None if there are too many.

        The State is text without a NUL, because radcli cuts there, and neither all digits nor hexadecimal, because
        clients of one library would write such a value anew.
        """
        self.forget_old(now)
        if len(self.open) >= self.capacity or self.of_group[asker.group] >= self.per_group:
            return None
        state = PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(STATE_OCTETS))
        self.open[state] = Challenge(asker, holder, now + seconds + GRACE)
        self.of_group[asker.group] += 1
        return state

    def take(self, state: bytes, asker: Asker, now: float) -> Holder | None:
        """Return who waits for this answer, once; None for a State that this asker has no claim to.

        A State in wrong hands stays open for its owner.
        """
        challenge = self.open.get(state)
        if challenge is None or challenge.forget_at <= now or not challenge.asker.admits(asker):
            return None
        self.drop(state)
        return challenge.holder

    def drop(self, state: bytes) -> None:
        """Close a challenge that nobody waits for any more."""
        challenge = self.open.pop(state, None)
        if challenge is not None:
            self.of_group[challenge.asker.group] -= 1

    def forget_old(self, now: float) -> None:
        """Close the oldest challenges whose time has come."""
        while self.open:
            state, oldest = next(iter(self.open.items()))
            if oldest.forget_at > now:
                return
            self.drop(state)
