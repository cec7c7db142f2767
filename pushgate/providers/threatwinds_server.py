"""ThreatWinds' server: how its calls are made, and when one is made again."""

import itertools
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.threatwinds_wire import failure_of_session

ROOT = "/api/auth/v2"
CALL_SECONDS = 5.0
CREATE_SECONDS = 15.0
"""Longer than other calls: giving up on a mail that is only slow would reject a person who is being asked."""
PAUSES = (1.0, 2.0, 4.0)
"""Between tries, where the server does not say how long to wait; the last one stays."""
TLS_HINT = "the certificate is refused: check url and ca_file"
PASSING = (FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED, FailureKind.PROTOCOL)
"""Of a question that may be asked again: an unreadable body may be a proxy's hiccup."""


class Transport(Protocol):
    """What the provider needs of ``pushgate.http.JsonClient``."""

    async def request(
        self, method: str, path: str, *, deadline: float, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request; raises ``RequestFailedError``."""

    async def close(self) -> None:
        """Close all connections."""


class ThreatWindsServer:
    """The calls below ``/api/auth/v2``."""

    def __init__(self, transport: Transport, clock: Clock) -> None:
        self.transport, self.clock = transport, clock

    async def call(
        self,
        method: str,
        path: str,
        deadline: float,
        *,
        bearer: str = "",
        body: Any = None,
        limit: float = CALL_SECONDS,
    ) -> Reply:
        """Send one request that ends at the deadline, or after ``limit`` seconds.

        Raises:
            RequestFailedError: for everything that is not a reply.
        """
        headers = {"Accept": "application/json"} | ({"Authorization": f"Bearer {bearer}"} if bearer else {})
        until = min(deadline, self.clock.now() + limit)
        return await self.transport.request(method, ROOT + path, deadline=until, body=body, headers=headers)

    async def insist(
        self,
        step: str,
        method: str,
        path: str,
        deadline: float,
        *,
        bearer: str = "",
        body: Any = None,
        secret: str = "",
    ) -> Reply | Failed:
        """Send a request until it has been answered, or the deadline has come.

        A GET is asked again after every failure that may pass. What changes something goes out again only if it surely
        did nothing: it never left, or was refused with 429.
        """
        may_repeat = method == "GET"
        pauses = itertools.chain(PAUSES, itertools.repeat(PAUSES[-1]))
        while True:
            try:
                reply = await self.call(method, path, deadline, bearer=bearer, body=body)
                if reply.status != 429 and not (may_repeat and reply.status >= 500):
                    return reply
                failed, wish = failure_of_session(step, reply, bearer, secret), reply.retry_after
            except RequestFailedError as error:
                failed, wish = unreached(step, error, asked=True), None
                unsent = error.kind is FailureKind.UNAVAILABLE and not error.sent
                if not (unsent or (may_repeat and error.kind in PASSING)):
                    return failed
            wait = max(wish or 0.0, next(pauses))
            if self.clock.now() + wait >= deadline:
                return failed
            await self.clock.sleep(wait)


def session_path(session_id: str) -> str:
    """Return the path of a session; no character of its id has a meaning there."""
    return f"/session/{quote(session_id, safe='')}"


def unreached(step: str, error: RequestFailedError, *, asked: bool) -> Failed:
    """Build the failure of a request that got no reply."""
    hint = TLS_HINT if error.kind is FailureKind.CONFIG else ""
    return Failed(error.kind, asked=asked, detail=f"{step}: {error.detail}", hint=hint)
