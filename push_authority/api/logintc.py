"""LoginTC's calls about the organization, domains and sessions, and the native form of the same paths."""

from collections.abc import Iterable

from aiohttp import web

from push_authority import people
from push_authority.errors import not_found
from push_authority.keeper import SessionKeeper
from push_authority.sessions import Claim, Session

from .calls import parse_consumer, parse_question, parse_wait
from .exchange import read_body, read_object
from .forms import (
    CALLER,
    domain_object,
    native_session,
    path_id,
    plain_png,
    reply,
    to_json,
    v1_session,
    v1_session_of,
    wants_native,
)

FEATURES = ["wait", "idempotency", "number", "proof", "consume"]
"""What is served beyond LoginTC's API (docs/authority.md)."""


class SessionCalls:
    """Ping, organization, domains and sessions."""

    def __init__(self, keeper: SessionKeeper, organization: str) -> None:
        self.keeper = keeper
        self.organization = organization
        self.image = plain_png()

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""
        return [
            web.get("/api/ping", self.ping, allow_head=False),
            web.get("/api/organization", self.get_organization, allow_head=False),
            web.get("/api/domains/{domain}", self.get_domain, allow_head=False),
            web.get("/api/domains/{domain}/image", self.get_image, allow_head=False),
            web.post("/api/domains/{domain}/sessions", self.create),
            web.get("/api/domains/{domain}/sessions/{session}", self.get, allow_head=False),
            web.delete("/api/domains/{domain}/sessions/{session}", self.delete),
            web.post("/api/domains/{domain}/sessions/{session}/consume", self.consume),
        ]

    async def ping(self, request: web.Request) -> web.Response:
        """Say that the key is right, and what we can do beyond LoginTC's API."""
        return reply(request, to_json({"status": "OK", "features": FEATURES}))

    async def get_organization(self, request: web.Request) -> web.Response:
        """Return the organization's name."""
        return reply(request, to_json({"name": self.organization}))

    async def get_domain(self, request: web.Request) -> web.Response:
        """Return a domain."""
        domain_id = path_id(request, "domain", "domain")
        domain = await self.keeper.store.transact(lambda tx: people.get_domain(tx, domain_id))
        return reply(request, to_json(domain_object(domain, self.keeper.request_timeout)))

    async def get_image(self, request: web.Request) -> web.Response:
        """Return a domain's image."""
        domain_id = path_id(request, "domain", "domain")
        await self.keeper.store.transact(lambda tx: people.get_domain(tx, domain_id))
        return web.Response(body=self.image, content_type="image/png")

    async def create(self, request: web.Request) -> web.Response:
        """Ask a person."""
        domain_id = path_id(request, "domain", "domain")
        question = parse_question(
            await read_body(request, self.keeper.clock),
            request[CALLER],
            domain_id,
            self.keeper.request_timeout,
            native=wants_native(request),
            idempotency_key=request.headers.get("Idempotency-Key"),
            agent=request.headers.get("User-Agent", ""),
        )
        session = await self.keeper.begin(question)
        return self.show(request, session, session.number if question.draw_number else None)

    async def get(self, request: web.Request) -> web.Response:
        """Return a session; with ``?wait=`` at its first change or after those seconds."""
        claim, wait = claimed(request), parse_wait(request.query.get("wait"))
        if wait:
            deadline = self.keeper.clock.now() + wait
            session = await self.keeper.wait(claim, deadline, stay_expired=not wants_native(request))
        else:
            session = await self.keeper.read_claimed(claim)
        if session:
            return self.show(request, session)
        if request.headers.get("User-Agent", "").startswith("LoginTC-C/"):
            # logintc-c calls exit() on a failed GET and so ends the program that uses PAM.
            return reply(request, v1_session_of(claim.session_id, "denied"))
        raise not_found("session")

    async def delete(self, request: web.Request) -> web.Response:
        """Withdraw a session; a final one stays as it is."""
        await self.keeper.cancel(claimed(request))
        return reply(request)

    async def consume(self, request: web.Request) -> web.Response:
        """Use an approval up: only one consumer may let somebody in by it."""
        claim = claimed(request)
        consumer = parse_consumer(await read_object(request, self.keeper.clock))
        session = await self.keeper.consume(claim, consumer)
        return reply(request, native_session(session, self.keeper.clock.now()))

    def show(self, request: web.Request, session: Session, number: str | None = None) -> web.Response:
        """Answer with a session in the form that was asked for; ``number`` is one that the caller had drawn."""
        now = self.keeper.clock.now()
        if wants_native(request):
            return reply(request, native_session(session, now, number))
        return reply(request, v1_session(session, now))


def claimed(request: web.Request) -> Claim:
    """Return the session that a request names by its path and key.

    Raises:
        ApiError: an id has not the form of one.
    """
    domain_id, session_id = path_id(request, "domain", "domain"), path_id(request, "session", "session")
    return Claim(session_id, domain_id, request[CALLER].id)
