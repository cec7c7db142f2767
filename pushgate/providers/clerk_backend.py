"""Clerk's Backend API, which the secret key opens: who somebody is, passwords and codes, sign-in tokens."""

from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import TYPED_CODE, Approved, Failed, FailureKind
from pushgate.providers.clerk_errors import BACKEND, OK, Trouble, trouble_of, unsent
from pushgate.providers.clerk_wire import TOKEN, ClerkUser, is_verified, read_user
from pushgate.text import clean

CALL_SECONDS = 5.0
PATIENCE = 2
"""How often a call is repeated that was refused with 429: nothing has come of it."""
TICKET_SECONDS = 60
"""Clerk's own default is 30 days."""

GONE = (400, 404, 410)
"""What a revocation may find: the session has ended by itself."""


class Transport(Protocol):
    """What is needed of ``pushgate.http.JsonClient``."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request; raises ``RequestFailedError``."""

    async def close(self) -> None:
        """Close all connections."""


class BackendApi:
    """The calls of the Backend API that pushgate needs; none raises."""

    def __init__(self, transport: Transport, clock: Clock, attribute: str, version: str) -> None:
        """Take the connection.

        Args:
            transport: The connection; it sends the secret key.
            clock: Time.
            attribute: By what people are looked up: ``username`` or ``email_address``.
            version: The version of the API, a date.
        """
        self.transport, self.clock, self.attribute = transport, clock, attribute
        self.headers = {"Clerk-API-Version": version}

    async def find(self, name: str, deadline: float) -> ClerkUser | Failed:
        """Look a person up; somebody who is locked or banned is a failure."""
        reply = await self.call("GET", f"/users?{urlencode({self.attribute: name})}", deadline, what="users")
        if isinstance(reply, Trouble):
            return reply.failed
        user = read_user(reply.body, self.attribute, name)
        if isinstance(user, ClerkUser) and user.shut:
            return Failed(FailureKind.LOCKED, asked=False, detail=f"users: {user.shut}")
        return user

    async def look_for_life(self, deadline: float) -> Failed | None:
        """Say why nobody could be looked up now; None if all is well."""
        reply = await self.call("GET", "/users/count", deadline, what="count")
        return reply.failed if isinstance(reply, Trouble) else None

    async def check_password(self, user: ClerkUser, password: str, deadline: float) -> Failed | None:
        """Check a password; None if it is right."""
        path, body = f"/users/{quote(user.id, safe='')}/verify_password", {"password": password}
        reply = await self.call("POST", path, deadline, body=body, what="verify_password")
        if isinstance(reply, Trouble):
            return reply.failed
        if not is_verified(reply.body):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="verify_password: not verified")
        return None

    async def check_code(self, user: ClerkUser, code: str, deadline: float) -> Approved | Failed:
        """Check a code of the person's authenticator app, or a backup code, which is used up by that."""
        path = f"/users/{quote(user.id, safe='')}/verify_totp"
        reply = await self.call("POST", path, deadline, body={"code": code}, what="verify_totp")
        if isinstance(reply, Trouble):
            return reply.failed
        if not is_verified(reply.body):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="verify_totp: not verified")
        return Approved(device=TYPED_CODE, detail=clean(str(reply.body.get("code_type") or "totp"), 32))

    async def make_ticket(self, user_id: str, deadline: float) -> str | Failed:
        """Make a sign-in token, which opens one session of the person within a minute."""
        body = {"user_id": user_id, "expires_in_seconds": TICKET_SECONDS}
        reply = await self.call("POST", "/sign_in_tokens", deadline, body=body, what="sign_in_tokens")
        if isinstance(reply, Trouble):
            return reply.failed
        token = reply.body.get("token") if isinstance(reply.body, dict) else None
        if not isinstance(token, str) or not TOKEN.fullmatch(token):
            return Failed(FailureKind.PROTOCOL, asked=True, detail="sign_in_tokens: no token")
        return token

    async def revoke(self, session_id: str, deadline: float) -> Failed | None:
        """End a session, whoever has its JWT; None if it is over."""
        path = f"/sessions/{quote(session_id, safe='')}/revoke"
        reply = await self.call("POST", path, deadline, what="revoke")
        if not isinstance(reply, Trouble) or reply.failed.status in GONE:
            return None
        return reply.failed

    async def call(self, method: str, path: str, deadline: float, *, body: Any = None, what: str) -> Reply | Trouble:
        """Send one request; after a 429 once more, as soon as Clerk wants it, if that is before the deadline."""
        for tries_left in range(PATIENCE, -1, -1):
            until = min(deadline, self.clock.now() + CALL_SECONDS)
            try:
                reply = await self.transport.request(method, path, deadline=until, body=body, headers=self.headers)
            except RequestFailedError as failure:
                # A look-up asks nobody, whatever has become of it.
                return unsent(failure, what, asked=failure.sent and method != "GET")
            if reply.status in OK:
                return reply
            acted = method != "GET" and reply.status >= 500 and reply.status != 503
            trouble = trouble_of(reply, BACKEND, what, asked=acted)
            if trouble.pause is None or not tries_left or self.clock.now() + trouble.pause >= deadline:
                return trouble
            if trouble.pause:
                await self.clock.sleep(trouble.pause)
        raise AssertionError("the last try has returned")

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()
