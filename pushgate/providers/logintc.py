"""The provider ``logintc``: LoginTC's v1 API, and the richer native form where the server is our own authority.

The server says in ``/api/ping`` what it can do. ``wait``: a question about a session is held until it changes;
without it we poll. ``consume``: an approval is valid only once we have claimed it, so that it opens one door once.
"""

import base64
import math
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.login import Login
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers.base import WITHDRAW_SECONDS, Provider
from pushgate.providers.logintc_wire import (
    NATIVE_TYPE,
    V1_TYPE,
    failure_of_poll,
    failure_of_status,
    native_body,
    read_created,
    read_state,
    v1_body,
)

log = structlog.get_logger()

CALL_SECONDS = 5.0
CREATE_SECONDS = 15.0
"""Longer than other calls: giving up on a create that is only slow would reject a person who is being asked."""
HOLD_SECONDS = 25
"""How long a server with ``wait`` may hold a question; it allows 0-30."""
OUTLIVES_SECONDS = 2
"""A session lives longer than our wait for it, so that it ends by our withdrawal and says so to the person."""
NO_ANSWER = Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")
GONE = (404, 410)
"""What a withdrawal may find: the session has ended by itself."""
RETRIED = (FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED)


class Transport(Protocol):
    """What the provider needs of ``pushgate.http.JsonClient``."""

    async def request(
        self, method: str, path: str, *, deadline: float, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request; raises ``RequestFailedError``."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server said of itself."""

    features: frozenset[str]
    domain_known: bool
    request_timeout: int

    @property
    def native(self) -> bool:
        """Whether to speak the native form: it is worth it only where approvals can be claimed."""
        return "consume" in self.features


class Claimable(Handle):
    """A session whose approval counts only once it is claimed, whatever server is met later."""

    __slots__ = ()


class LoginTc(Provider):
    """Asks the person through LoginTC or our own authority."""

    name = "logintc"

    def __init__(self, transport: Transport, domain_id: str, clock: Clock, *, send_command: bool | None = None) -> None:
        """Take the connection; ``send_command`` None means: only to our own authority, never to a third party."""
        self.transport, self.clock, self.send_command = transport, clock, send_command
        self.domain = f"/api/domains/{quote(domain_id, safe='')}"
        self.facts: ServerFacts | None = None
        # Kept beside the facts: other logins are still waiting for the server that they describe.
        self.stale = False

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        facts = self.facts
        if facts is None or self.stale:
            try:
                facts = self.facts = await self.meet_server(deadline)
            except RequestFailedError as failure:
                return Failed(failure.kind, asked=False, detail=f"ping: {failure.detail}")
            self.stale = not facts.domain_known
            if facts.request_timeout < deadline - self.clock.now():
                log.warning("session_ends_early", request_timeout=facts.request_timeout, hint="lower login.timeout")
        send_command = facts.native if self.send_command is None else self.send_command
        if facts.native:
            remaining = math.ceil(deadline - self.clock.now()) + OUTLIVES_SECONDS
            seconds = max(1, min(facts.request_timeout, remaining))
            body = native_body(login, send_command=send_command, nonce=random_id(), timeout=seconds)
        else:
            body = v1_body(login, send_command=send_command)
        try:
            reply = await self.call("POST", f"{self.domain}/sessions", deadline, body=body, limit=CREATE_SECONDS)
        except RequestFailedError as failure:
            self.stale = True  # perhaps another server answers next time: meet it anew
            return Failed(failure.kind, asked=failure.sent, detail=f"create: {failure.detail}")
        outcome = read_created(reply, domain_known=facts.domain_known)
        if facts.native and isinstance(outcome, Approved):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="create: approved before anybody was asked")
        if facts.native and isinstance(outcome, Pending):
            return Pending(Claimable(outcome.handle.id))
        return outcome

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        started, heard = self.clock.now(), False
        while True:
            asked_at = self.clock.now()
            hold = self.hold_seconds(deadline - asked_at)
            outcome, pause = await self.look(handle, hold, deadline)
            if isinstance(outcome, Approved):
                return await self.claim(handle, outcome, deadline)
            if outcome is not None and not (isinstance(outcome, Failed) and outcome.kind in RETRIED):
                return outcome
            heard = heard or outcome is None
            if asked_at >= deadline:
                # A server that said "pending" and then went away has asked a person who did not answer in time.
                return NO_ANSWER if heard else outcome or NO_ANSWER
            now = self.clock.now()
            held = outcome is None and hold > 0 and now - asked_at >= hold / 2
            if not held:
                pause = max(pause, polling_pause(now - started))
                await self.clock.sleep(max(0.0, min(pause, deadline - now)))

    @override
    async def features(self, deadline: float) -> frozenset[str]:
        return frozenset()

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        return Failed(FailureKind.PROTOCOL, asked=True, detail="a LoginTC session takes no code once it is open")

    @override
    async def cancel(self, handle: Handle) -> None:
        try:
            reply = await self.call("DELETE", self.session(handle), self.clock.now() + WITHDRAW_SECONDS)
            error = "" if reply.status < 300 or reply.status in GONE else f"HTTP {reply.status}"
        except RequestFailedError as failure:
            error = failure.detail
        if error:
            # The session ends by itself at its own time-out; until then the phone shows a dead question.
            log.warning("withdraw_failed", session=handle.id, error=error)

    @override
    async def close(self) -> None:
        await self.transport.close()

    async def meet_server(self, deadline: float) -> ServerFacts:
        """Ask what the server can do and whether it knows our domain.

        Raises:
            RequestFailedError: if it cannot be reached or refuses our key.
        """
        ping = await self.call("GET", "/api/ping", deadline, accept=V1_TYPE)
        if ping.status != 200:
            raise RequestFailedError(failure_of_status(ping.status), sent=True, detail=f"HTTP {ping.status}")
        features = ping.body.get("features") if isinstance(ping.body, dict) else None
        domain = await self.call("GET", self.domain, deadline, accept=V1_TYPE)
        if domain.status == 429 or domain.status >= 500:
            # No word about the domain. Taken as "unknown", it would tell strangers who is enrolled: by a faster reject.
            raise RequestFailedError(
                failure_of_status(domain.status), sent=True, detail=f"domain: HTTP {domain.status}"
            )
        known = domain.status == 200 and isinstance(domain.body, dict)
        if not known:
            log.error("domain_unknown", status=domain.status, hint="check domain_id in the configuration")
        timeout = domain.body.get("requestTimeout") if known else None
        return ServerFacts(
            features=frozenset(str(feature) for feature in features) if isinstance(features, list) else frozenset(),
            domain_known=known,
            request_timeout=timeout if isinstance(timeout, int) and timeout > 0 else 90,
        )

    async def look(self, handle: Handle, hold: int, deadline: float) -> tuple[Approved | Denied | Failed | None, float]:
        """Ask once for the state; return it (None: pending) and how many seconds the server wants to be left alone."""
        path = self.session(handle) + (f"?wait={hold}" if hold else "")
        # Past the deadline this is the last look: the caller bounds it.
        until = max(deadline, self.clock.now() + 1.0)
        try:
            reply = await self.call("GET", path, until, limit=hold + CALL_SECONDS)
        except RequestFailedError as failure:
            # An unreadable reply may be a proxy's hiccup: it is retried like an outage.
            kind = FailureKind.UNAVAILABLE if failure.kind is FailureKind.PROTOCOL else failure.kind
            return Failed(kind, asked=True, detail=f"wait: {failure.detail}"), 0.0
        if reply.status not in (200, 201, 202):
            return failure_of_poll(reply), reply.retry_after or 0.0
        return read_state(reply.body, handle.id), 0.0

    async def claim(self, handle: Handle, approved: Approved, deadline: float) -> Approved | Failed:
        """Claim an approval at our own authority, so that it is used at most once; elsewhere it stands as it is."""
        if not isinstance(handle, Claimable):
            return approved
        consumer = random_id()
        while True:
            try:
                path = f"{self.session(handle)}/consume"
                reply = await self.call(
                    "POST", path, max(deadline, self.clock.now() + 1.0), body={"consumer": consumer}
                )
                if reply.status == 200:
                    return approved
                failure = Failed(failure_of_status(reply.status), asked=True, detail=f"consume: HTTP {reply.status}")
            except RequestFailedError as error:
                failure = Failed(error.kind, asked=True, detail=f"consume: {error.detail}")
            if failure.kind not in RETRIED or self.clock.now() >= deadline:
                return failure
            await self.clock.sleep(0.2)

    async def call(
        self,
        method: str,
        path: str,
        deadline: float,
        *,
        body: Any = None,
        limit: float = CALL_SECONDS,
        accept: str = "",
    ) -> Reply:
        """Send one request that ends at the deadline, or after ``limit`` seconds."""
        native = self.facts is not None and self.facts.native
        headers = {"Accept": accept or (NATIVE_TYPE if native else V1_TYPE)}
        until = min(deadline, self.clock.now() + limit)
        return await self.transport.request(method, path, deadline=until, body=body, headers=headers)

    def session(self, handle: Handle) -> str:
        """Return the session's path."""
        return f"{self.domain}/sessions/{quote(handle.id, safe='')}"

    def hold_seconds(self, remaining: float) -> int:
        """Return how long the server may hold the next question: whole seconds, 0 for a plain question."""
        if self.facts is None or "wait" not in self.facts.features:
            return 0
        return max(0, min(HOLD_SECONDS, math.floor(remaining)))


def polling_pause(elapsed: float) -> float:
    """Return the seconds between two plain questions: 1, after half a minute 2, spread so that daemons fall apart."""
    return (1.0 if elapsed < 30 else 2.0) * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, hides nothing


def random_id() -> str:
    """Return 16 random bytes in unpadded base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(16)).decode().rstrip("=")
