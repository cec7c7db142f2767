"""Clerk's two APIs on one port, as its documents say: the Backend API for the secret key, the Frontend API for apps."""

import itertools
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from typing_extensions import override

from pushgate.clock import Clock
from tests.simulators.base import Answer, Knobs, Recorded, Simulator
from tests.simulators.clerk_people import Client, Jwts, Person, Reverification, Session

SECRET_KEY = "sk_test_0123456789abcdefghijABCDEFGHIJ"
RESEND_SECONDS = 30.0
SIGN_INS, ATTEMPTS, WINDOW = 5, 3, 10.0
TRIES = 3
"""Wrong codes of one verification."""
TRACE = "0123456789abcdef0123456789abcdef"


@dataclass
class ClerkKnobs(Knobs):
    """What else can be set at this simulator."""

    native: bool = True
    """The Native API is on."""
    rotate: bool = True
    """Each reply brings a new client JWT, and the one before is worth nothing any more."""
    sign_in_status: str = "complete"
    """What a ticket leads to: ``complete`` opens a session."""
    lockout: int = 10
    limited: bool = True
    """Count sign-ins and attempts of this IP address."""
    next_code: str = ""
    """The code that is sent next; empty: a number of its own each time."""
    change: Callable[[str, Any], Any] = lambda _, body: body
    """Alters the reply of a call, by the last word of its path."""


def error(status: int, code: str) -> Answer:
    """Return an error in Clerk's form."""
    one = {"code": code, "message": code.replace("_", " "), "long_message": f"It is about {code}.", "meta": {}}
    return Answer(status, {"errors": [one], "clerk_trace_id": TRACE})


class ClerkSimulator(Simulator):
    """An instance with a few people."""

    knobs: ClerkKnobs

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.knobs = ClerkKnobs()
        self.secret_key = SECRET_KEY
        self.people = [
            Person("user_alice", "alice", emails={"idn_1": "alice@example.com"}, phones={"idn_2": "+15555550100"}),
            Person("user_bob", "bob"),
            Person("user_carol", "carol", totp=None, backup_codes=set(), emails={"idn_3": "carol@example.com"}),
        ]
        self.tickets: dict[str, tuple[Person, float]] = {}
        self.used: set[str] = set()
        self.clients: list[Client] = []
        self.sessions: dict[str, Session] = {}
        self.jwts, self.numbers = Jwts(), itertools.count(1)
        self.sign_ins: deque[float] = deque(maxlen=SIGN_INS)
        self.attempts: deque[float] = deque(maxlen=ATTEMPTS)
        self.prepared: dict[tuple[str, str], float] = {}

    def person(self, name: str) -> Person:
        """Find somebody by user name."""
        return next(each for each in self.people if each.username == name)

    def active(self) -> list[Session]:
        """List the sessions that are alive."""
        return [each for each in self.sessions.values() if each.status == "active"]

    @override
    async def serve(self, request: Recorded) -> Answer:
        if request.path.startswith("/v1/client"):
            return self.frontend(request)
        if request.path == "/v1/environment":
            return Answer(200, {"auth_config": {}})
        if request.headers.get("Authorization") != f"Bearer {self.secret_key}":
            return error(401, "clerk_key_invalid")
        return self.backend(request)

    def backend(self, request: Recorded) -> Answer:
        """Serve the Backend API."""
        match request.method, request.path.removeprefix("/v1/").split("/"):
            case "GET", ["users", "count"]:
                return Answer(200, {"object": "total_count", "total_count": len(self.people)})
            case "GET", ["users"]:
                self.ledger.counts["lookups"] += 1
                return Answer(200, [each.as_json() for each in self.people if self.matches(each, request.query)])
            case "POST", ["sessions", session_id, "revoke"]:
                return self.revoke(session_id)
            case "POST", ["sign_in_tokens"]:
                return self.make_ticket(request.json())
            case "POST", ["users", user_id, call]:
                person = next((each for each in self.people if each.id == user_id), None)
                if person is None:
                    return error(404, "resource_not_found")
                return self.check(person, call, request.json())
        return error(404, "resource_not_found")

    @staticmethod
    def matches(person: Person, query: dict[str, str]) -> bool:
        """Whether a look-up means this person."""
        if "username" in query:
            return person.username.casefold() == query["username"].casefold()
        return query.get("email_address", "").casefold() in {each.casefold() for each in person.emails.values()}

    def revoke(self, session_id: str) -> Answer:
        """End a session for the secret key."""
        session = self.sessions.get(session_id)
        if session is None:
            return error(404, "resource_not_found")
        if session.status != "active":
            return error(400, "session_not_active")
        self.ledger.counts["cancels"] += 1
        session.status = "revoked"
        return Answer(200, session.as_json(self.clock.now()))

    def make_ticket(self, body: dict[str, Any]) -> Answer:
        """Make a sign-in token."""
        person = next((each for each in self.people if each.id == body["user_id"]), None)
        if person is None:
            return error(404, "resource_not_found")
        self.ledger.counts["tokens"] += 1
        token = self.jwts.make(sub=person.id, st="sign_in_token")
        lives = body.get("expires_in_seconds", 30 * 24 * 3600)
        self.tickets[token] = person, self.clock.now() + lives
        body = {"object": "sign_in_token", "id": "sit_1", "user_id": person.id, "status": "pending", "token": token}
        return Answer(200, self.knobs.change("sign_in_tokens", body))

    def check(self, person: Person, call: str, body: dict[str, Any]) -> Answer:
        """Check a password or a code."""
        if call == "verify_password":
            self.ledger.counts["passwords"] += 1
            if person.password is None:
                return error(400, "no_password_set")
            right = body["password"] == person.password
            return (
                Answer(200, self.knobs.change(call, {"verified": True})) if right else error(422, "incorrect_password")
            )
        if call != "verify_totp":
            return error(404, "resource_not_found")
        self.ledger.counts["submits"] += 1
        code = body["code"]
        if person.totp is None:
            return error(400, "totp_disabled")
        if code in person.backup_codes:
            person.backup_codes.discard(code)
            return Answer(200, self.knobs.change(call, {"verified": True, "code_type": "backup_code"}))
        if code == person.totp:
            return Answer(200, self.knobs.change(call, {"verified": True, "code_type": "totp"}))
        return error(422, "totp_incorrect_code" if len(code) == 6 else "totp_invalid_length")

    def frontend(self, request: Recorded) -> Answer:
        """Serve the Frontend API, and hand the client its next JWT."""
        if "Origin" in request.headers:
            return error(400, "origin_authorization_headers_conflict")
        if not self.knobs.native or request.query.get("_is_native") != "1":
            return error(400, "native_api_disabled")
        form = "application/x-www-form-urlencoded"
        if request.body and request.headers.get("Content-Type") != form:
            return error(415, "unsupported_content_type")
        if (request.method, request.path) == ("POST", "/v1/client/sign_ins"):
            return self.sign_in(request)
        token = request.headers.get("Authorization", "")
        token = token.removeprefix("Bearer ")
        client = next((each for each in self.clients if token and each.jwt == token), None)
        if client is None:
            return error(401, "signed_out" if token else "authentication_invalid")
        answer = self.of_client(request, client)
        if self.knobs.rotate:
            client.jwt = self.jwts.make(client=client.id)
        answer.headers = {**answer.headers, "Authorization": client.jwt}
        return answer

    def sign_in(self, request: Recorded) -> Answer:
        """Open a session by a ticket."""
        now = self.clock.now()
        if self.limited(self.sign_ins, now):
            return Answer(429, {"errors": [{"code": "too_many_requests"}]}, {"Retry-After": "10"})
        ticket = request.form().get("ticket", "")
        if "Authorization" in request.headers or request.form().get("strategy") != "ticket":
            return error(400, "strategy_for_user_invalid")
        person, until = self.tickets.get(ticket, (None, 0.0))
        if ticket in self.used:
            return error(400, "sign_in_token_already_used_code")
        if person is None or until <= now:
            return error(400, "sign_in_token_cannot_be_used_code")
        if person.locked or person.banned:
            return error(403, "user_locked" if person.locked else "user_banned")
        if self.knobs.sign_in_status != "complete":
            client = self.new_client()
            response = {"object": "sign_in_attempt", "id": "sia_1", "status": self.knobs.sign_in_status}
            return Answer(200, self.both("sign_ins", response, client), {"Authorization": client.jwt})
        session = self.open_session(ticket)
        response = {"object": "sign_in_attempt", "id": "sia_1", "status": "complete", "created_session_id": session.id}
        return Answer(200, self.both("sign_ins", response, session.client), {"Authorization": session.client.jwt})

    def new_client(self) -> Client:
        """Make a client."""
        client = Client(f"client_{next(self.numbers)}")
        client.jwt = self.jwts.make(client=client.id)
        self.clients.append(client)
        return client

    def open_session(self, ticket: str) -> Session:
        """Use a ticket up."""
        self.used.add(ticket)
        self.ledger.counts["creates"] += 1
        session = Session(f"sess_{next(self.numbers)}", self.tickets[ticket][0], self.new_client())
        self.sessions[session.id] = session
        return session

    def limited(self, times: deque[float], now: float) -> bool:
        """Count a call; whether it is one too many."""
        full = len(times) == times.maxlen and now - times[0] < WINDOW
        if full and self.knobs.limited:
            return True
        times.append(now)
        return False

    def both(self, call: str, response: dict[str, Any], client: Client) -> Any:
        """Return a reply in the form of the Frontend API."""
        sessions = [each.as_json(self.clock.now()) for each in self.sessions.values() if each.client is client]
        return self.knobs.change(call, {"response": response, "client": {"id": client.id, "sessions": sessions}})

    def of_client(self, request: Recorded, client: Client) -> Answer:
        """Serve a call of a client about its sessions."""
        parts = request.path.removeprefix("/v1/client/sessions").strip("/").split("/")
        if request.method == "DELETE" and parts == [""]:
            self.ledger.counts["cancels"] += 1
            for each in self.sessions.values():
                each.status = "removed" if each.client is client else each.status
            return Answer(200, self.both("sessions", {"object": "client", "id": client.id}, client))
        if parts[0] not in self.sessions or self.sessions[parts[0]].client is not client:
            return error(404, "resource_not_found")
        session = self.sessions[parts[0]]
        if session.status != "active":
            return error(401, "signed_out")
        match request.method, parts[1:]:
            case ("GET", []) | ("POST", ["touch"]):
                pass
            case "POST", ["end" | "remove" as call]:
                self.ledger.counts["cancels"] += 1
                session.status = "ended" if call == "end" else "removed"
            case "POST", ["tokens", *_]:
                claims = {"sub": session.person.id, "sid": session.id, "fva": session.age(self.clock.now())}
                return Answer(200, self.knobs.change("tokens", {"jwt": self.jwts.make(**claims)}))
            case "POST", ["verify", *steps]:
                return self.reverify(session, steps, request.form())
            case _:
                return error(404, "resource_not_found")
        return Answer(200, self.both(parts[-1], session.as_json(self.clock.now()), client))

    def reverify(self, session: Session, steps: list[str], form: dict[str, str]) -> Answer:
        """Serve the calls of a reverification."""
        if session.person.locked or session.person.banned:
            return error(403, "user_locked" if session.person.locked else "user_banned")
        failed = self.begin(session, form) if not steps else self.step(session, steps[0], form)
        if failed is not None:
            return failed
        verification = session.verification
        assert verification is not None
        response = {
            "object": "session_reverification",
            "id": verification.id,
            "level": verification.level,
            "status": verification.status,
            "supported_first_factors": session.person.factors("first"),
            "supported_second_factors": session.person.factors("second") or None,
            "first_factor_verification": verification.first,
            "second_factor_verification": verification.second,
            "session": session.as_json(self.clock.now()),
        }
        return Answer(200, self.both(steps[0] if steps else "verify", response, session.client))

    def begin(self, session: Session, form: dict[str, str]) -> Answer | None:
        """Begin a verification; the one before ends by that."""
        level = form.get("level", "")
        if level not in ("first_factor", "second_factor", "multi_factor"):
            return error(422, "form_param_value_invalid")
        if not session.person.factors("second"):
            level = "first_factor"  # as documented: Clerk falls back
        status = "needs_second_factor" if level == "second_factor" else "needs_first_factor"
        session.verification = Reverification(f"sver_{next(self.numbers)}", level, status)
        return None

    def step(self, session: Session, step: str, form: dict[str, str]) -> Answer | None:
        """Prepare or attempt a factor."""
        call, factor, _ = step.split("_")
        verification, strategy = session.verification, form.get("strategy", "")
        if verification is None:
            return error(400, "session_reverification_missing")
        if verification.status != f"needs_{factor}_factor":
            return error(400, "invalid_action_for_session_reverification")
        offered = [each for each in session.person.factors(factor) if each["strategy"] == strategy]
        if not offered:
            return error(400, "strategy_for_user_invalid")
        if call == "prepare":
            return self.prepare(session, factor, strategy, form)
        if self.limited(self.attempts, self.clock.now()):
            return Answer(429, {"errors": [{"code": "too_many_requests"}]}, {"Retry-After": "10"})
        return self.attempt(session, verification, factor, form)

    def prepare(self, session: Session, factor: str, strategy: str, form: dict[str, str]) -> Answer | None:
        """Send a code."""
        known = {"email_code": session.person.emails, "phone_code": session.person.phones}.get(strategy, {})
        key = "email_address_id" if strategy == "email_code" else "phone_number_id"
        if form.get(key) not in known:
            return error(400, "strategy_for_user_invalid")
        now = self.clock.now()
        if now - self.prepared.get((session.person.id, strategy), -RESEND_SECONDS) < RESEND_SECONDS:
            return error(429, "verification_code_too_many_requests")
        assert session.verification is not None
        self.prepared[session.person.id, strategy] = now
        self.ledger.counts["mails" if strategy == "email_code" else "texts"] += 1
        code = self.knobs.next_code or f"{next(self.numbers) * 7919 % 1_000_000:06}"
        session.verification.sent[factor, strategy] = code
        state = {"status": "unverified", "strategy": strategy, "attempts": 0, "expire_at": 1_900_000_000_000}
        if factor == "first":
            session.verification.first = state
        else:
            session.verification.second = state
        return None

    def attempt(
        self, session: Session, verification: Reverification, factor: str, form: dict[str, str]
    ) -> Answer | None:
        """Check a password or code."""
        strategy, person = form["strategy"], session.person
        self.ledger.counts["passwords" if strategy == "password" else "submits"] += 1
        state = verification.first if factor == "first" else verification.second
        if strategy in ("email_code", "phone_code") and (factor, strategy) not in verification.sent:
            return error(400, "verification_missing")
        state = state or {"status": "unverified", "strategy": strategy, "attempts": 0, "expire_at": 1_900_000_000_000}
        if state["attempts"] >= TRIES:
            return error(400, "verification_failed")
        if not self.is_right(verification, factor, person, form):
            state["attempts"] += 1
            person.failures += 1
            person.locked = person.failures >= self.knobs.lockout
        else:
            state["status"] = "verified"
            session.proved[factor] = self.clock.now()
            person.failures = 0
            more = factor == "first" and verification.level == "multi_factor"
            verification.status = "needs_second_factor" if more else "complete"
        if factor == "first":
            verification.first = state
        else:
            verification.second = state
        if state["status"] == "verified":
            return None
        if strategy == "password":
            return error(422, "form_password_incorrect")
        return error(
            422, "account_lockout_warning" if person.failures >= self.knobs.lockout - 1 else "form_code_incorrect"
        )

    @staticmethod
    def is_right(verification: Reverification, factor: str, person: Person, form: dict[str, str]) -> bool:
        """Compare what was handed in; a backup code is used up."""
        match form["strategy"]:
            case "password":
                return form.get("password") == person.password
            case "totp":
                return form.get("code") == person.totp
            case "backup_code":
                right = form.get("code") in person.backup_codes
                person.backup_codes.discard(form.get("code", ""))
                return right
            case strategy:
                return form.get("code") == verification.sent.get((factor, strategy))
