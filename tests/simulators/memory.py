"""Simulators that are reached without a socket, so that a fake clock rules both sides of a played login.

The client is the real one with its headers, encoding and deadlines: only what lies between it and the server is not.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast
from unittest import mock

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from pushgate.http import JsonClient, Reply, classify, read_json, retry_after
from tests.simulators.base import Answer, DropConnection, Recorded, Simulator, typed


@dataclass
class Received:
    """An answer as the client reads it."""

    answer: Answer
    headers: CIMultiDict[str]
    unread: bytes

    @property
    def status(self) -> int:
        """Its status."""
        return self.answer.status

    @property
    def content(self) -> "Received":
        """Where the body is read."""
        return self

    async def read(self, size: int) -> bytes:
        """Return the next octets."""
        some, self.unread = self.unread[:size], self.unread[size:]
        return some

    def close(self) -> None:
        """Read no further."""
        self.unread = b""


@contextmanager
def in_memory(simulator: Simulator) -> Iterator[None]:
    """Let every client that sends a request in this block reach this simulator, whatever address it has."""

    async def exchange(
        client: JsonClient, method: str, path: str, deadline: float, data: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        sent = CIMultiDict({**client.session.headers, **headers})
        target = URL(client.base + path, encoded=True).raw_path_qs
        recorded = Recorded(method, target, sent, data or b"", connection=1)
        simulator.ledger.requests.append(recorded)
        try:
            async with client.clock.timeout_at(deadline):
                answer = await simulator.answer(recorded)
        except TimeoutError as error:
            raise classify(error, sent=True) from None
        except DropConnection:
            raise classify(aiohttp.ServerDisconnectedError(), sent=True) from None
        received = cast(aiohttp.ClientResponse, Received(answer, typed(answer), answer.content()))
        after = retry_after(received, client.clock.wall())
        return Reply(answer.status, await read_json(received), after, received.headers)

    with mock.patch.object(JsonClient, "exchange", exchange):
        yield
