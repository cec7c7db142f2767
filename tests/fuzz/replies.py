"""Replies of a provider, kept, changed or made up; in memory, between a provider and its simulator."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from hypothesis import strategies as st
from multidict import CIMultiDict

from pushgate.http import JsonClient, Reply, RequestFailedError, encode_body
from pushgate.outcome import FailureKind
from tests.simulators.base import Recorded, Simulator

WORDS = (
    *("approved", "denied", "pending", "success", "Success", "SUCCESS", "accepted", "rejected", "complete", "COMPLETE"),
    *("needs_second_factor", "needs_first_factor", "active", "verified", "expired", "acknowledged", "totp", "OneLogin"),
    *("consume", "wait", "number", "", " ", "\u202e\n", "x" * 300, "2020-07-21T20:26:44Z", "99999999999999999999"),
)
KEYS = (
    *(
        "id",
        "state",
        "status",
        "type",
        "error",
        "errors",
        "code",
        "message",
        "data",
        "user",
        "session_token",
        "response",
    ),
    *("session", "level", "verified", "sessionID", "bearer", "verificationCodeID", "expireAt", "features", "devices"),
)
LEAVES = st.one_of(
    st.sampled_from(WORDS), st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=12,
)
# Not 503: who says so says that nothing was done, which is a lie where it was.
STATUSES = st.sampled_from([200, 200, 200, 201, 202, 204, 301, 400, 401, 403, 404, 409, 410, 422, 429, 500, 502])
KINDS = st.sampled_from([FailureKind.UNAVAILABLE, FailureKind.PROTOCOL, FailureKind.CONFIG, FailureKind.RATE_LIMITED])
KEEP, CHANGE, INVENT, STATUS, BREAK = "keep", "change", "invent", "status", "break"
WHAT = st.sampled_from([KEEP] * 20 + [CHANGE] * 6 + [INVENT] * 2 + [STATUS] + [BREAK])
Draw = Callable[[st.SearchStrategy[Any]], Any]


@dataclass(frozen=True)
class Exchange:
    """A request, and the reply that the provider was given."""

    request: Recorded
    status: int
    body: Any

    def is_about(self, method: str, part: str) -> bool:
        """Whether it is such a request."""
        return self.request.method == method and part in self.request.path


@dataclass
class Line:
    """Stands in for the sockets of ``JsonClient``."""

    simulator: Simulator
    draw: Draw | None = None
    """None: replies are kept."""
    exchanges: list[Exchange] = field(default_factory=list)

    async def request(
        self,
        client: JsonClient,
        method: str,
        path: str,
        *,
        deadline: float,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Hand a request to the simulator, and its reply, or another one, to the provider."""
        if deadline <= client.clock.now():
            raise RequestFailedError(FailureKind.UNAVAILABLE, sent=False, detail="TimeoutError")
        sending, data = encode_body(body, form)
        sent = CIMultiDict({**client.session.headers, **sending, **(headers or {})})
        recorded = Recorded(method, urlsplit(client.base).path + path, sent, data or b"", 1)
        self.simulator.ledger.requests.append(recorded)
        answer = await self.simulator.answer(recorded)
        content = answer.content()
        reply = Reply(answer.status, json.loads(content) if content else None, None, CIMultiDict(answer.headers))
        if self.draw is not None:
            reply = spoilt(reply, self.draw)
        self.exchanges.append(Exchange(recorded, reply.status, reply.body))
        return reply


def spoilt(reply: Reply, draw: Draw) -> Reply:
    """Keep a reply, or make another one.

    Raises:
        RequestFailedError: there is none.
    """
    match draw(WHAT):
        case "change":
            return Reply(reply.status, changed(reply.body, draw), None, reply.headers)
        case "invent":
            return Reply(draw(STATUSES), draw(VALUES), draw(st.sampled_from([None, 0.0, 3.0, 99_999.0])))
        case "status":
            return Reply(draw(STATUSES), reply.body, None, reply.headers)
        case "break":
            raise RequestFailedError(draw(KINDS), sent=True, detail="drawn")
        case _:
            return reply


def changed(value: Any, draw: Draw) -> Any:
    """Change one place of a value: another leaf, a part of somewhere else, or nothing there at all."""
    places = list(places_of(value))
    if not places:
        return draw(VALUES)
    copy = json.loads(json.dumps(value))
    at = draw(st.sampled_from(places))
    holder = copy
    for key in at[:-1]:
        holder = holder[key]
    how = draw(st.sampled_from(["leaf", "value", "drop", "wrap", "case"]))
    if how == "drop":
        del holder[at[-1]]
    elif how == "wrap":
        holder[at[-1]] = [holder[at[-1]]]
    elif how == "case" and isinstance(holder[at[-1]], str):
        holder[at[-1]] = holder[at[-1]].swapcase()
    else:
        holder[at[-1]] = draw(LEAVES if how == "leaf" else VALUES)
    return copy


def places_of(value: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """List the places of a value, however deep."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in pairs:
        yield (*before, key)
        yield from places_of(inner, (*before, key))
