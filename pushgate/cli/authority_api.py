"""A synchronous client of LoginTC's API, for the commands that manage people at our authority or in LoginTC's cloud.

Which of the two answers is what ``/api/ping`` says. The cloud has users, members of a domain, one token a user and
bypass codes; it has neither lists of devices nor seeds of one-time codes, and does not know our own media type.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from pushgate.cli.unixhttp import UnixAdapter
from pushgate.errors import PushgateError
from pushgate.text import clean

V1_TYPE = "application/vnd.logintc.v1+json"
NATIVE_TYPE = "application/vnd.pushgate.v1+json"
SECONDS = 10.0
MAX_BODY = 1024 * 1024


class AuthorityApi:
    """People, activation codes and bypass codes of one domain."""

    def __init__(self, url: str, key: str, domain: str, ca_file: Path | None = None) -> None:
        """Take where the API is, as in the configuration's ``provider`` section."""
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"Authorization": f'LoginTC key="{key}"'})
        self.session.verify = str(ca_file) if ca_file else True
        if url.startswith("unix:"):
            self.session.mount("http://", UnixAdapter(url.removeprefix("unix:")))
            self.base = "http://localhost/api"
        else:
            self.base = url.rstrip("/") + "/api"
        self.domain = f"/domains/{quote(domain, safe='')}"
        self.where = url
        self.met: bool | None = None

    @property
    def own(self) -> bool:
        """Whether this is our own authority, as the server says itself; LoginTC's cloud otherwise.

        Raises:
            PushgateError: if the server cannot be reached or refuses.
        """
        if self.met is None:
            body = self.read(self.request("GET", "/ping", None, V1_TYPE))
            features = body.get("features") if isinstance(body, dict) else None
            self.met = isinstance(features, list) and "consume" in features
        return self.met

    def require_own(self, problem: str, hint: str) -> None:
        """Refuse what LoginTC's cloud has no call for.

        Raises:
            PushgateError: if this is LoginTC's cloud.
        """
        if not self.own:
            raise PushgateError(f"LoginTC's cloud {problem}", hint)

    def add_user(self, username: str, name: str = "", email: str = "") -> dict[str, Any]:
        """Create a user, unless it exists, and make it a member of our domain; returns the user object."""
        user = self.find_user(username)
        if user is None:
            user = self.call("POST", "/users", {"username": username, "name": name or username, "email": email})
        self.call("PUT", f"{self.domain}/users/{user['id']}")
        return dict(user)

    def find_user(self, username: str) -> dict[str, Any] | None:
        """Return the user of exactly that name, or None."""
        reply = self.send("GET", f"/users?username={quote(username, safe='')}", None)
        if reply.status_code == 404:
            return None
        user = self.read(reply)
        return dict(user) if isinstance(user, dict) and user.get("username") == username else None

    def require_user(self, username: str) -> dict[str, Any]:
        """Return the user of that name.

        Raises:
            PushgateError: if there is none.
        """
        user = self.find_user(username)
        if user is None:
            raise PushgateError(f"no user {clean(username, 64)!r}", f"pushgate user add {clean(username, 64)}")
        return user

    def users(self) -> list[dict[str, Any]]:
        """Return all members of our domain."""
        found: list[dict[str, Any]] = []
        page = 1
        while batch := self.call("GET", f"{self.domain}/users?page={page}"):
            known = {user["id"] for user in found}
            fresh = [user for user in batch if user["id"] not in known]
            if not fresh:
                break  # a server that ignores page= would send the first one for ever
            found += fresh
            page += 1
        return found

    def activation_code(self, user_id: str) -> dict[str, Any]:
        """Make an activation code of that user; ``code`` and, at our authority, ``expires_in`` (seconds).

        Our authority gives one for each further device. LoginTC gives one token: the same code until it is used.

        Raises:
            PushgateError: if LoginTC's token is active, so that there is no code.
        """
        token = dict(self.call("PUT", self.token_path(user_id)))
        if not token.get("code"):
            hint = "pushgate user revoke ends it; then pushgate user code makes a new one"
            raise PushgateError("the token is active already, and LoginTC gives one to each user", hint)
        return token

    def token(self, user_id: str) -> dict[str, Any] | None:
        """Return the user's token as it is: ``state``, and ``code`` while one waits; None if there is neither."""
        reply = self.send("GET", self.token_path(user_id), None)
        return None if reply.status_code == 404 else dict(self.read(reply))

    def token_path(self, user_id: str) -> str:
        """Return the path of a user's token."""
        return f"{self.domain}/users/{quote(user_id, safe='')}/token"

    def devices(self, user_id: str) -> list[dict[str, Any]]:
        """Return the user's devices that could answer: ``id``, ``label``, ``kind``, ``fingerprint``, ``created_at``."""
        self.require_own("lists no devices", "pushgate user code USER --show says whether a token is active")
        return list((self.token(user_id) or {}).get("devices", []))

    def begin_totp(self, user_id: str) -> dict[str, Any]:
        """Make a seed of one-time codes that waits for its first code; ``secret``, ``uri``, ``expires_in``."""
        return dict(self.call("PUT", self.totp(user_id)))

    def confirm_totp(self, user_id: str, code: str) -> bool:
        """Take the first code of a seed; False if it is not of it.

        Raises:
            PushgateError: if no seed waits.
        """
        reply = self.send("POST", f"{self.totp(user_id)}/confirm", {"code": code[:64]})
        if reply.status_code == 404:
            raise PushgateError("no seed waits for its first code", "make one: pushgate user totp USER")
        if reply.status_code == 400 and b"badcode" in reply.content:
            return False
        self.read(reply)
        return True

    def totp_since(self, user_id: str) -> float | None:
        """Return since when the user has one-time codes; None if there are none, or the server knows no seeds."""
        reply = self.send("GET", self.totp(user_id), None)
        since = None if reply.status_code == 404 else self.read(reply).get("active_since")
        return since if isinstance(since, int | float) else None

    def remove_totp(self, user_id: str) -> None:
        """Forget the user's seed."""
        reply = self.send("DELETE", self.totp(user_id), None)
        if reply.status_code == 404:
            raise PushgateError("this user has no one-time codes")
        self.read(reply)

    def totp(self, user_id: str) -> str:
        """Return the path of a user's seed."""
        self.require_own("makes no seeds", "people have codes in LoginTC's app; its panel keeps hardware tokens")
        return f"{self.domain}/users/{quote(user_id, safe='')}/totp"

    def create_bypass_code(self, user_id: str, uses: int, minutes: int) -> dict[str, Any]:
        """Make a bypass code; LoginTC's object, whose ``code`` is shown only now."""
        body = {"usesAllowed": uses, "expirationTime": minutes}
        return dict(self.call("POST", f"/users/{quote(user_id, safe='')}/bypasscodes", body))

    def bypass_codes(self, user_id: str) -> list[dict[str, Any]]:
        """Return what is known of the user's bypass codes."""
        return list(self.call("GET", f"/users/{quote(user_id, safe='')}/bypasscodes"))

    def revoke_bypass_code(self, code_id: str) -> None:
        """Make one bypass code worthless."""
        self.call("DELETE", f"/bypasscodes/{quote(code_id, safe='')}")

    def revoke(self, user_id: str) -> None:
        """Unlink all devices of the user, forget the seed, and annul an activation code that is not used yet.

        Raises:
            PushgateError: if LoginTC has no token that could be revoked.
        """
        reply = self.send("DELETE", self.token_path(user_id), None)
        if reply.status_code == 404 and not self.own:
            raise PushgateError("this user has no token in this domain", "pushgate user code USER --show")
        self.read(reply)

    def remove_user(self, user_id: str) -> None:
        """Delete the user with all devices and codes; from LoginTC's cloud only out of our domain.

        There the user may log in elsewhere, by domains that are none of this configuration's business.
        """
        whole = f"/users/{quote(user_id, safe='')}"
        self.call("DELETE", whole if self.own else self.domain + whole)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request and return the JSON of its reply.

        Raises:
            PushgateError: if the server cannot be reached or refuses.
        """
        return self.read(self.send(method, path, body))

    def send(self, method: str, path: str, body: Any) -> requests.Response:
        """Send one request in the form that the server understands."""
        return self.request(method, path, body, NATIVE_TYPE if self.own else V1_TYPE)

    def request(self, method: str, path: str, body: Any, accept: str) -> requests.Response:
        """Send one request; never follows a redirect with our key.

        Raises:
            PushgateError: if the server cannot be reached.
        """
        headers = {"Accept": accept} | ({} if body is None else {"Content-Type": "application/json"})
        try:
            return self.session.request(
                method,
                self.base + path,
                data=None if body is None else json.dumps(body),
                headers=headers,
                timeout=SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            local = self.where.startswith(("unix:", "http:"))
            raise PushgateError(
                f"the provider at {self.where} cannot be reached ({type(error).__name__})",
                "is pushgate serve running?" if local else "check provider.url and the network",
            ) from None

    def read(self, reply: requests.Response) -> Any:
        """Return the JSON of a 2xx reply; anything else is an error with the server's own words."""
        try:
            body = reply.json() if reply.content and len(reply.content) <= MAX_BODY else {}
        except ValueError:
            body = {}
        if 200 <= reply.status_code < 300:
            return body
        errors = body.get("errors") if isinstance(body, dict) else None
        first = errors[0] if isinstance(errors, list) and errors and isinstance(errors[0], dict) else {}
        words = clean(str(first.get("message", "")), 200)
        hint = "check api_key_file" if reply.status_code in (401, 403) else ""
        raise PushgateError(f"the provider refused: HTTP {reply.status_code} {words}".rstrip(), hint)

    def close(self) -> None:
        """Close connections."""
        self.session.close()
