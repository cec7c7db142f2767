"""Where the session comes from in which a person is verified again: a ticket for each login, or the enrolment."""

import asyncio
from typing import Protocol

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.clerk_backend import BackendApi
from pushgate.providers.clerk_errors import Remedy, Trouble
from pushgate.providers.clerk_frontend import ClientSession, FrontendApi
from pushgate.providers.clerk_store import KeptSession, SessionStore, SessionStoreError

log = structlog.get_logger()

END_SECONDS = 5.0
END_PAUSES = (0.5, 2.0, 8.0, 32.0)
"""Seconds between the tries, in an outage."""
MAX_QUEUE = 8
"""Logins of one person that may wait for each other."""


class Sessions(Protocol):
    """Opens and closes sessions; no call raises."""

    async def open(self, user_id: str, deadline: float) -> ClientSession | Trouble:
        """Return a session of the person in which nobody else begins a verification."""

    async def renew(self, session: ClientSession, deadline: float) -> Trouble | None:
        """Sign in anew, in place of a session that Clerk does not know any more; once for each login."""

    async def close(self, session: ClientSession) -> None:
        """Leave nothing behind of a session that a login has used."""


class TicketSessions(Sessions):
    """A new session for each login, ended with it."""

    def __init__(self, backend: BackendApi, frontend: FrontendApi, clock: Clock) -> None:
        self.backend, self.frontend, self.clock = backend, frontend, clock

    @override
    async def open(self, user_id: str, deadline: float) -> ClientSession | Trouble:
        session = await self.sign_in(user_id, deadline)
        if isinstance(session, Trouble) and session.remedy is Remedy.NEW_TICKET:
            session = await self.sign_in(user_id, deadline)
            if isinstance(session, ClientSession):
                session.renewed = True
        return session

    async def sign_in(self, user_id: str, deadline: float) -> ClientSession | Trouble:
        """Sign in by a ticket of its own."""
        ticket = await self.backend.make_ticket(user_id, deadline)
        if isinstance(ticket, Failed):
            return Trouble(ticket, last=True)
        return await self.frontend.sign_in(user_id, ticket, deadline)

    @override
    async def renew(self, session: ClientSession, deadline: float) -> Trouble | None:
        if session.renewed:
            detail = "the session is gone, and so was the one before"
            return Trouble(Failed(FailureKind.NOT_ENROLLED, asked=True, detail=detail), last=True)
        session.renewed = True
        # It may be ours alone that is signed out, because a reply with the newest JWT got lost: nobody could end it.
        await self.backend.revoke(session.id, deadline)
        fresh = await self.sign_in(session.user_id, deadline)
        if isinstance(fresh, Trouble):
            return fresh
        session.id, session.jwt = fresh.id, fresh.jwt
        return None

    @override
    async def close(self, session: ClientSession) -> None:
        failed: Failed | None = None
        for pause in (0.0, *END_PAUSES):
            if pause:
                await self.clock.sleep(pause)
            if await self.frontend.end(session, self.clock.now() + END_SECONDS) is None:
                return
            # Also where Clerk signs us out: the reply with the newest JWT can have been lost.
            failed = await self.backend.revoke(session.id, self.clock.now() + END_SECONDS)
            if failed is None:
                return
        if failed is not None:
            log.warning("session_not_ended", session=session.id, error=failed.detail, trace=failed.trace)


class EnrolledSessions(Sessions):
    """The session of the enrolment, used by one login at a time.

    Each reply may replace the client's JWT, and a new verification ends the one before: two logins at once would lose
    one another.
    """

    def __init__(self, tickets: TicketSessions, store: SessionStore, clock: Clock) -> None:
        self.tickets, self.store, self.clock = tickets, store, clock
        self.locks: dict[str, asyncio.Lock] = {}
        self.queued: dict[str, int] = {}
        self.kept: dict[str, KeptSession] = {}
        """As loaded, for those that are in use."""

    @override
    async def open(self, user_id: str, deadline: float) -> ClientSession | Trouble:
        if not await self.take(user_id, deadline):
            detail = "another login of this person is being confirmed"
            return Trouble(Failed(FailureKind.RATE_LIMITED, asked=False, detail=detail), last=True)
        try:
            kept = self.store.load(user_id)
        except SessionStoreError as error:
            self.give_back(user_id)
            return self.unusable(error)
        if kept is None:
            self.give_back(user_id)
            detail = "no session is kept: pushgate clerk enrol USER"
            return Trouble(Failed(FailureKind.NOT_ENROLLED, asked=False, detail=detail), last=True)
        session = ClientSession(user_id, kept.session_id, kept.jwt)
        self.kept[user_id] = kept
        trouble = await self.tickets.frontend.touch(session, deadline)
        if trouble is not None and trouble.remedy is Remedy.NEW_TICKET:
            trouble = await self.renew(session, deadline)
        if trouble is not None:
            await self.close(session)  # also a refusal can have brought another JWT
        return trouble or session

    def unusable(self, error: SessionStoreError) -> Trouble:
        """Say that what is kept cannot be read."""
        log.error("clerk_sessions_unusable", problem=error.message, hint=error.hint)
        detail = f"enrolled sessions: {error.message}"
        return Trouble(Failed(FailureKind.CONFIG, asked=False, detail=detail, hint=error.hint), last=True)

    @override
    async def renew(self, session: ClientSession, deadline: float) -> Trouble | None:
        return await self.tickets.renew(session, deadline)

    @override
    async def close(self, session: ClientSession) -> None:
        kept = self.kept[session.user_id]
        newest = KeptSession(kept.user_id, kept.name, session.id, session.jwt)
        try:
            # Short, and at most three logins in ten seconds come here: not worth a thread.
            written = newest == kept or self.store.save(newest, instead_of=kept.session_id)
        except SessionStoreError as error:
            self.unusable(error)
            written = False
        finally:
            # Whatever has happened, and before anything is waited for: the person's next login must not wait as well.
            self.give_back(session.user_id)
        if not written and session.id != kept.session_id:
            await self.tickets.close(session)  # nobody would ever find it again

    async def take(self, user_id: str, deadline: float) -> bool:
        """Wait until no other login uses the person's session; False if that would be too late."""
        if self.queued.get(user_id, 0) > MAX_QUEUE:
            return False
        self.queued[user_id] = self.queued.get(user_id, 0) + 1
        try:
            async with self.clock.timeout_at(deadline):
                await self.locks.setdefault(user_id, asyncio.Lock()).acquire()
        except BaseException as error:
            self.leave(user_id)
            if isinstance(error, TimeoutError):
                return False
            raise
        return True

    def give_back(self, user_id: str) -> None:
        """Let the next login have the person's session."""
        self.kept.pop(user_id, None)
        self.locks[user_id].release()
        self.leave(user_id)

    def leave(self, user_id: str) -> None:
        """Count one login less; the last one takes the lock away."""
        self.queued[user_id] -= 1
        if not self.queued[user_id]:
            del self.queued[user_id], self.locks[user_id]
