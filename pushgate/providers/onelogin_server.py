"""The server of the provider ``onelogin``: every call has a token, a place in the hour's budget and a deadline."""

from typing import Any

import structlog

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.looking import SharedLook
from pushgate.providers.onelogin_budget import CallBudget
from pushgate.providers.onelogin_token import CallFailedError, TokenCache, Transport, unreached
from pushgate.providers.onelogin_wire import doubts_token

log = structlog.get_logger()

CALL_SECONDS = 5.0
ASK_SECONDS = 15.0
"""Longer than other calls: giving up on one that is only slow would reject a person who is being asked."""
REACHED_SECONDS = 10.0
"""How long an answer of whatever kind counts as a sign of life."""
SPENT = Failed(
    FailureKind.RATE_LIMITED,
    asked=False,
    detail="the calls of this hour are used up",
    hint="OneLogin limits the calls of the account: see calls_per_hour",
)


class OneLoginServer:
    """One account of OneLogin."""

    def __init__(self, transport: Transport, token: TokenCache, clock: Clock, *, calls_per_hour: int) -> None:
        self.transport, self.token, self.clock = transport, token, clock
        self.budget = CallBudget(clock, calls_per_hour)
        self.heard_at: float | None = None
        self.looking = SharedLook(self.look_for_life, clock, "token")

    async def call(
        self, method: str, path: str, deadline: float, *, body: Any = None, limit: float = CALL_SECONDS
    ) -> Reply:
        """Send one request that ends at the deadline, or after ``limit`` seconds.

        A 401 that may be about our token is followed by getting the token anew. Only if it has changed is the request
        sent again: then the first one was refused before OneLogin looked at the person, so no password counts twice.

        Raises:
            CallFailedError: for everything that is not a reply.
        """
        until = min(deadline, self.clock.now() + limit)
        token = await self.token.get(until)
        reply = await self.send(method, path, until, body, token)
        if not doubts_token(reply):
            return reply
        try:
            renewed = await self.token.replace(token, until)
            if renewed == token:
                return reply
            log.info("onelogin_token_renewed")
            return await self.send(method, path, until, body, renewed)
        except CallFailedError as error:
            # The refusal may have been about a wrong code: an outage behind it is none before anything was sent.
            raise CallFailedError(error.problem, sent=True) from None

    async def send(self, method: str, path: str, until: float, body: Any, token: str) -> Reply:
        """Send a request with a token.

        Raises:
            CallFailedError: for everything that is not a reply.
        """
        if not self.budget.take():
            raise CallFailedError(SPENT, sent=False)
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        try:
            reply = await self.transport.request(method, path, deadline=until, body=body, headers=headers)
        except RequestFailedError as error:
            raise CallFailedError(unreached(error, "", asked=error.sent), sent=error.sent) from None
        self.budget.note(reply.headers)
        if reply.status < 500:
            self.heard_at = self.clock.now()
        return reply

    async def reach(self, deadline: float) -> Failed | None:
        """Say why OneLogin cannot be asked now; many who want to know wait for one request."""
        if self.heard_at is not None and self.clock.now() - self.heard_at < REACHED_SECONDS:
            return None
        return await self.looking.result(deadline)

    async def look_for_life(self) -> Failed | None:
        """Get the token, which is the same as before, as a sign of life."""
        try:
            await self.token.renew(self.clock.now() + 2 * CALL_SECONDS)
        except CallFailedError as error:
            return error.problem
        self.heard_at = self.clock.now()
        return None

    async def close(self) -> None:
        """Release connections."""
        await self.looking.close()
        await self.token.close()
        await self.transport.close()
