"""A synchronous client of the authority's integration plane, for the commands that manage people."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from pushgate.cli.unixhttp import UnixAdapter
from pushgate.errors import PushgateError
from pushgate.text import clean

NATIVE_TYPE = "application/vnd.pushgate.v1+json"
SECONDS = 10.0
MAX_BODY = 1024 * 1024


class AuthorityApi:
    """People and activation codes of one domain."""

    def __init__(self, url: str, key: str, domain: str, ca_file: Path | None = None) -> None:
        """Take where the API is, as in the configuration's ``provider`` section."""
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers.update({"Authorization": f'LoginTC key="{key}"', "Accept": NATIVE_TYPE})
        self.session.verify = str(ca_file) if ca_file else True
        if url.startswith("unix:"):
            self.session.mount("http://", UnixAdapter(url.removeprefix("unix:")))
            self.base = "http://localhost/api"
        else:
            self.base = url.rstrip("/") + "/api"
        self.domain = f"/domains/{quote(domain, safe='')}"
        self.where = url

    def add_user(self, username: str, name: str = "", email: str = "") -> dict[str, Any]:
        """Create a user, unless it exists, and make it a member of our domain; returns the user object."""
        user = self.find_user(username)
        if user is None:
            user = self.call("POST", "/users", {"username": username, "name": name or username, "email": email})
        self.call("PUT", f"{self.domain}/users/{user['id']}")
        return dict(user)

    def find_user(self, username: str) -> dict[str, Any] | None:
        """Return the user of that name, or None."""
        reply = self.send("GET", f"/users?username={quote(username, safe='')}", None)
        return None if reply.status_code == 404 else dict(self.read(reply))

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
        """Make an activation code for one more device of that user; ``code`` and ``expires_in`` (seconds)."""
        return dict(self.call("PUT", f"{self.domain}/users/{quote(user_id, safe='')}/token"))

    def devices(self, user_id: str) -> list[dict[str, Any]]:
        """Return the user's devices that could answer: ``id``, ``label``, ``kind``, ``fingerprint``, ``created_at``."""
        reply = self.send("GET", f"{self.domain}/users/{quote(user_id, safe='')}/token", None)
        return [] if reply.status_code == 404 else list(self.read(reply).get("devices", []))

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
        """Unlink all devices of the user, forget the seed, and annul an activation code that is not used yet."""
        self.call("DELETE", f"{self.domain}/users/{quote(user_id, safe='')}/token")

    def remove_user(self, user_id: str) -> None:
        """Delete the user with all devices and codes."""
        self.call("DELETE", f"/users/{quote(user_id, safe='')}")

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request and return the JSON of its reply.

        Raises:
            PushgateError: if the authority cannot be reached or refuses.
        """
        return self.read(self.send(method, path, body))

    def send(self, method: str, path: str, body: Any) -> requests.Response:
        """Send one request; never follows a redirect with our key."""
        try:
            return self.session.request(
                method,
                self.base + path,
                data=None if body is None else json.dumps(body),
                headers={} if body is None else {"Content-Type": "application/json"},
                timeout=SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise PushgateError(
                f"the authority at {self.where} cannot be reached ({type(error).__name__})",
                "is pushgate serve running?",
            ) from None

    def read(self, reply: requests.Response) -> Any:
        """Return the JSON of a 2xx reply; anything else is an error with the authority's own words."""
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
        raise PushgateError(f"the authority refused: HTTP {reply.status_code} {words}".rstrip(), hint)

    def close(self) -> None:
        """Close connections."""
        self.session.close()
