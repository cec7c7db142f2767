"""Mailing a code by creating a session at ThreatWinds: counted, bounded, and closed again if nobody waits for it."""

import asyncio
import math

from pushgate.clock import Clock
from pushgate.http import RequestFailedError
from pushgate.limiter import Limiter
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.threatwinds_addresses import mailbox
from pushgate.providers.threatwinds_closing import Closing
from pushgate.providers.threatwinds_server import CREATE_SECONDS, ThreatWindsServer, unreached
from pushgate.providers.threatwinds_wire import (
    DONE,
    Session,
    create_body,
    failure_of_create,
    is_acknowledged,
    read_session,
    seconds_left,
)

Created = tuple[Session, float]
"""A session, and when its code is of no more use, in seconds of ``Clock.now``."""


class Mailing:
    """Creates sessions."""

    def __init__(
        self,
        server: ThreatWindsServer,
        closing: Closing,
        limit: Limiter,
        clock: Clock,
        *,
        code_ttl: float,
        kind: str | None,
    ) -> None:
        self.server, self.closing, self.limit, self.clock = server, closing, limit, clock
        self.code_ttl, self.kind = code_ttl, kind

    async def create(self, address: str, deadline: float) -> Created | Failed:
        """Create a session and return it with the end of its code; if we are cancelled, it is closed once it is known.

        Counted before it is sent, or many logins at the same moment would each find a mail left.
        """
        if not self.limit.take(mailbox(address)):
            return Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many mails to this address")
        posting = asyncio.create_task(self.post(address, deadline))
        try:
            return await asyncio.shield(posting)
        except asyncio.CancelledError:
            self.closing.spawn(self.abandon(posting))
            raise

    async def abandon(self, posting: "asyncio.Task[Created | Failed]") -> None:
        """Close what a create brings into being that nobody waits for any more."""
        created = await posting
        if not isinstance(created, Failed):
            await self.closing.end(created[0])

    async def post(self, address: str, deadline: float) -> Created | Failed:
        """Send the create; a mail that surely did not go out is not counted."""
        body = create_body(address, self.kind)
        try:
            reply = await self.server.call("POST", "/session", deadline, body=body, limit=CREATE_SECONDS)
        except RequestFailedError as error:
            failed = unreached("create", error, asked=error.sent)
        else:
            session = read_session(reply) if reply.status in DONE else None
            if session is not None:
                return await self.take(session, seconds_left(session.expire_at, reply, self.clock.wall()), deadline)
            failed = failure_of_create(reply)
        if failed.kind is FailureKind.UNAVAILABLE and not failed.asked:
            self.limit.give_back(mailbox(address))
        return failed

    async def take(self, session: Session, left: float | None, deadline: float) -> Created | Failed:
        """Take a session that was created; one that would end before the person's deadline is extended."""
        if session.id in self.closing.live:
            return Failed(FailureKind.PROTOCOL, asked=True, detail="create: the session of another login")
        self.closing.hold(session)
        if not session.code_id:
            await self.closing.end(session)
            return Failed(FailureKind.PROTOCOL, asked=True, detail="create: no usable verification code id")
        expires_at = self.clock.now() + self.code_ttl
        if left is None or self.clock.now() + left >= min(expires_at, deadline):
            return session, min(expires_at, self.clock.now() + (left or math.inf))
        ends_at = self.clock.now() + left
        return session, expires_at if await self.extend(session, deadline) else ends_at

    async def extend(self, session: Session, deadline: float) -> bool:
        """Ask for more time; whether it was granted, which an unverified session may not be."""
        try:
            return is_acknowledged(await self.server.call("PUT", "/session/extend", deadline, bearer=session.bearer))
        except RequestFailedError:
            return False
