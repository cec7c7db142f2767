"""What a LoginTC organization holds: domains, users, tokens, codes, sessions; no HTTP."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from pushgate.clock import Clock

AfterExpiry = Literal["stay_pending", "denied", "404", "410"]
WrongCode = Literal["denied", "400", "404"]
NEVER = "9999-12-31T23:59:59+0000"
MAX_BYPASS_CODES = 5


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """An error answer of the API."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message or code


def not_found(what: str) -> Refusal:
    """Return the refusal for something that is not there."""
    return Refusal(404, f"notfound.{what}")


@dataclass
class Rules:
    """How this LoginTC behaves where its documents leave it open, and what its administrator has set."""

    after_expiry: AfterExpiry = "stay_pending"
    """What a session reads that nobody answered in time."""
    wrong_code: WrongCode = "denied"
    revoke_after: int = 5
    """Wrong codes of one user in one domain until the token is revoked."""
    request_timeout: int = 90
    email_otp: bool = True
    created_status: int = 200
    mail_answer: tuple[int, bytes] = (200, b"")
    code_seconds: float = 120.0
    page_size: int = 100


@dataclass
class Domain:
    """A place to log in to."""

    id: str
    name: str = "Staff"
    members: set[str] = field(default_factory=set)
    tokens: dict[str, "Token"] = field(default_factory=dict)
    """By user id."""
    wrong_codes: dict[str, int] = field(default_factory=dict)


@dataclass
class Token:
    """What links an app to a user and a domain."""

    code: str
    """Ten characters, while it is pending; empty once it is active."""

    def shown(self) -> dict[str, str]:
        """Return it as the API shows it."""
        return {"state": "pending", "code": self.code} if self.code else {"state": "active"}


@dataclass
class User:
    """A person."""

    id: str
    username: str
    name: str = ""
    email: str = ""
    app_code: str = "012345"
    """What the app shows now, where a token is active."""
    mailed: list[tuple[str, float]] = field(default_factory=list)
    """Codes that were sent by e-mail, and until when they are good."""
    hardware: str = ""


@dataclass
class BypassCode:
    """A code of nine digits that an administrator hands out."""

    id: str
    code: str
    user: str
    uses: int
    left: int
    expires: float | None


@dataclass
class Session:
    """A question."""

    id: str
    user: str
    created: float
    state: str
    asked_with: dict[str, Any] = field(repr=False)


class Town:
    """An organization."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.rules = clock, Rules()
        self.numbers = itertools.count(1)
        self.domains: dict[str, Domain] = {}
        self.users: dict[str, User] = {}
        self.bypass_codes: dict[str, BypassCode] = {}
        self.hardware: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, Session] = {}

    def new_id(self) -> str:
        """Return an id as LoginTC makes them: 40 hexadecimal digits."""
        return f"{next(self.numbers):040x}"

    def add_user(self, username: str, domain: Domain | None = None, user_id: str = "", *, token: bool = True) -> User:
        """Make a user, a member of the domain with an active token unless it is said otherwise."""
        user = User(user_id or self.new_id(), username, username.title(), f"{username}@example.org")
        self.users[user.id] = user
        if domain is not None:
            domain.members.add(user.id)
            if token:
                domain.tokens[user.id] = Token("")
        return user

    def user(self, user_id: str) -> User:
        """Return a user by id."""
        if user_id not in self.users:
            raise not_found("user")
        return self.users[user_id]

    def user_named(self, username: Any) -> User:
        """Return a user by name."""
        for user in self.users.values():
            if user.username == username:
                return user
        raise not_found("user")

    def domain(self, domain_id: str) -> Domain:
        """Return a domain."""
        if domain_id not in self.domains:
            raise not_found("domain")
        return self.domains[domain_id]

    def member(self, domain: Domain, user_id: str) -> User:
        """Return a user of a domain."""
        if user_id not in domain.members:
            raise not_found("user")
        return self.user(user_id)

    def leave(self, domain: Domain, user_id: str) -> None:
        """Remove a user from a domain, with token and codes."""
        domain.members.discard(user_id)
        domain.tokens.pop(user_id, None)
        self.users[user_id].mailed.clear()

    def page(self, items: list[Any], number: str) -> list[Any]:
        """Return one page of a list; pages count from 1."""
        if not number.isdigit() or int(number) < 1:
            raise Refusal(400, "badrequest")
        start = (int(number) - 1) * self.rules.page_size
        return items[start : start + self.rules.page_size]

    def put_token(self, domain: Domain, user_id: str) -> tuple[Token, bool]:
        """Return the user's token, and whether it is a new one."""
        self.member(domain, user_id)
        made = user_id not in domain.tokens
        if made:
            domain.tokens[user_id] = Token(f"d2mfr{next(self.numbers):05d}")
        return domain.tokens[user_id], made

    def codes_of(self, domain: Domain, user: User) -> Iterator[str]:
        """List the one-time codes that are right now."""
        token = domain.tokens.get(user.id)
        if token is not None and not token.code:
            yield user.app_code
        yield from (code for code, good_until in user.mailed if self.clock.now() < good_until)

    def has_any(self, domain: Domain, user: User) -> bool:
        """Whether there is anything that could answer for the user."""
        bypass = any(code.user == user.id for code in self.bypass_codes.values())
        return bypass or any(True for _ in self.codes_of(domain, user))

    def check_code(self, domain: Domain, user: User, body: dict[str, Any]) -> bool:
        """Check a code, and use it up; count a wrong one, and revoke the token at the fifth."""
        typed, right = str(body.get("bypasscode") or body.get("otp")), False
        if "bypasscode" in body:
            right = self.use_bypass(user, typed)
        elif typed in self.codes_of(domain, user):
            right = True
            user.mailed = [one for one in user.mailed if one[0] != typed]
        count = 0 if right else domain.wrong_codes.get(user.id, 0) + 1
        domain.wrong_codes[user.id] = count
        if count >= self.rules.revoke_after:
            domain.tokens.pop(user.id, None)
        return right

    def use_bypass(self, user: User, typed: str) -> bool:
        """Use a bypass code once."""
        for code in self.bypass_codes.values():
            alive = code.left > 0 and (code.expires is None or self.clock.now() < code.expires)
            if code.user == user.id and code.code == typed and alive:
                code.left -= 1
                return True
        return False

    def make_bypass(self, user: User, uses: int, minutes: int) -> BypassCode:
        """Make a bypass code."""
        if sum(code.user == user.id for code in self.bypass_codes.values()) >= MAX_BYPASS_CODES:
            raise Refusal(400, "bypasscode.toomany")
        expires = self.clock.now() + minutes * 60 if minutes else None
        made = BypassCode(self.new_id(), f"{next(self.numbers):09d}", user.id, uses, uses, expires)
        self.bypass_codes[made.id] = made
        return made

    def expiry(self, code: BypassCode) -> str:
        """Write until when a bypass code is good: without a colon in the zone."""
        if code.expires is None:
            return NEVER
        moment = self.clock.wall() + timedelta(seconds=code.expires - self.clock.now())
        return moment.strftime("%Y-%m-%dT%H:%M:%S+0000")

    def state_of(self, session: Session) -> str:
        """Return what a session reads now: a state, or the status of an error."""
        if session.state == "pending" and self.clock.now() - session.created >= self.rules.request_timeout:
            return "pending" if self.rules.after_expiry == "stay_pending" else self.rules.after_expiry
        return session.state

    def answer(self, session_id: str, state: str) -> bool:
        """Let the person answer on the device; False if there is nothing to answer any more."""
        session = self.sessions.get(session_id)
        if session is None or session.state != "pending":
            return False
        if self.clock.now() - session.created >= self.rules.request_timeout:
            return False
        session.state = state
        return True
