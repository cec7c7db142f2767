"""The provider ``logintc``: LoginTC's v1 API, and the richer native form where the server is our own authority.

The server says in ``/api/ping`` what it can do. ``wait``: a question about a session is held until it changes;
without it we poll. ``consume``: an approval is valid only once we have claimed it, so that it opens one door once.
``number``: an approval can be made to need a number. Codes are checked by every server.
"""

import asyncio
import math
import random
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.login import Code, Login, Method, Push
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers import logintc_sharing as sharing
from pushgate.providers.base import WITHDRAW_SECONDS, Provider
from pushgate.providers.logintc_server import CALL_SECONDS, LoginTcServer, ServerFacts, Transport
from pushgate.providers.logintc_wire import (
    SHOW_NUMBER,
    code_fields,
    failure_of_poll,
    failure_of_status,
    native_body,
    number_field,
    proved_number,
    read_code_answer,
    read_created,
    read_number,
    read_state,
    v1_body,
)
from pushgate.text import clean

log = structlog.get_logger()

CREATE_SECONDS = 15.0
"""Longer than other calls: giving up on a create that is only slow would reject a person who is being asked."""
OUTLIVES_SECONDS = 2
"""A session lives longer than our wait for it, so that it ends by our withdrawal and says so to the person."""
REACHED_SECONDS = 5.0
"""How long a sign of life counts where an outage has to be noticed before anybody is asked."""
NO_ANSWER = Failed(FailureKind.EXPIRED, asked=True, detail="no answer by the deadline")
GONE = (404, 410)
"""What a withdrawal may find: the session has ended by itself."""
RETRIED = (FailureKind.UNAVAILABLE, FailureKind.RATE_LIMITED)


@dataclass(frozen=True, slots=True)
class OpenSession(Handle):
    """A session that we began, with what its end needs, whatever server is met later."""

    login: Login = field(repr=False)
    native: bool
    """Its approval counts only once it is claimed."""
    number: str = field(default="", repr=False)
    """The number with which an approval must be signed."""


class LoginTc(Provider):
    """Asks the person, or checks a code, through LoginTC or our own authority."""

    def __init__(
        self,
        transport: Transport,
        domain_id: str,
        clock: Clock,
        *,
        send_command: bool | None = None,
        name: str = "logintc",
    ) -> None:
        """Take the connection; ``send_command`` None means: only to our own authority, never to a third party."""
        self.name = name
        self.server = LoginTcServer(transport, domain_id, clock)
        self.clock, self.send_command = clock, send_command
        self.looking: asyncio.Task[Failed | None] | None = None

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        try:
            facts = await self.server.meet(deadline)
        except RequestFailedError:
            return frozenset()
        return frozenset({"code", "number"} if facts.numbers else {"code"})

    @override
    async def reach(self, deadline: float) -> Failed | None:
        # One look for all who want to know: strangers can be many, and must not make us flood the server.
        if self.looking is None or self.looking.done():
            self.looking = asyncio.create_task(self.look_for_life())
        try:
            async with self.clock.timeout_at(deadline):
                return await asyncio.shield(self.looking)
        except TimeoutError:
            return Failed(FailureKind.UNAVAILABLE, asked=False, detail="ping: no answer in time")

    async def look_for_life(self) -> Failed | None:
        """Meet the server, unless it was met a moment ago; say what went wrong."""
        try:
            await self.server.meet(self.clock.now() + 2 * CALL_SECONDS, believe=REACHED_SECONDS)
        except RequestFailedError as failure:
            return Failed(failure.kind, asked=False, detail=f"ping: {failure.detail}")
        return None

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        match login.factor:
            case Code(code):
                return await self.check_code(login, code.value, deadline)
            case Push() as push:
                return await self.push(login, push, deadline)
            case Method("push"):
                return await self.push(login, Push(), deadline)
            case Method(word):
                detail = f"no method {clean(word, 32)!r} at this provider"
                return Failed(FailureKind.PROTOCOL, asked=False, detail=detail)

    async def push(self, login: Login, push: Push, deadline: float) -> Outcome:
        """Ask the person on a device."""
        number = number_field(push)
        if number is None:
            return Failed(FailureKind.PROTOCOL, asked=False, detail="a number is two digits")
        try:
            facts = await self.server.meet(deadline)
        except RequestFailedError as failure:
            return Failed(failure.kind, asked=False, detail=f"ping: {failure.detail}")
        if number and not facts.numbers:
            return Failed(FailureKind.DOWNGRADED, asked=False, detail="the server binds no number to a question")
        join_key = login.join_key if facts.shares else None
        body = self.body(login, facts, join_key, deadline) | ({"number": number} if number else {})
        key = "" if join_key is None else sharing.idempotency_key(join_key, body)
        reply = await self.create(body, deadline, idempotency_key=key)
        outcome = reply if isinstance(reply, Failed) else read_created(reply, domain_known=facts.domain_known)
        if facts.native and isinstance(outcome, Approved):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="create: approved before anybody was asked")
        if not isinstance(outcome, Pending):
            return outcome
        drawn = ""
        if number == SHOW_NUMBER:
            drawn = read_number(reply.body if isinstance(reply, Reply) else None)
            if not drawn:
                await self.cancel(outcome.handle)
                return Failed(FailureKind.PROTOCOL, asked=True, detail="create: no number in the answer")
        return Pending(OpenSession(outcome.handle.id, login, facts.native, drawn or number), drawn)

    async def check_code(self, login: Login, code: bytes, deadline: float) -> Approved | Failed:
        """Check a code; nobody is asked."""
        fields = code_fields(code)
        if fields is None:
            return Failed(FailureKind.BAD_CODE, asked=False, detail="a code is 6 to 9 digits")
        try:
            facts = await self.server.meet(deadline)
        except RequestFailedError as failure:
            return Failed(failure.kind, asked=False, detail=f"ping: {failure.detail}")
        # Never shared: each code counts by itself, and a session that is final at once is joined by nobody.
        reply = await self.create(self.body(login, facts, None, deadline) | fields, deadline)
        if isinstance(reply, Failed):
            return reply
        outcome = read_code_answer(reply, domain_known=facts.domain_known)
        if isinstance(outcome, Pending):
            await self.cancel(outcome.handle)
            detail = "create: the server asks the person in place of checking the code"
            return Failed(FailureKind.PROTOCOL, asked=True, detail=detail)
        if isinstance(outcome, Failed):
            return outcome
        session = OpenSession(str(reply.body["id"]), replace(login, join_key=None), facts.native)
        return await self.claim(session, outcome, deadline)

    def body(self, login: Login, facts: ServerFacts, join_key: bytes | None, deadline: float) -> dict[str, Any]:
        """Build what a create sends in the form that the server understands."""
        send_command = facts.native if self.send_command is None else self.send_command
        if not facts.native:
            return v1_body(login, send_command=send_command)
        timeout = None  # the longest, and equal in every daemon, whenever it joins
        if join_key is None:
            remaining = math.ceil(deadline - self.clock.now()) + OUTLIVES_SECONDS
            timeout = max(1, min(facts.request_timeout, remaining))
        return native_body(login, send_command=send_command, nonce=sharing.client_nonce(join_key), timeout=timeout)

    async def create(self, body: dict[str, Any], deadline: float, *, idempotency_key: str = "") -> Reply | Failed:
        """Send a create; what is no reply is a failure."""
        path = f"{self.server.domain}/sessions"
        try:
            return await self.server.call(
                "POST", path, deadline, body=body, limit=CREATE_SECONDS, idempotency_key=idempotency_key
            )
        except RequestFailedError as failure:
            self.server.stale = True  # perhaps another server answers next time: meet it anew
            return Failed(failure.kind, asked=failure.sent, detail=f"create: {failure.detail}")

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        started, heard = self.clock.now(), False
        while True:
            asked_at = self.clock.now()
            hold = self.server.hold_seconds(deadline - asked_at)
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
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        if not isinstance(handle, OpenSession):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="not a session of this provider")
        outcome = await self.check_code(handle.login, code.encode("utf-8", "surrogatepass"), deadline)
        # The push is out: an outage now is none that surely asked nobody.
        return replace(outcome, asked=True) if isinstance(outcome, Failed) else outcome

    @override
    async def cancel(self, handle: Handle) -> None:
        try:
            reply = await self.server.call("DELETE", self.server.session(handle), self.clock.now() + WITHDRAW_SECONDS)
            error = "" if reply.status < 300 or reply.status in GONE else f"HTTP {reply.status}"
        except RequestFailedError as failure:
            error = failure.detail
        if error:
            # The session ends by itself at its own time-out; until then the phone shows a dead question.
            log.warning("withdraw_failed", session=handle.id, error=error)

    @override
    async def close(self) -> None:
        if self.looking is not None:
            self.looking.cancel()
            await asyncio.wait([self.looking])
        await self.server.transport.close()

    async def look(self, handle: Handle, hold: int, deadline: float) -> tuple[Approved | Denied | Failed | None, float]:
        """Ask once for the state; return it (None: pending) and how many seconds the server wants to be left alone."""
        path = self.server.session(handle) + (f"?wait={hold}" if hold else "")
        # Past the deadline this is the last look: the caller bounds it.
        until = max(deadline, self.clock.now() + 1.0)
        try:
            reply = await self.server.call("GET", path, until, limit=hold + CALL_SECONDS)
        except RequestFailedError as failure:
            # An unreadable reply may be a proxy's hiccup: it is retried like an outage.
            kind = FailureKind.UNAVAILABLE if failure.kind is FailureKind.PROTOCOL else failure.kind
            return Failed(kind, asked=True, detail=f"wait: {failure.detail}"), 0.0
        if reply.status not in (200, 201, 202):
            return failure_of_poll(reply), reply.retry_after or 0.0
        return read_state(reply.body, handle.id), 0.0

    async def claim(self, handle: Handle, approved: Approved, deadline: float) -> Approved | Failed:
        """Claim an approval at our own authority, so that it is used at most once; elsewhere it stands as it is."""
        if not isinstance(handle, OpenSession) or not handle.native:
            return approved
        path = f"{self.server.session(handle)}/consume"
        body = {"consumer": sharing.consumer(handle.login.join_key, handle.id)}
        while True:
            until = max(deadline, self.clock.now() + 1.0)
            try:
                reply = await self.server.call("POST", path, until, body=body)
                if reply.status == 200 and handle.number and proved_number(reply.body) != handle.number:
                    return Failed(FailureKind.DOWNGRADED, asked=True, detail="approved without the number")
                if reply.status == 200:
                    return approved
                failure = Failed(failure_of_status(reply.status), asked=True, detail=f"consume: HTTP {reply.status}")
            except RequestFailedError as error:
                failure = Failed(error.kind, asked=True, detail=f"consume: {error.detail}")
            if failure.kind not in RETRIED or self.clock.now() >= deadline:
                return failure
            await self.clock.sleep(0.2)


def polling_pause(elapsed: float) -> float:
    """Return the seconds between two plain questions: 1, after half a minute 2, spread so that daemons fall apart."""
    return (1.0 if elapsed < 30 else 2.0) * random.uniform(0.9, 1.1)  # noqa: S311 - spreads load, hides nothing
