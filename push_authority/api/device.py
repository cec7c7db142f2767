"""The device API: activate, read what is asked, decide, unlink (docs/authority.md)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from aiohttp import web

from push_authority import activation, numbers, people
from push_authority.activation import WrongCodes, normalize
from push_authority.devices import Device, NewDevice, find_device
from push_authority.errors import ApiError, bad_request, not_found
from push_authority.keeper import Answer, SessionKeeper, Shown
from push_authority.proof import (
    DECISIONS,
    NOBODY,
    SIGNATURE_LENGTH,
    activation_message,
    decode,
    public_point,
    request_message,
    verifies,
)
from push_authority.revocation import revoke_device
from push_authority.sealing import Sealer
from push_authority.sessions import WRONG_NUMBER, Session, State
from push_authority.store.base import Transaction
from push_authority.text import visible

from .exchange import IDENTITY, as_object, read_body, read_object, text_field
from .forms import assurance, path_id, to_json

log = structlog.get_logger()

AUTHORIZATION = re.compile(
    r'Pushgate-Device id="([0-9a-f]{40})", ?ts="([0-9]{1,12})", ?sig="([A-Za-z0-9_-]{86})"', re.ASCII
)
CLOCK_TOLERANCE = 120
"""Seconds that the clock of a device may be off."""

KINDS = ("page", "cli", "webpush")
VIAS = ("page", "action", "cli")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the authority says about itself to anybody."""

    authority: str
    name: str


class DeviceCalls:
    """What a device may ask of us."""

    def __init__(self, keeper: SessionKeeper, sealer: Sealer, identity: Identity) -> None:
        self.keeper = keeper
        self.sealer = sealer
        self.identity = identity
        self.wrong_codes = WrongCodes()

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""
        return [
            web.get("/device/v1/config", self.config),
            web.post("/device/v1/activate", self.activate),
            web.get("/device/v1/sessions", self.list),
            web.get("/device/v1/sessions/{session}", self.get),
            web.post("/device/v1/sessions/{session}/decision", self.decide),
            web.delete("/device/v1/self", self.unlink),
        ]

    async def config(self, request: web.Request) -> web.Response:
        """Say who we are."""
        about = {"authority": self.identity.authority, "name": self.identity.name}
        return answer({**about, "vapid": None, "languages": ["en"]})

    async def activate(self, request: web.Request) -> web.Response:
        """Exchange an activation code for a device."""
        keeper, source = self.keeper, request.remote or ""
        code, new = parse_activation(await read_object(request, keeper.clock))
        now = keeper.clock.now()
        device, person, domain = await keeper.store.transact(lambda tx: self.exchange(tx, now, source, code, new))
        about = {"user": person.username, "domain": domain.name, "fingerprint": device.fingerprint}
        return answer({"device_id": device.id, **about})

    def exchange(
        self, tx: Transaction, now: float, source: str, code: str | None, new: NewDevice
    ) -> tuple[Device, people.Person, people.Domain]:
        """Activate, and read whose device it has become; the store does one after the other, so none slips past."""
        self.wrong_codes.check(now, source)
        try:
            device = activation.activate(tx, self.sealer, now, code or "", new)
        except ApiError as error:
            if error.code == "notfound.code":
                self.wrong_codes.add(now, source)
                log.warning("activation_refused", source=source)
            raise
        return device, people.get_person(tx, device.user_id), people.get_domain(tx, device.domain_id)

    async def list(self, request: web.Request) -> web.Response:
        """Return what the person can answer now."""
        device = await authenticate(request, self.keeper)
        shown = await self.keeper.shown(device) or []
        now = self.keeper.clock.now()
        return answer({"sessions": [session_object(one, now) for one in shown]})

    async def get(self, request: web.Request) -> web.Response:
        """Return one session of the person, in whatever state."""
        device = await authenticate(request, self.keeper)
        session = await self.keeper.read(path_id(request, "session", "session"))
        if session is None or (session.user_id, session.domain_id) != (device.user_id, device.domain_id):
            raise not_found("session")
        now = self.keeper.clock.now()
        body = session_object(Shown(session, ()), now)
        return answer(body | {"queued": session.waits_its_turn and session.state(now) is State.PENDING})

    async def decide(self, request: web.Request) -> web.Response:
        """Take a signed decision; the signature inside it is all the authority that it needs."""
        session_id = path_id(request, "session", "session")
        sent = parse_answer(session_id, await read_object(request, self.keeper.clock))
        state = await self.keeper.decide(sent)
        body: dict[str, Any] = {"id": session_id, "state": state}
        if sent.decision == "approved" and state is State.DENIED:
            body["reason"] = WRONG_NUMBER
        return answer(body)

    async def unlink(self, request: web.Request) -> web.Response:
        """Forget the device that asks."""
        device, now = await authenticate(request, self.keeper), self.keeper.clock.now()
        self.keeper.announce(await self.keeper.store.transact(lambda tx: revoke_device(tx, now, device)))
        return answer({})


async def authenticate(request: web.Request, keeper: SessionKeeper) -> Device:
    """Return the device whose signature is on this request.

    Raises:
        ApiError: 401; with our time if that of the device is off, so that it can correct itself once.
    """
    body = await read_body(request, keeper.clock)
    match = AUTHORIZATION.fullmatch(request.headers.get("Authorization", ""))
    refusal = ApiError(401, "unauthorized", "not signed by a known device")
    if match is None:
        raise refusal
    wall = keeper.clock.wall()
    if abs(int(match[2]) - wall) > CLOCK_TOLERANCE:
        raise ApiError(401, "unauthorized", "signed at another time", extra={"now": int(wall)})
    signature = decode(match[3], SIGNATURE_LENGTH)
    device_id = match[1]
    device = await keeper.store.transact(lambda tx: find_device(tx, device_id))
    message = request_message(device_id, request.method, request.raw_path, match[2], body)
    valid = verifies(device.public_key if device else NOBODY, signature or b"", message)
    if device is None or not valid:
        raise refusal
    return device


def parse_activation(data: dict[str, Any]) -> tuple[str | None, NewDevice]:
    """Read a call to activate and check its signature; the code is None if it can be none.

    Raises:
        ApiError: 400 for a wrong form, 403 for a signature that is not of this key over this code.
    """
    typed = text_field(data, "code", 64, None)
    jwk = as_object(data.get("jwk"), "jwk")
    if jwk.get("kty") != "EC" or jwk.get("crv") != "P-256":
        raise bad_request("jwk must be a P-256 key")
    point = public_point(text_field(jwk, "x", 64, None), text_field(jwk, "y", 64, None))
    if point is None:
        raise bad_request("jwk must be a P-256 key")
    kind = text_field(data, "kind", 16, None)
    if kind not in KINDS:
        raise bad_request(f"kind must be one of {', '.join(KINDS)}")
    if data.get("subscription") is not None:
        raise bad_request("subscription must be null: Web Push is not served")
    code = normalize(typed)
    signature = decode(text_field(data, "sig", 128, None), SIGNATURE_LENGTH)
    if not verifies(point, signature or b"", activation_message(code or visible(typed), point)):
        raise ApiError(403, "forbidden", "the signature is not of this key over this code")
    return code, NewDevice(kind, visible(text_field(data, "label", 64)), point)


def parse_answer(session_id: str, data: dict[str, Any]) -> Answer:
    """Read a decision.

    Raises:
        ApiError: 400 for a wrong form; the signature is the keeper's business.
    """
    device_id = text_field(data, "device_id", 40, None)
    if not IDENTITY.fullmatch(device_id):
        raise bad_request("device_id must be 40 hexadecimal digits")
    decision = text_field(data, "decision", 32, None)
    if decision not in DECISIONS:
        raise bad_request(f"decision must be one of {', '.join(DECISIONS)}")
    number = text_field(data, "number", 8)
    if number and not numbers.is_number(number):
        raise bad_request("number must be two digits")
    via = text_field(data, "via", 8) or "page"
    if via not in VIAS:
        raise bad_request(f"via must be one of {', '.join(VIAS)}")
    signature = decode(text_field(data, "sig", 128, None), SIGNATURE_LENGTH)
    return Answer(session_id, device_id, decision, number, signature or b"", via)


def session_object(shown: Shown, now: float) -> dict[str, Any]:
    """Return a session as a device sees it; ``ctx`` is the exact text to show and to hash."""
    session: Session = shown.session
    return {
        "id": session.id,
        "ctx": session.ctx,
        "nonce": session.nonce,
        "state": session.state(now),
        "expires_in": max(0.0, round(session.expires - now, 3)),
        "number_required": session.number is not None,
        "min_assurance": assurance(session),
        "waiting": {"count": len(shown.waiting), "from": [origin for origin in shown.waiting if origin]},
    }


def answer(body: dict[str, Any]) -> web.Response:
    """Answer 200 with JSON."""
    return web.Response(body=to_json(body), headers={"Content-Type": "application/json"})
