"""OneLogin's access token: got once, kept until shortly before it runs out, renewed by one request for all."""

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, TypeGuard

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.onelogin_wire import trace_of

# The v1 address gives a new token each time and ends those of other programs; this one gives the same until it ends.
TOKEN_PATH = "/auth/oauth2/v2/token"  # noqa: S105 - a path
TOKEN_SECONDS = 5.0
MARGIN = 60.0
"""A token that runs out within a minute is renewed before it is used."""
SHORTEST_KEEP = 5.0
"""OneLogin gives the same token until its very end: close to it we ask anew, but not for every call."""
LONGEST_KEEP = 36_000.0
LONGEST_TOKEN = 4096
CREDENTIAL_HINT = "OneLogin refuses the API credential: check client_id, client_secret_file and url"
UNTRUSTED_HINT = "OneLogin's certificate is not trusted: check url, ca_file and the clock of this machine"
DELETED_HINT = "OneLogin fails at the API credential: if the admin who made it was deleted, make a new one"


class Transport(Protocol):
    """What the provider needs of ``pushgate.http.JsonClient``."""

    async def request(
        self, method: str, path: str, *, deadline: float, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request; raises ``RequestFailedError``."""

    async def close(self) -> None:
        """Close all connections."""


class CallFailedError(Exception):
    """There is no reply that is about the person.

    ``sent`` is False only if the request itself surely never had an effect at OneLogin.
    """

    def __init__(self, problem: Failed, *, sent: bool) -> None:
        super().__init__(problem.detail)
        self.problem, self.sent = problem, sent


@dataclass(frozen=True, slots=True)
class Token:
    """An access token; ``keep_until`` is in seconds of ``Clock.now``."""

    value: str = field(repr=False)
    keep_until: float


class TokenCache:
    """The token of one API credential."""

    def __init__(self, transport: Transport, client_id: str, client_secret: str, clock: Clock) -> None:
        self.transport, self.clock = transport, clock
        credential = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode("ascii")
        self.headers = {"Authorization": f"Basic {credential}"}
        self.token: Token | None = None
        self.fetching: asyncio.Task[Token] | None = None

    async def get(self, deadline: float) -> str:
        """Return a token that should be good.

        Raises:
            CallFailedError: there is none.
        """
        if self.token is None or self.clock.now() >= self.token.keep_until:
            return await self.renew(deadline)
        return self.token.value

    async def replace(self, refused: str, deadline: float) -> str:
        """Return the token that is right in place of one that was refused: the same one, if it is not the fault.

        Raises:
            CallFailedError: there is none.
        """
        if self.token is not None and self.token.value != refused:
            return self.token.value  # another login has renewed it meanwhile
        return await self.renew(deadline)

    async def renew(self, deadline: float) -> str:
        """Get the token anew; all who want one wait for the same request.

        Raises:
            CallFailedError: it cannot be had, or not by the deadline.
        """
        if self.fetching is None or self.fetching.done():
            self.fetching = asyncio.create_task(self.fetch())
            self.fetching.add_done_callback(forget_exception)
        try:
            async with self.clock.timeout_at(deadline):
                return (await asyncio.shield(self.fetching)).value
        except TimeoutError:
            problem = Failed(FailureKind.UNAVAILABLE, asked=False, detail="token: no answer in time")
            raise CallFailedError(problem, sent=False) from None

    async def fetch(self) -> Token:
        """Ask OneLogin for the token and keep it.

        Raises:
            CallFailedError: it cannot be had.
        """
        try:
            until = self.clock.now() + TOKEN_SECONDS
            body = {"grant_type": "client_credentials"}
            reply = await self.transport.request("POST", TOKEN_PATH, deadline=until, body=body, headers=self.headers)
        except RequestFailedError as error:
            raise CallFailedError(unreached(error, "token: ", asked=False), sent=False) from None
        token = read_token(reply, self.clock.now(), self.clock.wall())
        if isinstance(token, Failed):
            raise CallFailedError(token, sent=False)
        self.token = token
        return token

    async def close(self) -> None:
        """End a request that is on its way."""
        if self.fetching is not None:
            self.fetching.cancel()
            await asyncio.wait([self.fetching])


def unreached(error: RequestFailedError, step: str, *, asked: bool) -> Failed:
    """Return the failure of a request that got no reply."""
    hint = UNTRUSTED_HINT if error.kind is FailureKind.CONFIG else ""
    return Failed(error.kind, asked, f"{step}{error.detail}", hint=hint)


def forget_exception(task: "asyncio.Task[Token]") -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()


def read_token(reply: Reply, now: float, wall: datetime) -> Token | Failed:
    """Read a token, and how long it may be kept."""
    status, trace = reply.status, trace_of(reply)
    if status == 429:
        return Failed(FailureKind.RATE_LIMITED, False, "token: HTTP 429", status, trace)
    if status >= 500:
        # Not an outage: OneLogin answers so if the admin who made the credential is gone. Nothing opens by that.
        return Failed(FailureKind.CONFIG, False, f"token: HTTP {status}", status, trace, DELETED_HINT)
    if status in (400, 401, 403, 404, 407):
        return Failed(FailureKind.CONFIG, False, f"token: HTTP {status}", status, trace, CREDENTIAL_HINT)
    value = reply.body.get("access_token") if isinstance(reply.body, dict) else None
    if status not in (200, 201) or not is_bearer(value):
        return Failed(FailureKind.PROTOCOL, False, f"token: HTTP {status} without a token", status, trace)
    return Token(value, now + max(seconds_left(reply.body, wall) - MARGIN, SHORTEST_KEEP))


def is_bearer(value: Any) -> TypeGuard[str]:
    """Whether a token can stand in a header: another one would break the request, or smuggle a line into it."""
    return isinstance(value, str) and 0 < len(value) <= LONGEST_TOKEN and value.isascii() and value.isprintable()


def seconds_left(body: Mapping[str, Any], wall: datetime) -> float:
    """Return how long a token still lives: ``expires_in`` counts from ``created_at``, for the same token each time."""
    life = body.get("expires_in")
    if isinstance(life, bool) or not isinstance(life, int) or not 0 < life <= LONGEST_KEEP:
        return MARGIN + SHORTEST_KEEP
    try:
        age = (wall - datetime.fromisoformat(str(body.get("created_at")))).total_seconds()
    except (ValueError, TypeError):
        age = 0.0
    # A clock that is wrong, here or there, makes the token look unborn or dead: then it is renewed a little too often.
    return min(float(life), max(0.0, life - age))
