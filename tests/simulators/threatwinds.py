"""A small ThreatWinds: sessions that mail a code, as the API's page has them; a shape for what that leaves open."""

import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal

from pushgate.clock import Clock
from tests.simulators.base import Answer, Recorded, Simulator

ROOT = "/api/auth/v2"
ACKNOWLEDGED = {"message": "acknowledged"}


@dataclass
class Account:
    """A person who is known there."""

    email: str
    user_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    alias: str = "johny"
    full_name: str = "John Doe"
    roles: tuple[str, ...] = ("user", "admin")
    groups: tuple[str, ...] = ("public",)


@dataclass
class SimSession:
    """A session, open until it is closed or expires."""

    id: str
    bearer: str
    email: str
    ip: str
    user_agent: str
    expire_at: datetime
    code_id: str
    code: str
    code_ends: datetime
    kind: str | None = None
    verified: bool = False


@dataclass
class Mail:
    """A mail that was sent."""

    address: str
    code: str
    session_id: str


@dataclass
class ThreatWindsShape:
    """What the documents leave open, and what newer ones say otherwise."""

    expire_at: Literal["int", "string"] = "int"
    code_key: str = "verificationCodeID"
    sessions: Literal["object", "array"] = "object"
    errors: Literal["headers", "body", "text"] = "headers"
    created: int = 200
    unknown: Literal["404", "silent_200"] = "404"
    wrong_code: int = 400
    verifies: bool = True
    """False: a right code is acknowledged, and verifies nothing."""
    unverified: int = 200
    """What ``GET /session`` answers while the session is not verified; 200: it says so."""
    unverified_may_close: bool = True
    unverified_may_extend: bool = True
    session_ttl: float = 3600.0
    code_ttl: float = 600.0
    extends_by: float = 3600.0


class ThreatWindsSimulator(Simulator):
    """The API below ``/api/auth/v2``."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.shape = ThreatWindsShape()
        self.accounts = {
            "alice@example.com": Account("alice@example.com"),
            "bob@example.com": Account("bob@example.com"),
        }
        self.sessions: dict[str, SimSession] = {}
        self.mails: list[Mail] = []
        self.make_id: Callable[[], str] = lambda: str(uuid.uuid4())
        self.make_bearer: Callable[[], str] = lambda: secrets.token_hex(32)
        self.make_code: Callable[[], str] = lambda: f"{secrets.randbelow(10**6):06}"
        self.ip_of: Callable[[Recorded], str] = lambda _: "127.0.0.1"

    def open_sessions(self, email: str = "") -> list[SimSession]:
        """List the sessions that could still be used."""
        now = self.clock.wall()
        found = [session for session in self.sessions.values() if session.expire_at > now]
        return [session for session in found if email in ("", session.email)]

    def forget(self, session_id: str) -> None:
        """Drop a session and its code."""
        self.sessions.pop(session_id, None)

    async def serve(self, request: Recorded) -> Answer:
        """Answer as documented; every answer has the simulator's own date."""
        answer = self.route(request)
        date = format_datetime(self.clock.wall().astimezone(UTC), usegmt=True)
        return Answer(answer.status, answer.body, {"Date": date, **answer.headers})

    def route(self, request: Recorded) -> Answer:
        """Find the call."""
        match request.method, request.path.removeprefix(ROOT).split("/")[1:]:
            case "POST", ["session"]:
                return self.create(request)
            case "GET", ["session"]:
                return self.check(request)
            case "PUT", ["session", "verification"]:
                return self.verify(request)
            case "PUT", ["session", "extend"]:
                return self.extend(request)
            case "GET", ["sessions"]:
                return self.list_sessions(request)
            case "DELETE", ["session", session_id]:
                return self.close(request, session_id)
            case _:
                return self.error(404, "no such resource")

    def create(self, request: Recorded) -> Answer:
        """Begin a session and mail its code."""
        self.ledger.counts["creates"] += 1
        body = self.body(request, {"email"}, {"kind"})
        if body is None:
            return self.error(400, "invalid parameters")
        account = self.accounts.get(body["email"])
        if account is None and self.shape.unknown == "404":
            return self.error(404, f"unknown account {body['email']}")
        now = self.clock.wall()
        session = SimSession(
            self.make_id(),
            self.make_bearer(),
            body["email"],
            self.ip_of(request),
            request.headers.get("User-Agent", ""),
            now + timedelta(seconds=self.shape.session_ttl),
            self.make_id(),
            self.make_code(),
            now + timedelta(seconds=self.shape.code_ttl),
            body.get("kind"),
        )
        self.sessions[session.id] = session
        if account is not None:
            self.ledger.counts["mails"] += 1
            self.mails.append(Mail(account.email, session.code, session.id))
        return Answer(
            self.shape.created,
            {
                "bearer": session.bearer,
                "sessionID": session.id,
                "expireAt": self.time(session.expire_at),
                "ip": session.ip,
                "userAgent": session.user_agent,
                self.shape.code_key: session.code_id,
            },
        )

    def check(self, request: Recorded) -> Answer:
        """Show a session to who has its bearer."""
        self.ledger.counts["polls"] += 1
        session = self.session_of(request)
        if session is None:
            return self.error(401, "invalid bearer")
        if not session.verified and self.shape.unverified != 200:
            return self.error(self.shape.unverified, "session is not verified")
        account = self.accounts.get(session.email) or Account(session.email)
        return Answer(
            200,
            {
                "sessionID": session.id,
                "userID": account.user_id,
                "alias": account.alias,
                "fullName": account.full_name,
                "expireAt": self.time(session.expire_at),
                "ip": session.ip,
                "userAgent": session.user_agent,
                "verified": session.verified,
                "roles": list(account.roles),
                "groups": list(account.groups),
            },
        )

    def verify(self, request: Recorded) -> Answer:
        """Verify a session by its code; a code is good once."""
        self.ledger.counts["submits"] += 1
        body = self.body(request, {self.shape.code_key, "code"}, set())
        if body is None:
            return self.error(400, "invalid parameters")
        found = [each for each in self.open_sessions() if each.code_id == body[self.shape.code_key]]
        if not found or found[0].code_ends <= self.clock.wall():
            return self.error(404, "unknown verification code")
        if found[0].verified or found[0].code != body["code"]:
            return self.error(self.shape.wrong_code, f"wrong verification code {body['code']}")
        found[0].verified = self.shape.verifies
        return Answer(200, ACKNOWLEDGED)

    def extend(self, request: Recorded) -> Answer:
        """Let a session live longer."""
        self.ledger.counts["extends"] += 1
        session = self.session_of(request)
        if session is None or not (session.verified or self.shape.unverified_may_extend):
            return self.error(401, "invalid bearer")
        session.expire_at = self.clock.wall() + timedelta(seconds=self.shape.extends_by)
        return Answer(200, ACKNOWLEDGED)

    def list_sessions(self, request: Recorded) -> Answer:
        """List the sessions of a person."""
        self.ledger.counts["lists"] += 1
        own = self.session_of(request)
        if own is None or not own.verified:
            return self.error(401, "invalid bearer")
        listed = [
            {
                "sessionID": session.id,
                "ip": session.ip,
                "userAgent": session.user_agent,
                "expireAt": self.time(session.expire_at),
                "current": session is own,
            }
            for session in self.open_sessions(own.email)
        ]
        return Answer(200, listed if self.shape.sessions == "array" else {"sessions": listed})

    def close(self, request: Recorded, session_id: str) -> Answer:
        """Close a session of the person whose bearer it is."""
        self.ledger.counts["cancels"] += 1
        own = self.session_of(request)
        if own is None:
            return self.error(401, "invalid bearer")
        if not (own.verified or self.shape.unverified_may_close):
            return self.error(403, "session is not verified")
        closed = self.sessions.get(session_id)
        if closed is None or closed.email != own.email:
            return self.error(404, "no such session")
        if closed is not own and not own.verified:
            return self.error(403, "session is not verified")
        self.forget(session_id)
        return Answer(200, ACKNOWLEDGED)

    def session_of(self, request: Recorded) -> SimSession | None:
        """Find the open session of a request's bearer."""
        scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
        return next((each for each in self.open_sessions() if scheme == "Bearer" and each.bearer == bearer), None)

    @staticmethod
    def body(request: Recorded, required: set[str], optional: set[str]) -> Any:
        """Read a JSON body whose values are texts; None for any other."""
        try:
            body = request.json()
        except ValueError:
            return None
        if request.headers.get("Content-Type") != "application/json" or not isinstance(body, dict):
            return None
        if not required <= body.keys() <= required | optional:
            return None
        return body if all(isinstance(value, str) for value in body.values()) else None

    def time(self, at: datetime) -> int | str:
        """Write a time in the shape that is set."""
        if self.shape.expire_at == "int":
            return int(at.timestamp())
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")

    def error(self, status: int, words: str) -> Answer:
        """Build an error in the shape that is set."""
        trace = str(uuid.uuid4())
        match self.shape.errors:
            case "headers":
                return Answer(status, None, {"x-error": words, "x-error-id": trace})
            case "text":
                return Answer(status, {"error": words}, {"x-error-id": trace})
            case "body":
                return Answer(status, {"error": {"message": words, "type": "auth", "code": "x", "error_id": trace}})
