"""A simulator that is asked without a socket, so that a fake clock rules both sides."""

import json
from collections.abc import Mapping
from typing import Any

from multidict import CIMultiDict

from pushgate import __version__
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import FailureKind
from tests.simulators.base import DropConnection, Recorded, Simulator


class DirectTransport:
    """What ``JsonClient`` is to a provider."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator
        self.unreachable = False
        """Whether no connection comes about."""
        self.closed = False

    async def request(
        self, method: str, path: str, *, deadline: float, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Hand a request to the simulator."""
        if self.unreachable:
            raise RequestFailedError(FailureKind.UNAVAILABLE, sent=False, detail="ClientConnectorError")
        sent = CIMultiDict({"User-Agent": f"pushgate/{__version__}", **(headers or {})})
        if body is not None:
            sent["Content-Type"] = "application/json"
        recorded = Recorded(method, path, sent, b"" if body is None else json.dumps(body).encode(), 1)
        self.simulator.ledger.requests.append(recorded)
        try:
            async with self.simulator.clock.timeout_at(deadline):
                answer = await self.simulator.answer(recorded)
        except (TimeoutError, DropConnection) as error:
            raise RequestFailedError(FailureKind.UNAVAILABLE, sent=True, detail=type(error).__name__) from None
        content, got = answer.content(), CIMultiDict(answer.headers)
        try:
            value = json.loads(content) if content else None
        except ValueError:
            raise RequestFailedError(FailureKind.PROTOCOL, sent=True, detail="reply is not JSON") from None
        after = got.get("Retry-After", "")
        return Reply(answer.status, value, float(after) if after.isdigit() else None, got)

    async def close(self) -> None:
        """Note that it was closed."""
        self.closed = True
