"""A OneLogin for tests: the OAuth token, the v1 login and the v2 verifications, as its documents describe them."""

import base64
import fnmatch
import secrets
from dataclasses import dataclass
from typing import Any

from pushgate.clock import Clock
from tests.simulators.base import Answer, Recorded, Simulator
from tests.simulators.onelogin_people import Asked, SimDevice, SimPerson, make_people, new_verification

CLIENT_ID, CLIENT_SECRET = "c" * 64, "s" * 64
SUBDOMAIN = "jhainc"
HOUR = 3600.0


@dataclass
class OneLoginTwists:
    """In which of the known ways this OneLogin behaves."""

    shape: str = "doc"
    """Of v2 replies: ``doc``, lists and string ids; ``sdk``, objects and numbers, as the official client wants."""
    denial: str = "401"
    """What a refused v1 push looks like: ``401``, or ``keep_pending``."""
    wrong_code: str = "factor"
    """What v2 says to a wrong code: ``factor`` names it, ``credentials`` could as well mean our token."""
    needs_mfa: bool = True
    state_token_seconds: float = 120.0
    calls_per_hour: int = 5000
    another_user: int = 0
    """If set, every v1 success is for this user id."""


class OneLoginSimulator(Simulator):
    """One account."""

    def __init__(self, clock: Clock | None = None, twists: OneLoginTwists | None = None) -> None:
        super().__init__(clock)
        self.twists = twists or OneLoginTwists()
        self.people = {person.username: person for person in make_people()}
        self.asked: dict[str, Asked] = {}
        self.token, self.token_made = "", self.clock.now()
        self.hour_ends, self.calls = self.clock.now() + HOUR, 0
        self.messages: list[str] = []
        """The texts of SMS that were asked for."""

    def revoke_token(self) -> None:
        """Make the token worthless, as an administrator does who rotates credentials."""
        self.token = ""

    def open_questions(self) -> int:
        """How many questions are with a person and could still be answered."""
        now = self.clock.now()
        return sum(each.device is not None and each.is_open(now) for each in self.asked.values())

    async def serve(self, request: Recorded) -> Answer:
        """Answer as OneLogin does."""
        if request.path == "/auth/oauth2/v2/token":
            return self.serve_token(request)
        limits = self.count_call()
        answer = self.serve_call(request) if self.calls <= self.twists.calls_per_hour else v1_error(429, "rate limit")
        return Answer(answer.status, answer.body, {**limits, "X-Request-Id": f"req-{self.calls}"})

    def serve_token(self, request: Recorded) -> Answer:
        """Give the token: the same one until it ends."""
        credential = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
        own_form = f"client_id:{CLIENT_ID}, client_secret:{CLIENT_SECRET}"
        if request.headers.get("Authorization") not in (f"Basic {credential}", own_form):
            return Answer(401, {"statusCode": 401, "name": "Unauthorized", "message": "Authentication Failure"})
        if request.json() != {"grant_type": "client_credentials"}:
            return Answer(400, {"statusCode": 400, "name": "BadRequest", "message": "grant_type is missing"})
        self.ledger.counts["tokens"] += 1
        if not self.token or self.clock.now() - self.token_made >= 36_000:
            self.token, self.token_made = secrets.token_hex(32), self.clock.now()
        body = {"access_token": self.token, "created_at": self.clock.wall().isoformat(), "expires_in": 36_000}
        return Answer(200, body | {"refresh_token": "r" * 64, "token_type": "bearer", "account_id": 999})

    def count_call(self) -> dict[str, str]:
        """Count a call against the hour; return the headers that say so."""
        now = self.clock.now()
        if now >= self.hour_ends:
            self.hour_ends, self.calls = now + HOUR, 0
        self.calls += 1
        limit = self.twists.calls_per_hour
        return {
            "X-RateLimit-Limit": str(limit),
            "X-RateLimit-Remaining": str(max(0, limit - self.calls)),
            "X-RateLimit-Reset": str(int(self.hour_ends - now)),
        }

    def serve_call(self, request: Recorded) -> Answer:
        """Answer a call that needs the token."""
        bearer = request.headers.get("Authorization", "").replace("bearer:", "Bearer ").split()
        version = 1 if request.path.startswith("/api/1/") else 2
        if not self.token or bearer != ["Bearer", self.token]:
            return v1_error(401, "Authentication Failure") if version == 1 else UNKNOWN_CREDENTIALS
        match request.method, request.path.strip("/").split("/"):
            case "POST", ["api", "1", "login", "auth"]:
                return self.login_auth(request.json())
            case "POST", ["api", "1", "login", "verify_factor"]:
                return self.verify_factor(request.json())
            case "GET", ["api", "2", "users"]:
                return self.users(request)
            case method, ["api", "2", "mfa", "users", user_id, *rest]:
                person = next((each for each in self.people.values() if str(each.id) == user_id), None)
                return self.mfa(method, person, rest, request) if person else v2_error(404, "NotFoundError", "no user")
        return v2_error(404, "NotFoundError", "no such resource")

    def login_auth(self, body: dict[str, Any]) -> Answer:
        """Check a password."""
        for field in ("username_or_email", "password"):
            if not body.get(field):
                return v1_error(400, f"{field.split('_')[0]} is empty")
        if body.get("subdomain") != SUBDOMAIN:
            return v1_error(400, "Invalid subdomain")
        name = str(body["username_or_email"])
        person = next((each for each in self.people.values() if name in (each.username, each.email)), None)
        if person is None or person.password != body["password"]:
            if person is not None:
                person.failures += 1
            return v1_error(401, "Authentication Failed: Invalid user credentials")
        if person.status == 3:
            return v1_error(401, "User is locked")
        if not self.twists.needs_mfa:
            return self.session(person)
        login = Asked(person, self.clock.now() + self.twists.state_token_seconds)
        self.asked[login.id] = login
        devices = [{"device_type": device.v1_name, "device_id": device.id} for device in person.devices]
        # The callback_url of the documents, which does not exist.
        callback = "https://subdomain.onelogin.com/api/1/verify_factor"
        data = {"callback_url": callback, "user": person.named(), "devices": devices, "state_token": login.id}
        return v1_success("MFA is required for this user", [data])

    def session(self, person: SimPerson) -> Answer:
        """Open a session."""
        user = person.named() | ({"id": self.twists.another_user} if self.twists.another_user else {})
        session = {"return_to_url": None, "user": user, "status": "Authenticated"}
        ends = {"session_token": secrets.token_hex(20), "expires_at": "2016/01/26 02:21:47 +0000"}
        return v1_success("Success", [session | ends])

    def verify_factor(self, body: dict[str, Any]) -> Answer:
        """Ask the person, look for the answer, or check a code."""
        login = self.asked.get(str(body.get("state_token")))
        if login is None or login.over or self.clock.now() >= login.ends_at:
            return v1_error(401, "State token is invalid or expired")
        device = login.person.device(body.get("device_id"))
        if device is None:
            return v1_error(400, "device_id is invalid")
        if body.get("otp_token"):
            return self.verify_code(login, device, str(body["otp_token"]))
        if device.kind == "code":
            return v1_error(400, "OTP token blank")
        if body.get("do_not_notify") is not True:
            # What was answered belongs to the device that was asked before.
            login.device, login.answer = device, ""
            self.ask(login, device)
        else:
            self.ledger.counts["polls"] += 1
        if login.answer == "approved":
            login.over = True
            return self.session(login.person)
        if login.answer == "denied" and self.twists.denial == "401":
            return v1_error(401, "Failed authentication with this factor")
        return Answer(
            200, {"status": {"type": "pending", "code": 200, "message": PENDING[device.kind], "error": False}}
        )

    def ask(self, question: Asked, device: SimDevice) -> None:
        """Ring, or send a code."""
        self.ledger.counts["creates"] += 1
        self.ledger.counts["pushes" if device.kind == "push" else "mails"] += 1
        if device.kind == "mail":
            question.sent[device.id] = f"{secrets.randbelow(10**6):06}"

    def verify_code(self, login: Asked, device: SimDevice, code: str) -> Answer:
        """Check a code of a v1 login."""
        self.ledger.counts["submits"] += 1
        if not login.accepts(device, code):
            login.person.failures += 1
            return v1_error(401, "Failed authentication with this factor")
        login.over = True
        return self.session(login.person)

    def users(self, request: Recorded) -> Answer:
        """Find people; OneLogin takes stars in a name."""
        [(attribute, pattern)] = request.query.items()
        found = [
            person.named() | {"status": person.status, "state": 1}
            for person in self.people.values()
            if fnmatch.fnmatchcase(str(person.named()[attribute]).casefold(), pattern.casefold())
        ]
        return Answer(200, found)

    def mfa(self, method: str, person: SimPerson, rest: list[str], request: Recorded) -> Answer:
        """Serve what lies below a person."""
        match method, rest:
            case "GET", ["devices"]:
                return Answer(200, [self.device_entry(device) for device in person.devices])
            case "POST", ["verifications"]:
                body = request.json()
                return self.check_otp(None, person, body) if "otp" in body else self.create(person, body)
            case _, ["verifications", verification_id]:
                verification = self.asked.get(verification_id)
                if verification is None or verification.over or self.clock.now() >= verification.ends_at:
                    return v2_error(404, "NotFoundError", "no such verification")
                if method == "PUT":
                    return self.check_otp(verification, person, request.json())
                return self.verification(verification)
        return v2_error(404, "NotFoundError", "no such resource")

    def id_of(self, device: SimDevice) -> int | str:
        """Return a device's id in the shape that was chosen."""
        return device.id if self.twists.shape == "sdk" else str(device.id)

    def shaped(self, status: int, entry: dict[str, Any]) -> Answer:
        """Answer with an entry in the shape that was chosen."""
        return Answer(status, entry if self.twists.shape == "sdk" else [entry])

    def device_entry(self, device: SimDevice) -> dict[str, Any]:
        """Show a device."""
        named = {"user_display_name": device.user_display_name, "type_display_name": device.v1_name}
        shown = {"device_id": str(device.id), "auth_factor_name": device.v2_name, "default": device.default}
        return named | shown

    def create(self, person: SimPerson, body: dict[str, Any]) -> Answer:
        """Begin a verification."""
        device = person.device(body.get("device_id"))
        life = int(body.get("expires_in", 120))
        if device is None or not 120 <= life <= 900:
            return v2_error(422, "UnprocessableEntity", "device_id or expires_in")
        verification = new_verification(person, device, self.clock.now() + life)
        self.asked[verification.id] = verification
        if device.kind != "code":
            self.ask(verification, device)
        self.messages += [body["custom_message"]] if "custom_message" in body else []
        entry = self.device_entry(device) | {"id": verification.id, "device_id": self.id_of(device)}
        entry |= {"expires_at": "2020-07-21T20:26:44Z"}
        return self.shaped(201, entry | ({} if self.twists.shape == "sdk" else {"user_id": str(person.id)}))

    def verification(self, verification: Asked) -> Answer:
        """Show a verification."""
        self.ledger.counts["polls"] += 1
        assert verification.device is not None
        status = {"": "pending", "approved": "accepted", "denied": "rejected"}[verification.answer]
        return self.shaped(200, {"id": verification.id, "status": status, "device_id": str(verification.device.id)})

    def check_otp(self, verification: Asked | None, person: SimPerson, body: dict[str, Any]) -> Answer:
        """Check a code, of a verification or of a device alone."""
        self.ledger.counts["submits"] += 1
        device = person.device(body.get("device_id")) or (verification.device if verification else None)
        question = verification or Asked(person, 0.0)
        if device is None or not question.accepts(device, str(body.get("otp"))):
            person.failures += 1
            unclear = self.twists.wrong_code == "credentials"
            wrong = v2_error(401, "Unauthorized", "Failed authentication with this factor")
            return UNKNOWN_CREDENTIALS if unclear else wrong
        question.over, question.answer = True, "approved"
        success = {"type": "success", "code": 200, "message": "Success", "error": False}
        return Answer(200, success if self.twists.shape == "sdk" else {"status": success})


PENDING = {
    "push": "Authentication pending on OL Protect",
    "call": "Calling. Authentication pending.",
    "mail": "SMS token sent to your mobile device. Authentication pending.",
}


def v1_success(message: str, data: list[dict[str, Any]]) -> Answer:
    """Make a v1 success."""
    return Answer(200, {"status": {"type": "success", "code": 200, "message": message, "error": False}, "data": data})


def v1_error(status: int, message: str) -> Answer:
    """Make a v1 error; the type says no more than the status."""
    kind = {400: "bad request", 401: "Unauthorized", 429: "too many requests"}[status]
    return Answer(status, {"status": {"error": True, "code": status, "type": kind, "message": message}})


def v2_error(status: int, name: str, message: str) -> Answer:
    """Make a v2 error."""
    return Answer(status, {"statusCode": status, "name": name, "message": message})


UNKNOWN_CREDENTIALS = v2_error(401, "InvalidCredentials", "Please provide valid credentials")
