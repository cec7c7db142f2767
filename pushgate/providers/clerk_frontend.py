"""Clerk's Frontend API as a native app uses it: a client with one session, whose JWT changes from reply to reply."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.clerk_backend import CALL_SECONDS, PATIENCE, Transport
from pushgate.providers.clerk_errors import FRONTEND, OK, Trouble, trouble_of, unsent
from pushgate.providers.clerk_limits import Turns
from pushgate.providers.clerk_wire import (
    Verification,
    fault_of_token,
    read_jwt,
    read_new_session,
    read_verification,
)
from pushgate.tasks import finish

SIGN_INS, ATTEMPTS, WINDOW = 5, 3, 10.0
"""Clerk allows so many sign-ins and so many attempts within ten seconds for each IP address: for the whole daemon."""


@dataclass(eq=False, slots=True)
class ClientSession:
    """A client at Clerk with its one session."""

    user_id: str
    id: str
    jwt: str = field(repr=False)
    """The newest; Clerk replaces it with each reply that brings another one."""
    renewed: bool = False
    """The one new sign-in that a login may cost has been made."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False)


class FrontendApi:
    """The calls of the Frontend API that pushgate needs; none raises."""

    def __init__(
        self, transport: Transport, clock: Clock, version: str, *, sign_ins: int = SIGN_INS, attempts: int = ATTEMPTS
    ) -> None:
        """Take the connection, which sends no ``Origin``, the version of the API, a date, and what Clerk allows."""
        self.transport, self.clock = transport, clock
        self.query = urlencode({"_is_native": "1", "__clerk_api_version": version})
        self.sign_ins, self.attempts = Turns(clock, sign_ins, WINDOW), Turns(clock, attempts, WINDOW)
        self.sending: set[asyncio.Task[Reply | Trouble]] = set()

    async def look_for_life(self, deadline: float) -> Failed | None:
        """Say why nobody could sign in now; None if the instance answers."""
        until = min(deadline, self.clock.now() + CALL_SECONDS)
        try:
            reply = await self.transport.request("GET", f"/v1/environment?{self.query}", deadline=until)
        except RequestFailedError as failure:
            # What is no JSON of a size that we read is a sign of life all the same.
            alive = failure.kind is FailureKind.PROTOCOL
            return None if alive else unsent(failure, "environment", asked=False).failed
        return trouble_of(reply, FRONTEND, "environment", asked=False).failed if reply.status >= 500 else None

    async def sign_in(self, user_id: str, ticket: str, deadline: float) -> ClientSession | Trouble:
        """Open a session by a ticket, as a client of its own."""
        session = ClientSession(user_id, "", "")
        # Without Authorization: so Clerk makes a new client, and nobody else's sessions are in it.
        form = {"strategy": "ticket", "ticket": ticket}
        reply = await self.in_turn(self.sign_ins, session, "/v1/client/sign_ins", form, deadline)
        if isinstance(reply, Trouble):
            return reply
        session_id = read_new_session(reply.body)
        if isinstance(session_id, Failed):
            return Trouble(session_id)
        if not session.jwt:
            return Trouble(Failed(FailureKind.PROTOCOL, asked=True, detail="sign-in: no client JWT in the reply"))
        session.id = session_id
        return session

    async def verify(self, session: ClientSession, level: str, deadline: float) -> Verification | Trouble:
        """Begin a reverification; an older one of the session ends by that."""
        return await self.step(session, "verify", {"level": level}, deadline)

    async def prepare(
        self, session: ClientSession, factor: str, form: Mapping[str, str], deadline: float
    ) -> Verification | Trouble:
        """Send the person a code; ``factor`` is ``first`` or ``second``."""
        return await self.step(session, f"verify/prepare_{factor}_factor", form, deadline)

    async def attempt(
        self, session: ClientSession, factor: str, form: Mapping[str, str], deadline: float
    ) -> Verification | Trouble:
        """Hand in a password or code; waits for a turn."""
        path = path_of(session, f"verify/attempt_{factor}_factor")
        return read_step(await self.in_turn(self.attempts, session, path, form, deadline))

    async def step(
        self, session: ClientSession, call: str, form: Mapping[str, str], deadline: float
    ) -> Verification | Trouble:
        """Make one step of a reverification."""
        return read_step(await self.post(session, path_of(session, call), form, deadline))

    async def in_turn(
        self, turns: Turns, session: ClientSession, path: str, form: Mapping[str, str], deadline: float
    ) -> Reply | Trouble:
        """Send a form when it is its turn; after a 429, of which nothing has come, in another turn."""
        for tries_left in range(PATIENCE, -1, -1):
            if not await turns.wait(deadline):
                break
            reply = await self.post(session, path, form, deadline)
            if not isinstance(reply, Trouble) or reply.pause is None:
                return reply
            turns.hold(reply.pause)
            if not tries_left:
                return reply
            if self.clock.now() + reply.pause >= deadline:
                break
        detail = f"{path.rpartition('/')[2]}: Clerk's limit for this machine leaves no room before the deadline"
        return Trouble(Failed(FailureKind.RATE_LIMITED, asked=bool(session.id), detail=detail), last=True)

    async def prove_by_token(self, session: ClientSession, deadline: float) -> Failed | None:
        """Say what a fresh session token lacks as a further proof."""
        reply = await self.post(session, path_of(session, "tokens"), {}, deadline)
        if isinstance(reply, Trouble):
            return reply.failed
        return fault_of_token(reply.body, session.user_id, session.id)

    async def touch(self, session: ClientSession, deadline: float) -> Trouble | None:
        """Show Clerk that the session is in use, so that it is not abandoned; None if it is alive."""
        reply = await self.post(session, path_of(session, "touch"), {}, deadline)
        return reply if isinstance(reply, Trouble) else None

    async def end(self, session: ClientSession, deadline: float) -> Trouble | None:
        """End the session; None if that was done."""
        reply = await self.post(session, path_of(session, "end"), {}, deadline)
        return reply if isinstance(reply, Trouble) else None

    async def remove(self, session: ClientSession, deadline: float) -> Trouble | None:
        """Remove the session from its client; None if that was done."""
        reply = await self.post(session, path_of(session, "remove"), {}, deadline)
        return reply if isinstance(reply, Trouble) else None

    async def post(
        self, session: ClientSession, path: str, form: Mapping[str, str], deadline: float
    ) -> Reply | Trouble:
        """Send a form as this client.

        A request that is on its way goes on if its caller is cancelled: the reply may bring the JWT without which the
        session could not even be ended.
        """
        sending = asyncio.create_task(self.send(session, path, form, deadline))
        self.sending.add(sending)
        sending.add_done_callback(self.sending.discard)
        return await asyncio.shield(sending)

    async def send(
        self, session: ClientSession, path: str, form: Mapping[str, str], deadline: float
    ) -> Reply | Trouble:
        """Send a form with the newest JWT, one at a time."""
        what = path.rpartition("/")[2]
        async with session.lock:
            until = min(deadline, self.clock.now() + CALL_SECONDS)
            headers = {"Authorization": session.jwt} if session.jwt else {}
            try:
                reply = await self.transport.request(
                    "POST", f"{path}?{self.query}", deadline=until, form=form, headers=headers
                )
            except RequestFailedError as failure:
                return unsent(failure, what, asked=failure.sent or bool(session.jwt))
            session.jwt = read_jwt(reply.headers) or session.jwt
        if reply.status in OK:
            return reply
        # Before there is a session, 503 means that nothing has happened; afterwards the person may have been asked.
        acted = bool(session.id) or (reply.status >= 500 and reply.status != 503)
        return trouble_of(reply, FRONTEND, what, asked=acted)

    async def close(self) -> None:
        """Close all connections, once what is on its way has come back."""
        for sending in list(self.sending):
            await finish(sending)
        await self.transport.close()


def path_of(session: ClientSession, call: str) -> str:
    """Return the path of a call about a session."""
    return f"/v1/client/sessions/{quote(session.id, safe='')}/{call}"


def read_step(reply: Reply | Trouble) -> Verification | Trouble:
    """Read the reply to one step of a reverification."""
    if isinstance(reply, Trouble):
        return reply
    verification = read_verification(reply.body)
    return Trouble(verification, last=True) if isinstance(verification, Failed) else verification
