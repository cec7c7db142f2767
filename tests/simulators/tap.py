"""Between the wire and a simulator: which request belongs to which step of a login, and where a fault happens."""

import asyncio
import base64
import binascii
import enum
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from pushgate.clock import Clock
from tests.simulators.base import Answer, Recorded, Simulator

Serve = Callable[[Recorded], Awaitable[Answer]]
Fault = Callable[[Serve, Recorded, Clock], Awaitable[Answer]]
"""What becomes of a request; it may serve it, and may raise ``DropConnection``."""

ASKS = ("pushes", "mails", "creates")
"""Counters of the ledger that say that a person may have been asked, the surest first."""
SENT_SECRETS = {
    *("password", "code", "otp", "otp_token", "bypasscode", "ticket", "state_token"),
    *("verificationCodeID", "client_secret"),
}
GOT_SECRETS = {
    *("bearer", "access_token", "refresh_token", "token", "jwt", "state_token", "session_token"),
    *("verificationCodeID", "verificationCodeId"),
}


class Place(enum.StrEnum):
    """A request of a login at which something can go wrong."""

    FIRST = "the first request"
    ASKING = "the request that asks the person"
    ANSWER = "the first request for the answer"
    LAST = "the request whose reply would approve"
    CANCEL = "the withdrawal"


@dataclass(frozen=True)
class Entry:
    """One request, in which step it came, and which counters it moved."""

    step: str
    index: int
    """Its number in this step, from 0."""
    request: Recorded
    grown: frozenset[str]
    served: bool


@dataclass(frozen=True)
class Spot:
    """Where a fault begins."""

    step: str
    index: int


@dataclass
class Tap:
    """Sees every request of one simulator; a fault lasts from its spot to the end of the answer, or a few times."""

    simulator: Simulator
    fault: Fault | None = None
    spot: Spot | None = None
    times: int = 1_000_000
    step: str = "before"
    entries: list[Entry] = field(default_factory=list)
    secrets: set[str] = field(default_factory=set)
    """What must stand in no log."""
    faulty: bool = False
    met: asyncio.Event = field(default_factory=asyncio.Event)
    """The spot was reached."""

    def __post_init__(self) -> None:
        """Stand in front of the simulator."""
        self.serve: Serve = self.simulator.answer
        self.simulator.answer = self.answer  # type: ignore[method-assign]

    async def answer(self, recorded: Recorded) -> Answer:
        """Answer a request, or let the fault have it."""
        self.secrets.update(secrets_of_request(recorded))
        step, index = self.step, sum(each.step == self.step for each in self.entries)
        served: list[frozenset[str]] = []
        place = len(self.entries)
        self.entries.append(Entry(step, index, recorded, frozenset(), served=False))

        async def serve(request: Recorded) -> Answer:
            before = self.simulator.ledger.counts.copy()
            answer = await self.serve(request)
            served.append(frozenset((self.simulator.ledger.counts - before).keys()))
            self.entries[place] = Entry(step, index, recorded, served[-1], served=True)
            self.secrets.update(secrets_of_answer(answer))
            return answer

        if Spot(step, index) == self.spot:
            self.faulty = True
            self.met.set()
        if self.fault is None or not self.faulty or not self.times or (step == "cancel" and self.spot_step != "cancel"):
            return await serve(recorded)
        self.times -= 1
        return await self.fault(serve, recorded, self.simulator.clock)

    @property
    def spot_step(self) -> str:
        """The step in which the fault begins."""
        return self.spot.step if self.spot else ""


def spot_of(place: Place, entries: list[Entry]) -> Spot:
    """Find a place among the requests of a login that went well; of a step without requests, the nearest one."""
    steps = {name: [each for each in entries if each.step == name] for name in ("begin", "answer")}
    whole = [*steps["begin"], *steps["answer"]]
    answer = steps["answer"] or [each for each in whole if "submits" in each.grown] or whole[-1:]
    match place:
        case Place.FIRST:
            found = whole[0]
        case Place.ASKING:
            asking = (each for word in ASKS for each in steps["begin"] if word in each.grown)
            found = next(asking, (steps["begin"] or whole[:1])[-1])
        case Place.ANSWER:
            found = answer[0]
        case Place.LAST:
            found = answer[-1]
        case Place.CANCEL:
            return Spot("cancel", 0)
    return Spot(found.step, found.index)


def secrets_of_request(recorded: Recorded) -> set[str]:
    """Find what must not be logged of a request."""
    found = set[str]()
    authorization = recorded.headers.get("Authorization", "")
    found.update(re.findall(r"[A-Za-z0-9+/=._-]{16,}", authorization))
    if authorization.startswith("Basic "):
        with suppress(binascii.Error, UnicodeDecodeError):
            found.update(base64.b64decode(authorization[6:]).decode().split(":")[1:])
    form = recorded.headers.get("Content-Type", "").startswith("application/x-www-form-urlencoded")
    return found | set(values_of(recorded.form() if form else parsed(recorded.body), SENT_SECRETS))


def secrets_of_answer(answer: Answer) -> set[str]:
    """Find what must not be logged of an answer."""
    held = {value for key, value in answer.headers.items() if key.lower() == "authorization" and value}
    return held | set(values_of(parsed(answer.content()), GOT_SECRETS))


def parsed(body: bytes) -> Any:
    """Read JSON; None for anything else."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def values_of(value: Any, keys: set[str]) -> Iterator[str]:
    """List the texts that stand under such a key, however deep."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key in keys and isinstance(inner, str) and inner:
                yield inner
            yield from values_of(inner, keys)
    elif isinstance(value, list):
        for inner in value:
            yield from values_of(inner, keys)
