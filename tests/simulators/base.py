"""What the simulators of all providers share: a real HTTP server on loopback, knobs for faults, and a ledger.

A simulator answers as the provider's documents say. A test turns knobs to make it misbehave, and asks the ledger what
was sent to it and what that would have cost: pushes, mails, polls.
"""

import asyncio
import json
import ssl
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from aiohttp import web
from multidict import CIMultiDict

from pushgate.clock import Clock, SystemClock


@dataclass(frozen=True)
class Recorded:
    """One request as it arrived."""

    method: str
    target: str
    """Path and query, as they stood on the wire."""
    headers: Mapping[str, str] = field(repr=False)
    body: bytes
    connection: int
    """Equal numbers came over the same connection."""

    @property
    def path(self) -> str:
        """The target without its query, as it stood on the wire."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        """The query, decoded."""
        return {key: values[0] for key, values in parse_qs(self.target.partition("?")[2]).items()}

    def json(self) -> Any:
        """The body; raises ``ValueError`` if it is not JSON."""
        return json.loads(self.body)

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return {key: values[0] for key, values in parse_qs(self.body.decode(), keep_blank_values=True).items()}


@dataclass
class Answer:
    """What to answer: a JSON value, or bytes as they are."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """Return the body as bytes; nothing for None."""
        if self.body is None or isinstance(self.body, bytes):
            return self.body or b""
        return json.dumps(self.body).encode()


class DropConnection(Exception):  # noqa: N818 - an order, not a fault
    """Close the connection in place of an answer."""


@dataclass
class Ledger:
    """Everything that was asked, and what it would have cost."""

    requests: list[Recorded] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    """Of ``creates``, ``polls``, ``pushes``, ``mails``, ``submits``, ``cancels`` and ``tokens``."""

    def count(self, method: str, path_part: str) -> int:
        """How many requests had this method and this in their path."""
        return sum(each.method == method and path_part in each.path for each in self.requests)


@dataclass
class Knobs:
    """How the simulator misbehaves. What is set for the next requests is used up by them."""

    latency: float = 0.0
    """Seconds before each answer, of the simulator's clock."""
    faults: deque[Answer | DropConnection | None] = field(default_factory=deque)
    """In place of the next answers, and nothing happens; None: that one is served as it should be."""
    after: deque[Answer | DropConnection | None] = field(default_factory=deque)
    """As ``faults``, but the request is served first: only the answer is lost."""
    only: Callable[[Recorded], bool] = lambda _: True
    """Which requests faults, after and latency concern."""

    def status_next(self, status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next request like this."""
        self.faults.append(Answer(status, body, headers or {}))

    def drop_next(self, count: int = 1, *, served: bool = False) -> None:
        """Break the connections of the next requests; ``served``: after they have had their effect."""
        (self.after if served else self.faults).extend([DropConnection()] * count)

    def retry_after(self, value: str, count: int = 1) -> None:
        """Answer the next requests with 429 and this ``Retry-After``; an empty value: without one."""
        headers = {"Retry-After": value} if value else {}
        self.faults.extend([Answer(429, {"errors": []}, headers)] * count)


class Simulator:
    """A provider's server. Subclasses implement ``serve``."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()
        self.url = ""
        self.ledger = Ledger()
        self.knobs = Knobs()
        self.connections: dict[int, int] = {}

    async def serve(self, request: Recorded) -> Answer:
        """Answer a request as the provider would."""
        raise NotImplementedError

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Write the request down, then answer it, or misbehave."""
        transport = request.transport
        number = self.connections.setdefault(id(transport), len(self.connections) + 1)
        body = await request.read()
        recorded = Recorded(request.method, request.raw_path, CIMultiDict(request.headers), body, number)
        self.ledger.requests.append(recorded)
        try:
            answer = await self.answer(recorded)
        except DropConnection:
            if transport is not None:
                transport.abort()
            return web.Response(status=500)
        return web.Response(status=answer.status, body=answer.content(), headers=typed(answer))

    async def answer(self, recorded: Recorded) -> Answer:
        """Serve the request, unless a knob says otherwise.

        Raises:
            DropConnection: a knob says so.
        """
        concerned = self.knobs.only(recorded)
        if concerned and self.knobs.latency:
            await self.clock.sleep(self.knobs.latency)
        fault = self.knobs.faults.popleft() if concerned and self.knobs.faults else None
        if isinstance(fault, DropConnection):
            raise fault
        if fault is not None:
            return fault
        answer = await self.serve(recorded)
        after = self.knobs.after.popleft() if concerned and self.knobs.after else None
        if isinstance(after, DropConnection):
            raise after
        return after or answer


def typed(answer: Answer) -> CIMultiDict[str]:
    """Return the headers, with a type where they name none."""
    headers = CIMultiDict(answer.headers)
    headers.setdefault("Content-Type", "application/json")
    return headers


@asynccontextmanager
async def running(simulator: Simulator, tls: ssl.SSLContext | None = None) -> AsyncIterator[Simulator]:
    """Serve a simulator on a free port of loopback until the block ends."""
    server = web.Server(simulator.handle)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    scheme, name = ("https", "localhost") if tls else ("http", "127.0.0.1")
    simulator.url = f"{scheme}://{name}:{runner.addresses[0][1]}"
    try:
        yield simulator
    finally:
        await runner.cleanup()


async def until(condition: Callable[[], bool | Awaitable[bool]], tries: int = 1000) -> None:
    """Let the loop run until something is so; fails if it does not come about."""
    for _ in range(tries):
        result = condition()
        if result if isinstance(result, bool) else await result:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not come about")
