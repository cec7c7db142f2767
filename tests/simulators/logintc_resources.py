"""LoginTC's calls that manage an organization: users, memberships, tokens, bypass codes, hardware tokens."""

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from tests.simulators.base import Answer, Ledger, Recorded
from tests.simulators.logintc_town import BypassCode, Refusal, Town, User, not_found

IMAGE = b"\x89PNG\r\n\x1a\n"
HARDWARE_KEYS = ("alias", "serialNumber", "type", "timeStep")
Handler = Callable[..., Answer]


class Resources:
    """All calls but those about sessions."""

    def __init__(self, town: Town, ledger: Ledger) -> None:
        self.town, self.ledger = town, ledger
        domain, user = r"/domains/([^/]+)", r"/users/([^/]+)"
        self.routes: list[tuple[str, str, Handler]] = [
            ("GET", "/organization", lambda _: Answer(200, {"name": "Example Org"})),
            ("GET", domain, self.get_domain),
            ("GET", domain + "/image", self.get_image),
            ("GET", domain + "/users", self.list_members),
            ("PUT", domain + "/users", self.set_members),
            ("GET", domain + user, self.get_member),
            ("PUT", domain + user, self.add_member),
            ("DELETE", domain + user, self.remove_member),
            ("GET", domain + user + "/token", self.get_token),
            ("PUT", domain + user + "/token", self.put_token),
            ("DELETE", domain + user + "/token", self.delete_token),
            ("POST", "/users", self.create_user),
            ("GET", "/users", self.find_users),
            ("GET", user, self.get_user),
            ("PUT", user, self.update_user),
            ("DELETE", user, self.delete_user),
            ("POST", user + "/bypasscodes", self.create_bypass),
            ("GET", user + "/bypasscodes", self.list_bypass),
            ("DELETE", user + "/bypasscodes", self.delete_all_bypass),
            ("GET", "/bypasscodes/([^/]+)", self.get_bypass),
            ("DELETE", "/bypasscodes/([^/]+)", self.delete_bypass),
            ("POST", "/hardware", self.create_hardware),
            ("GET", "/hardware", self.list_hardware),
            ("GET", "/hardware/([^/]+)", self.get_hardware),
            ("PUT", "/hardware/([^/]+)", self.update_hardware),
            ("DELETE", "/hardware/([^/]+)", self.delete_hardware),
            ("GET", user + "/hardware", self.get_users_hardware),
            ("PUT", user + "/hardware/([^/]+)", self.give_hardware),
            ("DELETE", user + "/hardware", self.take_hardware),
        ]

    def call(self, request: Recorded) -> Answer:
        """Answer a call; 405 where the path is another method's, 404 where nothing is."""
        there = False
        for method, pattern, handler in self.routes:
            match = re.fullmatch("/api" + pattern, request.path)
            there = there or match is not None
            if match is not None and method == request.method:
                return handler(request, *(unquote(group) for group in match.groups()))
        raise Refusal(405, "methodnotallowed") if there else not_found("resource")

    def get_domain(self, _request: Recorded, domain_id: str) -> Answer:
        """Return a domain with all nine fields."""
        domain = self.town.domain(domain_id)
        about = {"id": domain.id, "name": domain.name, "type": "RADIUS", "keyType": "PIN", "maxAllowedRetries": 5}
        timeout = {"requestTimeout": self.town.rules.request_timeout, "activationCodeExpiration": 7}
        return Answer(200, {**about, **timeout, "requestPollingEnabled": True, "bypassEnabled": True})

    def get_image(self, _request: Recorded, domain_id: str) -> Answer:
        """Return a domain's image."""
        self.town.domain(domain_id)
        return Answer(200, IMAGE, {"Content-Type": "image/png"})

    def list_members(self, request: Recorded, domain_id: str) -> Answer:
        """Return a page of a domain's users, as an array."""
        domain = self.town.domain(domain_id)
        members = [self.shown(user) for user in self.town.users.values() if user.id in domain.members]
        return Answer(200, self.town.page(members, request.query.get("page", "1")))

    def set_members(self, request: Recorded, domain_id: str) -> Answer:
        """Make exactly these users members; unknown ones are created, others lose their tokens."""
        domain, wanted = self.town.domain(domain_id), parsed(request)
        if not isinstance(wanted, list):
            raise Refusal(400, "badrequest")
        named = {user.username: user for user in self.town.users.values()}
        keep = {(named.get(one["username"]) or self.made(one)).id for one in wanted}
        for user_id in domain.members - keep:
            self.town.leave(domain, user_id)
        domain.members |= keep
        return Answer(200)

    def get_member(self, _request: Recorded, domain_id: str, user_id: str) -> Answer:
        """Return a user of a domain."""
        return Answer(200, self.shown(self.town.member(self.town.domain(domain_id), user_id)))

    def add_member(self, _request: Recorded, domain_id: str, user_id: str) -> Answer:
        """Put a user into a domain."""
        self.town.domain(domain_id).members.add(self.town.user(user_id).id)
        return Answer(200)

    def remove_member(self, _request: Recorded, domain_id: str, user_id: str) -> Answer:
        """Remove a user from a domain, with token and codes."""
        domain = self.town.domain(domain_id)
        self.town.leave(domain, self.town.member(domain, user_id).id)
        return Answer(200)

    def get_token(self, _request: Recorded, domain_id: str, user_id: str) -> Answer:
        """Return a token; its code only while it is pending."""
        domain = self.town.domain(domain_id)
        token = domain.tokens.get(self.town.member(domain, user_id).id)
        if token is None:
            raise not_found("token")
        return Answer(200, token.shown())

    def put_token(self, _request: Recorded, domain_id: str, user_id: str) -> Answer:
        """Make a token; nothing happens if there is one."""
        token, made = self.town.put_token(self.town.domain(domain_id), user_id)
        self.ledger.counts["tokens"] += made
        return Answer(200, token.shown())

    def delete_token(self, _request: Recorded, domain_id: str, user_id: str) -> Answer:
        """Revoke a token, and annul the code of a pending one."""
        domain = self.town.domain(domain_id)
        if domain.tokens.pop(self.town.member(domain, user_id).id, None) is None:
            raise not_found("token")
        return Answer(200)

    def create_user(self, request: Recorded) -> Answer:
        """Make a user; a name is there once."""
        body = parsed(request)
        if not isinstance(body, dict) or not body.get("username"):
            raise Refusal(400, "badrequest")
        if any(user.username == body["username"] for user in self.town.users.values()):
            raise Refusal(400, "user.exists")
        return Answer(200, self.shown(self.made(body)))

    def made(self, body: dict[str, Any]) -> User:
        """Make a user out of what was sent."""
        user = self.town.add_user(body["username"])
        user.name, user.email = body.get("name", ""), body.get("email", "")
        return user

    def find_users(self, request: Recorded) -> Answer:
        """Return the user of a name as one object, or a page of all as an array: one path, two types."""
        name = request.query.get("username")
        if name is not None:
            return Answer(200, self.shown(self.town.user_named(name)))
        everybody = [self.shown(user) for user in self.town.users.values()]
        return Answer(200, self.town.page(everybody, request.query.get("page", "1")))

    def get_user(self, _request: Recorded, user_id: str) -> Answer:
        """Return a user."""
        return Answer(200, self.shown(self.town.user(user_id)))

    def update_user(self, request: Recorded, user_id: str) -> Answer:
        """Change name or address; the user name stays."""
        user, body = self.town.user(user_id), parsed(request)
        user.name, user.email = body.get("name", user.name), body.get("email", user.email)
        return Answer(200, self.shown(user))

    def delete_user(self, _request: Recorded, user_id: str) -> Answer:
        """Remove a user everywhere."""
        for domain in self.town.domains.values():
            self.town.leave(domain, self.town.user(user_id).id)
        del self.town.users[user_id]
        return Answer(200)

    def shown(self, user: User) -> dict[str, Any]:
        """Return a user as the API shows it; ``hardware`` is always there."""
        about = {"id": user.id, "username": user.username, "email": user.email, "name": user.name}
        domains = [domain.id for domain in self.town.domains.values() if user.id in domain.members]
        codes = [code.id for code in self.town.bypass_codes.values() if code.user == user.id]
        return {**about, "domains": domains, "bypasscodes": codes, "hardware": user.hardware}

    def create_bypass(self, request: Recorded, user_id: str) -> Answer:
        """Make a bypass code."""
        body = parsed(request)
        user = self.town.user(user_id)
        made = self.town.make_bypass(user, body.get("usesAllowed", 1), body.get("expirationTime", 0))
        return Answer(200, self.shown_bypass(made))

    def list_bypass(self, _request: Recorded, user_id: str) -> Answer:
        """Return a user's bypass codes."""
        user = self.town.user(user_id)
        codes = self.town.bypass_codes.values()
        return Answer(200, [self.shown_bypass(code) for code in codes if code.user == user.id])

    def delete_all_bypass(self, _request: Recorded, user_id: str) -> Answer:
        """Make all codes of a user worthless."""
        user = self.town.user(user_id)
        for code in [code for code in self.town.bypass_codes.values() if code.user == user.id]:
            del self.town.bypass_codes[code.id]
        return Answer(200)

    def get_bypass(self, _request: Recorded, code_id: str) -> Answer:
        """Return one code."""
        return Answer(200, self.shown_bypass(found(self.town.bypass_codes, code_id, "bypasscode")))

    def delete_bypass(self, _request: Recorded, code_id: str) -> Answer:
        """Make one code worthless."""
        del self.town.bypass_codes[found(self.town.bypass_codes, code_id, "bypasscode").id]
        return Answer(200)

    def shown_bypass(self, code: BypassCode) -> dict[str, Any]:
        """Return a code as the API shows it."""
        about = {"id": code.id, "code": code.code, "dtExpiry": self.town.expiry(code), "user": code.user}
        return {**about, "usesAllowed": code.uses, "usesRemaining": code.left}

    def create_hardware(self, request: Recorded) -> Answer:
        """Make a hardware token; its seed is never shown again."""
        body = parsed(request)
        if body.get("type") not in ("TOTP6", "TOTP8") or body.get("timeStep") not in ("30", "60"):
            raise Refusal(400, "badrequest")
        made = {key: body.get(key, "") for key in HARDWARE_KEYS} | {"id": self.town.new_id()}
        made |= {"timeStep": f"{body['timeStep']}s", "syncState": "Never Used", "user": ""}
        self.town.hardware[made["id"]] = made
        return Answer(200, made)

    def list_hardware(self, request: Recorded) -> Answer:
        """Return a page of all hardware tokens."""
        return Answer(200, self.town.page(list(self.town.hardware.values()), request.query.get("page", "1")))

    def get_hardware(self, _request: Recorded, hardware_id: str) -> Answer:
        """Return one hardware token."""
        return Answer(200, found(self.town.hardware, hardware_id, "hardware"))

    def update_hardware(self, request: Recorded, hardware_id: str) -> Answer:
        """Change the alias."""
        one = found(self.town.hardware, hardware_id, "hardware")
        one["alias"] = parsed(request).get("alias", one["alias"])
        return Answer(200, one)

    def delete_hardware(self, _request: Recorded, hardware_id: str) -> Answer:
        """Forget a hardware token."""
        one = found(self.town.hardware, hardware_id, "hardware")
        if one["user"]:
            self.town.user(one["user"]).hardware = ""
        del self.town.hardware[hardware_id]
        return Answer(200)

    def get_users_hardware(self, _request: Recorded, user_id: str) -> Answer:
        """Return the one hardware token of a user."""
        return Answer(200, found(self.town.hardware, self.town.user(user_id).hardware, "hardware"))

    def give_hardware(self, _request: Recorded, user_id: str, hardware_id: str) -> Answer:
        """Give a user a hardware token."""
        user, one = self.town.user(user_id), found(self.town.hardware, hardware_id, "hardware")
        user.hardware, one["user"] = hardware_id, user.id
        return Answer(200)

    def take_hardware(self, _request: Recorded, user_id: str) -> Answer:
        """Take a user's hardware token back."""
        user = self.town.user(user_id)
        found(self.town.hardware, user.hardware, "hardware")["user"] = ""
        user.hardware = ""
        return Answer(200)


def found(things: dict[str, Any], key: str, what: str) -> Any:
    """Return what has this id."""
    if key not in things:
        raise not_found(what)
    return things[key]


def parsed(request: Recorded) -> Any:
    """Read JSON, whatever type the request says that it is."""
    try:
        return request.json()
    except ValueError:
        raise Refusal(400, "badrequest") from None
