"""Enrolling people for the mode ``reverify-enrolled``: sign them in once and keep the session."""

from pushgate.clock import Clock
from pushgate.errors import PushgateError
from pushgate.outcome import Failed
from pushgate.providers.clerk import Clerk
from pushgate.providers.clerk_errors import Remedy, Trouble
from pushgate.providers.clerk_frontend import ClientSession
from pushgate.providers.clerk_sessions import TicketSessions
from pushgate.providers.clerk_store import KeptSession, SessionStore
from pushgate.text import clean

SECONDS = 30.0


class Enrolment:
    """Keeps people's sessions, and removes them."""

    def __init__(self, people: Clerk, tickets: TicketSessions, store: SessionStore, clock: Clock) -> None:
        """Take the parts.

        Args:
            people: Knows under what Clerk knows somebody.
            tickets: Signs people in.
            store: Where sessions are kept.
            clock: Time.
        """
        self.people, self.tickets, self.store, self.clock = people, tickets, store, clock

    async def enrol(self, name: str) -> None:
        """Sign a person in and keep the session; one that was kept before is ended.

        Raises:
            PushgateError: Clerk refuses, cannot be reached, or the session cannot be kept.
        """
        deadline = self.clock.now() + SECONDS
        user = await self.people.backend.find(self.people.address(name), deadline)
        if isinstance(user, Failed):
            raise refusal(name, user)
        before = self.store.load(user.id)
        session = await self.tickets.open(user.id, deadline)
        if isinstance(session, Trouble):
            raise refusal(name, session.failed)
        try:
            self.store.save(KeptSession(user.id, name, session.id, session.jwt))
        except PushgateError:
            await self.tickets.close(session)
            raise
        if before is not None:
            await self.tickets.close(ClientSession(before.user_id, before.session_id, before.jwt))

    async def remove(self, name: str) -> bool:
        """Remove a person's session at Clerk and here; False for somebody who is not enrolled.

        Raises:
            PushgateError: what is kept cannot be read or deleted, or Clerk did not remove it.
        """
        found = [each for each in self.store.everybody() if each.name == name]
        for kept in found:
            self.store.forget(kept.user_id)
            session = ClientSession(kept.user_id, kept.session_id, kept.jwt)
            trouble = await self.tickets.frontend.remove(session, self.clock.now() + SECONDS)
            if trouble is not None and trouble.remedy is not Remedy.NEW_TICKET:
                hint = f"revoke {kept.session_id} in Clerk's dashboard"
                raise PushgateError(f"forgotten here, but not at Clerk: {trouble.failed.detail}", hint)
        return bool(found)

    async def close(self) -> None:
        """Close all connections."""
        await self.tickets.frontend.close()
        await self.people.close()


def refusal(name: str, failed: Failed) -> PushgateError:
    """Say why somebody could not be enrolled."""
    trace = f", trace {failed.trace}" if failed.trace else ""
    return PushgateError(f"{clean(name, 64)} cannot be enrolled: {failed.kind}: {failed.detail}{trace}", failed.hint)
