"""A running authority and a device that signs, for tests that need them for real."""

import asyncio
import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pyotp
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from push_authority.clock import Clock
from push_authority.server import Authority, AuthorityOptions

V1 = "application/vnd.logintc.v1+json"
NATIVE = "application/vnd.pushgate.v1+json"


@dataclass(frozen=True)
class Reply:
    """One HTTP answer, read to its end."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The first error's code, without its prefix."""
        return self.json["errors"][0]["code"].removeprefix("api.error.")


@dataclass
class RunningAuthority:
    """A real authority on free loopback ports and a unix socket, with its keys at hand."""

    authority: Authority
    options: AuthorityOptions
    http: aiohttp.ClientSession
    devices: list["SigningDevice"] = field(default_factory=list)

    @property
    def page_url(self) -> str:
        """Where the public plane is."""
        return self.authority.page_url

    @property
    def api_url(self) -> str:
        """Where the integration plane is."""
        return f"http://127.0.0.1:{self.authority.listen_port}/api"

    @property
    def api_key(self) -> str:
        """The key that the first start made."""
        return (self.options.folder / "api.key").read_text()

    @property
    def domain_id(self) -> str:
        """The domain that the first start made."""
        return (self.options.folder / "domain.id").read_text()

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        accept: str = V1,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        """Call the integration plane; a body that is not bytes is sent as JSON. ``{d}`` is the domain's id."""
        sent = {"Accept": accept, "Authorization": f'LoginTC key="{key or self.api_key}"', **(headers or {})}
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        return await fetch(self.http, method, self.api_url + path.replace("{d}", self.domain_id), data, sent)

    async def add_user(self, username: str = "alice") -> tuple[str, str]:
        """Make a user of the domain; return the user's id and an activation code."""
        user = (await self.call("POST", "/users", {"username": username, "name": "", "email": ""})).json["id"]
        await self.call("PUT", f"/domains/{{d}}/users/{user}")
        return user, await self.new_code(user)

    async def new_code(self, user: str) -> str:
        """Return an activation code for one more device of a user."""
        return (await self.call("PUT", f"/domains/{{d}}/users/{user}/token", accept=NATIVE)).json["code"]

    async def enrol(self, username: str = "alice") -> "SigningDevice":
        """Make a user with one device."""
        _, code = await self.add_user(username)
        return await self.enrol_code(code)

    async def enrol_code(self, code: str) -> "SigningDevice":
        """Activate a device with a code."""
        device = SigningDevice(self.page_url, self.http)
        await device.activate(code)
        return device

    async def ask(self, username: str = "alice", *, native: bool = False, **more: Any) -> str:
        """Begin a session; return its id."""
        body = {"user": {"username": username}, **more}
        reply = await self.call("POST", "/domains/{d}/sessions", body, accept=NATIVE if native else V1)
        assert reply.status == 200, reply
        return reply.json["id"]

    async def type_code(self, code: str, username: str = "alice", *, key: str = "otp", **more: Any) -> Any:
        """Begin a session with a typed code; return its native form."""
        body = {"user": {"username": username}, key: code, **more}
        reply = await self.call("POST", "/domains/{d}/sessions", body, accept=NATIVE)
        assert reply.status == 200, reply
        return reply.json

    async def user_id(self, username: str = "alice") -> str:
        """Return the id of a user."""
        return (await self.call("GET", f"/users?username={username}")).json["id"]

    async def bypass_code(self, username: str = "alice", **options: int) -> dict[str, Any]:
        """Make a bypass code; return LoginTC's object."""
        return (await self.call("POST", f"/users/{await self.user_id(username)}/bypasscodes", options)).json

    async def enrol_totp(self, username: str = "alice") -> str:
        """Give a user an active seed, whose code of this moment has not been used."""
        await early_in_step()
        path = f"/domains/{{d}}/users/{await self.user_id(username)}/totp"
        seed = (await self.call("PUT", path)).json["secret"]
        # The code of the step before: the present one stays usable.
        first = pyotp.TOTP(seed).at(time.time() - 30)
        assert (await self.call("POST", f"{path}/confirm", {"code": first})).status == 200
        return seed

    async def state(self, session: str, query: str = "") -> str:
        """Read the native state of a session."""
        return (await self.call("GET", f"/domains/{{d}}/sessions/{session}{query}", accept=NATIVE)).json["state"]


class DeviceKey:
    """A P-256 key that signs as devices do; ``id`` is set once it is enrolled."""

    def __init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = ""

    @property
    def public_key(self) -> bytes:
        """The 65-byte public key."""
        return self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def sign(self, *fields: str) -> str:
        """Sign fields that are joined by one line feed; r then s, 64 bytes."""
        r, s = decode_dss_signature(self.key.sign("\n".join(fields).encode(), ec.ECDSA(SHA256())))
        return b64(r.to_bytes(32, "big") + s.to_bytes(32, "big"))

    def decision_signature(self, session: str, decision: str, nonce: str, ctx: str, number: str = "") -> str:
        """Sign a decision over what is shown."""
        shown = b64(hashlib.sha256(ctx.encode()).digest())
        return self.sign("decision.v1", session, self.id, decision, nonce, shown, number)


class SigningDevice(DeviceKey):
    """A device with its own key, as the page and the terminal are."""

    def __init__(self, page_url: str, http: aiohttp.ClientSession) -> None:
        super().__init__()
        self.page_url = page_url
        self.http = http
        self.clock_offset = 0

    def activation(self, code: str) -> dict[str, Any]:
        """Return the body of a call to activate."""
        point = self.public_key
        jwk = {"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}
        sig = self.sign("activate.v1", code, b64(hashlib.sha256(point).digest()))
        return {"code": code, "jwk": jwk, "label": "test", "kind": "cli", "subscription": None, "sig": sig}

    async def activate(self, code: str) -> dict[str, Any]:
        """Enrol; afterwards ``id`` is set."""
        reply = await self.post("/device/v1/activate", self.activation(code))
        assert reply.status == 200, reply
        self.id = reply.json["device_id"]
        return reply.json

    def authorization(self, method: str, target: str, body: bytes = b"") -> str:
        """Return the header that signs a request."""
        ts = str(int(time.time()) + self.clock_offset)
        sig = self.sign("request.v1", self.id, method, target, ts, b64(hashlib.sha256(body).digest()))
        return f'Pushgate-Device id="{self.id}", ts="{ts}", sig="{sig}"'

    async def get(self, target: str) -> Reply:
        """Read something with a signed request."""
        return await fetch(
            self.http, "GET", self.page_url + target, None, {"Authorization": self.authorization("GET", target)}
        )

    async def delete(self, target: str) -> Reply:
        """Delete something with a signed request."""
        headers = {"Authorization": self.authorization("DELETE", target)}
        return await fetch(self.http, "DELETE", self.page_url + target, None, headers)

    async def post_signed(self, target: str, body: Any) -> Reply:
        """Send JSON with a signed request."""
        data = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Authorization": self.authorization("POST", target, data)}
        return await fetch(self.http, "POST", self.page_url + target, data, headers)

    async def post(self, target: str, body: Any) -> Reply:
        """Send JSON."""
        headers = {"Content-Type": "application/json"}
        return await fetch(self.http, "POST", self.page_url + target, json.dumps(body).encode(), headers)

    async def sessions(self) -> list[dict[str, Any]]:
        """Return what can be answered now."""
        reply = await self.get("/device/v1/sessions")
        assert reply.status == 200, reply
        return reply.json["sessions"]

    async def session(self, session_id: str) -> dict[str, Any]:
        """Return one session."""
        return (await self.get(f"/device/v1/sessions/{session_id}")).json

    def decision(self, session: dict[str, Any], decision: str, number: str = "") -> dict[str, Any]:
        """Return the signed body of a decision over what ``session`` shows."""
        sig = self.decision_signature(session["id"], decision, session["nonce"], session["ctx"], number)
        return {"device_id": self.id, "decision": decision, "number": number, "sig": sig, "via": "cli"}

    async def decide(self, session: dict[str, Any] | str, decision: str, number: str = "") -> Reply:
        """Decide a session, given as the device API shows it or by its id."""
        shown = await self.session(session) if isinstance(session, str) else session
        return await self.post(f"/device/v1/sessions/{shown['id']}/decision", self.decision(shown, decision, number))

    @asynccontextmanager
    async def events(self) -> AsyncIterator[AsyncIterator[tuple[str, Any]]]:
        """Open the event stream; yields an iterator of event names and their data (``ka`` for a heartbeat)."""
        target = "/device/v1/events"
        headers = {"Authorization": self.authorization("GET", target)}
        async with self.http.get(self.page_url + target, headers=headers) as response:
            assert response.status == 200
            yield read_events(response)


async def early_in_step() -> None:
    """Wait, near the end of a TOTP step, for the next one: what a test computes now must be right when it arrives."""
    left = 30 - time.time() % 30
    if left < 4:
        await asyncio.sleep(left)


async def read_events(response: aiohttp.ClientResponse) -> AsyncIterator[tuple[str, Any]]:
    """Split a stream of server-sent events."""
    event = ""
    async for line in response.content:
        text = line.decode().rstrip("\n")
        if text.startswith("event: "):
            event = text.removeprefix("event: ")
        elif text.startswith("data: "):
            yield event, json.loads(text.removeprefix("data: "))
        elif text.startswith(": "):
            yield text.removeprefix(": "), None


async def fetch(
    http: aiohttp.ClientSession, method: str, url: str, data: bytes | None, headers: dict[str, str]
) -> Reply:
    """Make one request."""
    async with http.request(method, url, data=data, headers=headers, allow_redirects=False) as response:
        return Reply(response.status, dict(response.headers), await response.read())


def b64(data: bytes) -> str:
    """Write unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def options_for(folder: Path, **changes: Any) -> AuthorityOptions:
    """Return options for an authority on free ports, with everything below ``folder``."""
    options = AuthorityOptions(
        folder=folder / "authority",
        socket=folder / "authority.sock",
        listen=("127.0.0.1", 0),
        page=("127.0.0.1", 0),
        organization="Example Org",
        domain="Staff",
        request_timeout=60,
    )
    return replace(options, **changes)


@asynccontextmanager
async def running_authority(
    folder: Path, clock: Clock | None = None, **changes: Any
) -> AsyncIterator[RunningAuthority]:
    """Run an authority for as long as the block lasts; ``changes`` are fields of ``AuthorityOptions``."""
    options = options_for(folder, **changes)
    authority = await Authority.start(options, clock)
    connector = aiohttp.TCPConnector(limit=0)
    try:
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as http:
            yield RunningAuthority(authority, options, http)
            # Let aiohttp close what it has been told to close: an open transport is a warning, and so an error.
            await asyncio.sleep(0)
    finally:
        await authority.stop()
