"""The provider ``logintc``: LoginTC's v1 API, and the richer native form where the server is our own authority.

The server says in ``/api/ping`` what it can do. ``wait``: a question about a session is held until it changes;
without it we poll. ``consume``: an approval is valid only once we have claimed it, so that it opens one door once.
``number``: an approval can be made to need a number. Codes are checked by every server.
"""

import math
import secrets
from dataclasses import replace
from functools import partial
from typing import Any

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.login import Code, Login, Method, Push
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.providers import logintc_sharing as sharing
from pushgate.providers.base import WITHDRAW_SECONDS, Provider
from pushgate.providers.failures import log_failure
from pushgate.providers.logintc_email import EmailCodes
from pushgate.providers.logintc_failures import NotMetError, failed_call
from pushgate.providers.logintc_handles import CODE_TRIES, MailedCode, OpenSession, WrongCodes
from pushgate.providers.logintc_server import CALL_SECONDS, LoginTcServer, ServerFacts, Transport
from pushgate.providers.logintc_watch import SessionWatch
from pushgate.providers.logintc_wire import (
    SHOW_NUMBER,
    asks_for_another,
    code_fields,
    native_body,
    number_field,
    read_code_answer,
    read_created,
    read_number,
    v1_body,
)
from pushgate.providers.looking import SharedLook
from pushgate.text import clean

log = structlog.get_logger()

CREATE_SECONDS = 15.0
"""Longer than other calls: giving up on a create that is only slow would reject a person who is being asked."""
OUTLIVES_SECONDS = 2
"""A session lives longer than our wait for it, so that it ends by our withdrawal and says so to the person."""
REACHED_SECONDS = 5.0
"""How long a sign of life counts where an outage has to be noticed before anybody is asked."""
GONE = (404, 410)
"""What a withdrawal may find: the session has ended by itself."""
TOO_MANY = Failed(FailureKind.BAD_CODE, asked=True, detail=f"{CODE_TRIES} codes were typed for this question")


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
        self.server = LoginTcServer(transport, domain_id, clock, name)
        self.watch = SessionWatch(self.server, clock)
        self.email = EmailCodes(self.server, clock)
        self.wrong_codes = WrongCodes(clock)
        self.clock, self.send_command = clock, send_command
        self.looking = SharedLook(self.look_for_life, clock, "ping")

    @override
    async def look_around(self, login_timeout: float) -> None:
        self.server.login_timeout = login_timeout
        failed = await self.reach(self.clock.now() + 2 * CALL_SECONDS)
        # No sign of life for a login: a server that hangs just after the start would not be noticed in time.
        self.server.stale = True
        if failed is not None:
            log_failure(self.name, "look_around", failed)

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        try:
            facts = await self.server.meet(deadline)
        except NotMetError:
            return frozenset()
        return frozenset({"code"} | ({"number"} if facts.numbers else set()) | ({"email"} if facts.emails else set()))

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return await self.looking.result(deadline)

    async def look_for_life(self) -> Failed | None:
        """Meet the server, unless it was met a moment ago; say what went wrong."""
        try:
            await self.server.meet(self.clock.now() + 2 * CALL_SECONDS, believe=REACHED_SECONDS)
        except NotMetError as error:
            return error.failed
        return None

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        failed = await self.reach(deadline)
        facts = self.server.facts
        if failed is None and facts is not None and facts.emails and login.factor == Method("email"):
            return await self.email.pretend(login, deadline)
        return failed or Failed(FailureKind.NOT_ENROLLED, asked=False)

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        match login.factor:
            case Code(code):
                return await self.check_code(login, code.value, deadline)
            case Push() as push:
                return await self.push(login, push, deadline)
            case Method("push"):
                return await self.push(login, Push(), deadline)
            case Method("email"):
                return await self.send_email(login, deadline)
            case Method(word):
                detail = f"no method {clean(word, 32)!r} at this provider"
                return Failed(FailureKind.PROTOCOL, asked=False, detail=detail)

    async def send_email(self, login: Login, deadline: float) -> NeedsCode | Failed:
        """Have a code sent to the person by e-mail."""
        try:
            facts = await self.server.meet(deadline)
        except NotMetError as error:
            return error.failed
        if not facts.emails:
            return Failed(FailureKind.PROTOCOL, asked=False, detail="the server sends no e-mail")
        return await self.email.begin(login, facts, deadline)

    async def push(self, login: Login, push: Push, deadline: float) -> Outcome:
        """Ask the person on a device."""
        number = number_field(push)
        if number is None:
            return Failed(FailureKind.PROTOCOL, asked=False, detail="a number is two digits")
        try:
            facts = await self.server.meet(deadline)
        except NotMetError as error:
            return error.failed
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

    async def check_code(self, login: Login, code: bytes, deadline: float, *, user_id: str = "") -> Approved | Failed:
        """Check a code; nobody is asked."""
        fields = code_fields(code)
        if fields is None:
            return Failed(FailureKind.BAD_CODE, asked=False, detail="a code is 6 to 9 digits")
        try:
            facts = await self.server.meet(deadline)
        except NotMetError as error:
            return error.failed
        send = partial(self.send_code, login, facts, fields, deadline, user_id)
        # Our own authority counts by itself, and revokes nothing.
        return await (send() if facts.native else self.wrong_codes.counted(login.user, send))

    async def send_code(
        self, login: Login, facts: ServerFacts, fields: dict[str, str], deadline: float, user_id: str
    ) -> Approved | Failed:
        """Have the server check a code."""
        # Never shared: each code counts by itself, and a session that is final at once is joined by nobody.
        reply = await self.create(self.body(login, facts, None, deadline, user_id) | fields, deadline)
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
        return await self.watch.claim(session, outcome, deadline)

    def body(
        self, login: Login, facts: ServerFacts, join_key: bytes | None, deadline: float, user_id: str = ""
    ) -> dict[str, Any]:
        """Build what a create sends in the form that the server understands."""
        send_command = facts.native if self.send_command is None else self.send_command
        if not facts.native:
            return v1_body(login, send_command=send_command, user_id=user_id)
        timeout = None  # the longest, and equal in every daemon, whenever it joins
        if join_key is None:
            remaining = math.ceil(deadline - self.clock.now()) + OUTLIVES_SECONDS
            timeout = max(1, min(facts.request_timeout, remaining))
        nonce = sharing.client_nonce(join_key)
        return native_body(login, send_command=send_command, nonce=nonce, timeout=timeout, user_id=user_id)

    async def create(self, body: dict[str, Any], deadline: float, *, idempotency_key: str = "") -> Reply | Failed:
        """Send a create; what is no reply is a failure."""
        path = f"{self.server.domain}/sessions"
        try:
            return await self.server.call(
                "POST", path, deadline, body=body, limit=CREATE_SECONDS, idempotency_key=idempotency_key
            )
        except RequestFailedError as failure:
            self.server.stale = True  # perhaps another server answers next time: meet it anew
            return failed_call(failure, "create", asked=failure.sent)

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        if isinstance(handle, MailedCode):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="a code that was sent by e-mail is typed")
        return await self.watch.wait(handle, deadline)

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        if not isinstance(handle, OpenSession | MailedCode):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="not a question of this provider")
        if handle.tally.withdrawn:
            return Failed(FailureKind.CANCELLED, asked=True, detail="the question was withdrawn")
        if isinstance(handle, MailedCode) and asks_for_another(code):
            return await self.resend(handle, deadline)
        if not handle.tally.take_try():
            return TOO_MANY
        outcome = await self.check_for(handle, code.encode("utf-8", "surrogatepass"), deadline)
        if not isinstance(outcome, Failed):
            if isinstance(handle, MailedCode):
                self.email.note_right_code(handle)
            return outcome
        if isinstance(handle, MailedCode) and outcome.kind is FailureKind.BAD_CODE and handle.tally.codes < CODE_TRIES:
            return self.email.question(handle)
        # The question is out: an outage now is none that surely asked nobody.
        return replace(outcome, asked=True)

    async def check_for(self, handle: OpenSession | MailedCode, code: bytes, deadline: float) -> Approved | Failed:
        """Check a code that was typed for a question; for one that only looks like one, none is right."""
        if isinstance(handle, OpenSession):
            return await self.check_code(handle.login, code, deadline)
        if handle.user_id:
            return await self.check_code(handle.login, code, deadline, user_id=handle.user_id)
        nobody = replace(handle.login, user=f"nobody-{secrets.token_hex(8)}")
        outcome = await self.check_code(nobody, code, deadline)
        if isinstance(outcome, Failed) and outcome.kind is not FailureKind.NOT_ENROLLED:
            return outcome
        return Failed(FailureKind.BAD_CODE, asked=True, detail="nobody was sent a code")

    async def resend(self, handle: MailedCode, deadline: float) -> NeedsCode | Failed:
        """Have one more code sent."""
        try:
            facts = await self.server.meet(deadline)
        except NotMetError as error:
            return replace(error.failed, asked=True)
        outcome = await self.email.resend(handle, facts, deadline)
        return replace(outcome, asked=True) if isinstance(outcome, Failed) else outcome

    @override
    async def cancel(self, handle: Handle) -> None:
        if isinstance(handle, OpenSession | MailedCode):
            handle.tally.withdrawn = True
        if isinstance(handle, MailedCode):
            return  # LoginTC has no call that takes a code back: it ends by itself
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
        await self.looking.close()
        await self.server.transport.close()
