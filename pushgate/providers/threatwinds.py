"""The provider ``threatwinds``: a session is created, which mails a code; the code verifies the session.

Nothing rings, so every question is a ``NeedsCode``. An approval needs both: the code acknowledged, and the very session
shown as verified. Whatever happens, the session is closed afterwards (``threatwinds_closing``).
"""

import asyncio
import math
import secrets
import unicodedata
from dataclasses import replace
from typing import Any

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.http import RequestFailedError
from pushgate.limiter import Limiter
from pushgate.login import Code, Login, Method, Push
from pushgate.outcome import TYPED_CODE, Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.providers.base import WITHDRAW_SECONDS, Provider
from pushgate.providers.looking import SharedLook
from pushgate.providers.threatwinds_addresses import Addresses
from pushgate.providers.threatwinds_attempt import Attempt, MailedCode, again
from pushgate.providers.threatwinds_closing import Closing
from pushgate.providers.threatwinds_mailing import Mailing
from pushgate.providers.threatwinds_server import CALL_SECONDS, ThreatWindsServer, Transport, unreached
from pushgate.providers.threatwinds_wire import (
    DONE,
    REFUSED_CODE,
    Session,
    failure,
    failure_of_session,
    is_acknowledged,
    read_code,
    read_verified,
    verification_body,
)
from pushgate.text import clean

log = structlog.get_logger()

CODE_TRIES = 3
RESEND_WORD = "resend"
RESEND_SECONDS = 30.0
RESENDS = 3
PATIENCE_SECONDS = 10.0
"""How long a code that was refused with 429 is tried again: the person sits there and waits."""
REACHED_SECONDS = 5.0
"""How long a sign of life counts."""


class ThreatWinds(Provider):
    """Mails a code by creating a session, and opens when it has verified that session."""

    def __init__(
        self,
        transport: Transport,
        clock: Clock,
        addresses: Addresses,
        mails: Limiter,
        *,
        code_ttl: float,
        kind: str | None = None,
        name: str = "threatwinds",
    ) -> None:
        """Take the parts.

        Args:
            transport: The connection.
            clock: Time.
            addresses: Where codes are mailed to.
            mails: How many mails a person may get.
            code_ttl: Seconds after which a code is not sent to the server any more.
            kind: Sent along where a session is created, if it is given.
            name: What the configuration calls it; for the log.
        """
        self.name, self.clock, self.addresses = name, clock, addresses
        self.server = ThreatWindsServer(transport, clock)
        self.closing = Closing(self.server, clock)
        self.mailing = Mailing(self.server, self.closing, mails, clock, code_ttl=code_ttl, kind=kind)
        self.looking = SharedLook(self.look_for_life, clock, "reach")
        self.alive_at = -math.inf
        self.usual = 0.0
        """Seconds that the last check of a wrong code took: a stranger's takes as long."""

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        return frozenset({"email"})

    @override
    async def reach(self, deadline: float) -> Failed | None:
        if self.clock.now() - self.alive_at < REACHED_SECONDS:
            return None
        return await self.looking.result(deadline)

    async def look_for_life(self) -> Failed | None:
        """Ask about a session without saying which: a server that lives refuses that, and mails nobody."""
        try:
            reply = await self.server.call("GET", "/session", self.clock.now() + CALL_SECONDS)
        except RequestFailedError as error:
            # A page in place of JSON is a sign of life, too.
            alive, failed = error.kind is FailureKind.PROTOCOL, unreached("reach", error, asked=False)
        else:
            alive, failed = reply.status < 500, replace(failure_of_session("reach", reply), asked=False)
        if alive:
            self.alive_at = self.clock.now()
        return None if alive else failed

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        if not (login.factor == Push() or login.factor == Method("email")):
            return await super().pretend(login, deadline)
        failed = await self.reach(deadline)
        if failed is not None:
            return failed
        now = self.clock.now()
        attempt = Attempt(self.addresses.shown(login.user), "", None, now + self.mailing.code_ttl, now)
        return again(MailedCode(secrets.token_hex(16), attempt))

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        match login.factor:
            case Code():
                return Failed(FailureKind.BAD_CODE, asked=False, detail="no code has been mailed yet")
            case Push(number, draw) if number is not None or draw:
                return Failed(FailureKind.DOWNGRADED, asked=False, detail="a mail binds no number to a question")
            case Push() | Method("email"):
                return await self.ask(login, deadline)
            case Method(word):
                detail = f"no method {clean(word, 32)!r} at this provider"
                return Failed(FailureKind.PROTOCOL, asked=False, detail=detail)

    async def ask(self, login: Login, deadline: float) -> Outcome:
        """Mail a code."""
        address = await self.addresses.find(login.user, deadline)
        if isinstance(address, Failed):
            return address
        created = await self.mailing.create(address, deadline)
        if isinstance(created, Failed):
            return created
        session, expires_at = created
        attempt = Attempt(self.addresses.shown(login.user), address, session, expires_at, self.clock.now())
        return again(MailedCode(session.id, attempt))

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        if not isinstance(handle, MailedCode):
            return not_ours()
        attempt = handle.attempt
        try:
            async with self.clock.timeout_at(min(deadline, attempt.expires_at)):
                await attempt.ended.wait()
        except TimeoutError:
            attempt.finish(Failed(FailureKind.EXPIRED, asked=True, detail="no code by the deadline"))
            self.closing.spawn(self.end(attempt.session))
        return attempt.over or not_ours()

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        if not isinstance(handle, MailedCode):
            return not_ours()
        attempt = handle.attempt
        # One after the other: codes typed at the same moment must not be more than three.
        async with attempt.busy:
            if attempt.over is not None:
                return attempt.over
            outcome = await self.answer(handle, code, deadline)
            if attempt.over is not None:
                return attempt.over  # given up meanwhile: an approval now is one that nobody waits for
            if isinstance(outcome, Failed):
                attempt.finish(outcome)
                await self.end(attempt.session)
            elif isinstance(outcome, Approved):
                attempt.finish(Failed(FailureKind.EXPIRED, asked=True, detail="this code has been used"))
                await self.part(attempt.session, deadline)
            return outcome

    async def end(self, session: Session | None) -> None:
        """Close a session, if there is one."""
        if session is not None:
            await self.closing.end(session)

    async def part(self, session: Session | None, deadline: float) -> None:
        """Close a verified session and what was left behind, without making the person wait for long."""
        if session is None:
            return
        parting = self.closing.spawn(self.closing.part(session))
        try:
            async with self.clock.timeout_at(min(deadline, self.clock.now() + WITHDRAW_SECONDS)):
                await asyncio.shield(parting)
        except TimeoutError:
            pass  # it goes on without us

    async def answer(self, handle: MailedCode, typed: str, deadline: float) -> Approved | NeedsCode | Failed:
        """Put to the test what was typed."""
        attempt = handle.attempt
        if self.clock.now() >= attempt.expires_at:
            return Failed(FailureKind.EXPIRED, asked=True, detail="the code was typed too late")
        if unicodedata.normalize("NFKC", typed).strip().casefold() == RESEND_WORD:
            return await self.resend(handle, deadline)
        code = read_code(typed)
        if code is None:
            wrong = Failed(FailureKind.BAD_CODE, asked=True, detail="what was typed can be no code")
        elif attempt.session is None:
            wrong = await self.reach(deadline) or Failed(FailureKind.BAD_CODE, asked=True, detail="nobody was mailed")
            if wrong.kind is not FailureKind.BAD_CODE:
                return wrong
            if self.usual:
                await self.clock.sleep(self.usual)
        else:
            began = self.clock.now()
            checked = await self.check(attempt.session, code, deadline)
            if checked is None:
                return Approved(device=TYPED_CODE)
            if checked.kind is not FailureKind.BAD_CODE:
                return checked
            wrong, self.usual = checked, self.clock.now() - began
        attempt.wrong += 1
        return wrong if attempt.wrong >= CODE_TRIES else again(handle)

    async def check(self, session: Session, code: str, deadline: float) -> Failed | None:
        """Hand a code in, then look whether it has verified the session; None if it has."""
        until = min(deadline, self.clock.now() + PATIENCE_SECONDS)
        body = verification_body(session, code)
        reply = await self.server.insist("verify", "PUT", "/session/verification", until, body=body, secret=code)
        if isinstance(reply, Failed):
            return reply
        if reply.status in REFUSED_CODE:
            return failure(FailureKind.BAD_CODE, "verify", reply, code)
        if not is_acknowledged(reply):
            return failure_of_session("verify", reply, code)
        shown = await self.server.insist("check", "GET", "/session", deadline, bearer=session.bearer)
        if isinstance(shown, Failed):
            return shown
        if shown.status in (401, 403):
            return failure(FailureKind.BAD_CODE, "check", shown, session.bearer)
        if shown.status not in DONE:
            return failure_of_session("check", shown, session.bearer)
        return read_verified(shown, session)

    async def resend(self, handle: MailedCode, deadline: float) -> NeedsCode | Failed:
        """Mail a new code in place of the old one, which is good until then."""
        attempt = handle.attempt
        if attempt.resends >= RESENDS:
            return again(handle, "No more codes are sent.")
        pause = attempt.mailed_at + RESEND_SECONDS - self.clock.now()
        if pause > 0:
            return again(handle, f"A new code can be sent in {math.ceil(pause)} s.")
        attempt.resends, attempt.mailed_at = attempt.resends + 1, self.clock.now()
        if attempt.session is None:
            return replace(again(handle, "A new code was sent."), resent=True)
        created = await self.mailing.create(attempt.address, deadline)
        if isinstance(created, Failed):
            log.warning("resend_failed", **described(created))
            return again(handle, "No new code was sent.")
        old, (attempt.session, attempt.expires_at) = attempt.session, created
        await self.end(old)
        if attempt.over is not None:
            await self.end(attempt.session)
        return replace(again(handle, "A new code was sent."), resent=True)

    @override
    async def cancel(self, handle: Handle) -> None:
        if isinstance(handle, MailedCode):
            handle.attempt.finish(Failed(FailureKind.CANCELLED, asked=True, detail="withdrawn"))
            await self.end(handle.attempt.session)

    @override
    async def close(self) -> None:
        await self.looking.close()
        await self.closing.close()
        await self.addresses.look_up.close()
        await self.server.transport.close()


def not_ours() -> Failed:
    """Refuse a handle that this provider never gave away."""
    return Failed(FailureKind.PROTOCOL, asked=True, detail="not a question of this provider")


def described(failed: Failed) -> dict[str, Any]:
    """Return what the log has about a failure."""
    return {"problem": f"{failed.kind}: {failed.detail}", "status": failed.status, "trace": failed.trace}
