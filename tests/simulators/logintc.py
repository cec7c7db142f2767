"""LoginTC's cloud, as its documents describe it: API 1.3, all of it under the media type v1."""

import json
import re
from typing import Any, Literal
from urllib.parse import unquote

from pushgate.clock import Clock
from tests.simulators.base import Answer, Recorded, Simulator
from tests.simulators.logintc_resources import Resources
from tests.simulators.logintc_town import Domain, Refusal, Session, Town, User, not_found

KEY = "k" * 64
DOMAIN = "9120580e94f134cb7c9f27cd1e43dbc82980e152"
V1_TYPE = "application/vnd.logintc.v1+json"
ACCEPTED = {"", "*/*", "application/json", V1_TYPE, "image/png"}
C_AGENT = "LoginTC-C/"

Shape = Literal["compact", "spaced", "docs"]


class LoginTcSimulator(Simulator):
    """One organization behind HTTP. ``town.rules`` says what its documents leave open."""

    def __init__(self, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self.key = KEY
        self.shape: Shape = "compact"
        self.c_mode = False
        """Bear logintc-c, which cuts bodies by position, writes names in percents, and ends its program at an error."""
        self.features: list[str] | None = None
        """What ping lists; LoginTC lists nothing."""
        self.town = Town(self.clock)
        self.town.domains[DOMAIN] = Domain(DOMAIN)
        self.resources = Resources(self.town, self.ledger)

    @property
    def domain(self) -> Domain:
        """The domain that everything happens in."""
        return self.town.domains[DOMAIN]

    async def serve(self, request: Recorded) -> Answer:
        """Answer one call."""
        try:
            self.check(request)
            found = self.session_call(request) or self.resources.call(request)
        except Refusal as refusal:
            error = {"code": f"api.error.{refusal.code}", "message": refusal.message}
            return self.written(Answer(refusal.status, {"errors": [error]}))
        return self.written(found)

    def check(self, request: Recorded) -> None:
        """Refuse a wrong key, and a media type that LoginTC does not have."""
        if request.headers.get("Authorization", "") != f'LoginTC key="{self.key}"':
            raise Refusal(401, "unauthorized")
        if request.headers.get("Accept", "") not in ACCEPTED:
            raise Refusal(406, "notacceptable")

    def written(self, answer: Answer) -> Answer:
        """Write an answer's body in the shape that is set."""
        if isinstance(answer.body, bytes) or answer.body is None:
            return answer
        headers = {"Content-Type": V1_TYPE, **answer.headers}
        return Answer(answer.status, write(answer.body, self.shape), headers)

    def session_call(self, request: Recorded) -> Answer | None:
        """Answer what is about ping, codes by e-mail and sessions; None for anything else."""
        if (request.method, request.path) == ("GET", "/api/ping"):
            listed = {} if self.features is None else {"features": self.features}
            return Answer(200, {"status": "OK", **listed})
        match = re.fullmatch(r"/api/domains/([^/]+)/(?:sessions(?:/([^/]+))?|users/([^/]+)/otp)", request.path)
        if match is None:
            return None
        domain, session_id, user_id = self.town.domain(match[1]), match[2], match[3]
        match (request.method, session_id, user_id):
            case ("POST", None, None):
                return self.create(request, domain)
            case ("POST", None, str(user_id)):
                return self.send_mail(request, self.town.member(domain, user_id))
            case ("GET", str(session_id), None):
                return self.read(request, session_id)
            case ("DELETE", str(session_id), None):
                return self.withdraw(session_id)
        raise Refusal(405, "methodnotallowed")

    def create(self, request: Recorded, domain: Domain) -> Answer:
        """Ask a person, or check a code."""
        body = read_object(request)
        user = self.whom(request, domain, body.get("user"))
        typed = "bypasscode" in body or "otp" in body
        if not self.town.has_any(domain, user):
            raise not_found("token")
        state = "pending"
        if typed:
            self.ledger.counts["submits"] += 1
            right = self.town.check_code(domain, user, body)
            if not right and self.town.rules.wrong_code != "denied":
                raise Refusal(int(self.town.rules.wrong_code), "code.invalid")
            state = "approved" if right else "denied"
        elif user.id not in domain.tokens or domain.tokens[user.id].code:
            raise not_found("token")
        else:
            self.ledger.counts["pushes"] += 1
        self.ledger.counts["creates"] += 1
        session = Session(self.town.new_id(), user.id, self.town.clock.now(), state, body)
        self.town.sessions[session.id] = session
        return self.shown(session.id, state, self.town.rules.created_status)

    def whom(self, request: Recorded, domain: Domain, wanted: Any) -> User:
        """Find the user that a create names, by id or by name."""
        if not isinstance(wanted, dict):
            raise Refusal(400, "badrequest")
        if "id" in wanted:
            return self.town.member(domain, str(wanted["id"]))
        name = wanted.get("username")
        if self.c_mode and isinstance(name, str) and request.headers.get("User-Agent", "").startswith(C_AGENT):
            name = unquote(name)
        return self.town.member(domain, self.town.user_named(name).id)

    def read(self, request: Recorded, session_id: str) -> Answer:
        """Return a session."""
        self.ledger.counts["polls"] += 1
        session = self.town.sessions.get(session_id)
        if session is None:
            if self.c_mode and request.headers.get("User-Agent", "").startswith(C_AGENT):
                return self.shown(session_id, "denied")
            raise not_found("session")
        state = self.town.state_of(session)
        if state.isdigit():
            raise Refusal(int(state), "notfound.session")
        return self.shown(session_id, state)

    def withdraw(self, session_id: str) -> Answer:
        """Forget a session, and take its notification back."""
        if self.town.sessions.pop(session_id, None) is None:
            raise not_found("session")
        self.ledger.counts["cancels"] += 1
        return Answer(200)

    def shown(self, session_id: str, state: str, status: int = 200) -> Answer:
        """Answer with a session; for logintc-c byte by byte as it cuts it apart."""
        if self.c_mode:
            exact = f'{{"id":"{session_id}","state":"{state}"}}'.encode()
            return Answer(200, exact, {"Content-Type": V1_TYPE})
        return Answer(status, {"id": session_id, "state": state})

    def send_mail(self, request: Recorded, user: User) -> Answer:
        """Send a code by e-mail."""
        if read_object(request) != {"deliverableOTPType": "EMAIL"} or not self.town.rules.email_otp:
            raise Refusal(400, "badrequest")
        self.ledger.counts["mails"] += 1
        code = f"{next(self.town.numbers):06d}"
        user.mailed.append((code, self.town.clock.now() + self.town.rules.code_seconds))
        status, body = self.town.rules.mail_answer
        return Answer(status, body)


def read_object(request: Recorded) -> dict[str, Any]:
    """Read a JSON object, whatever type the request says that it is."""
    try:
        body = request.json()
    except ValueError:
        raise Refusal(400, "badrequest") from None
    if not isinstance(body, dict):
        raise Refusal(400, "badrequest")
    return body


def write(value: Any, shape: Shape) -> bytes:
    """Write JSON without a blank, with those of most libraries, or as the documents print it."""
    match shape:
        case "compact":
            return json.dumps(value, separators=(",", ":")).encode()
        case "spaced":
            return json.dumps(value).encode() + b"\n"
        case "docs":
            return json.dumps(value, indent=4, separators=(",", " : ")).encode() + b"\n"
