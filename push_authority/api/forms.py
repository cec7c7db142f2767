"""How values look on the wire of the integration plane: LoginTC's bytes and our native form."""

import json
import math
import struct
import zlib
from typing import Any

from aiohttp import web

from push_authority.apikeys import ApiKey
from push_authority.devices import Device
from push_authority.errors import not_found
from push_authority.people import Domain, Person
from push_authority.sessions import Session

from .exchange import IDENTITY

V1_TYPE = "application/vnd.logintc.v1+json"
NATIVE_TYPE = "application/vnd.pushgate.v1+json"
CODE_ASSURANCE = {"bypass": 0, "totp": 1, "code": 0}
CALLER = web.RequestKey("caller", ApiKey)


def answer_type(request: web.Request) -> str:
    """Return the media type of the answer: ours for who names it, LoginTC's for everything else and for nothing."""
    accepted = [item.partition(";")[0].strip().lower() for item in request.headers.get("Accept", "").split(",")]
    return NATIVE_TYPE if NATIVE_TYPE in accepted else V1_TYPE


def wants_native(request: web.Request) -> bool:
    """Whether the caller asks for our own form."""
    return answer_type(request) == NATIVE_TYPE


def reply(request: web.Request, body: bytes = b"") -> web.Response:
    """Answer 200: LoginTC's clients take nothing else for a success, not even 204."""
    return web.Response(body=body, headers={"Content-Type": answer_type(request)})


def path_id(request: web.Request, name: str, what: str) -> str:
    """Return an id of the path.

    Raises:
        ApiError: it has not the form of an id, so there is no such thing.
    """
    value = request.match_info[name]
    if not IDENTITY.fullmatch(value):
        raise not_found(what)
    return value


def v1_session(session: Session, now: float) -> bytes:
    """Return exactly two keys, ``id`` first, no blank, no line end: logintc-c cuts this text by byte positions."""
    return v1_session_of(session.id, session.v1_state(now))


def v1_session_of(session_id: str, state: str) -> bytes:
    """Return a session body of LoginTC's form."""
    return f'{{"id":"{session_id}","state":"{state}"}}'.encode()


def native_session(session: Session, now: float, number: str | None = None) -> bytes:
    """Return all that the asking host may know; times in seconds since 1970.

    ``number`` is given for the answer to a create that had it drawn, and for nothing else.
    """
    proof = session.proof
    return to_json(
        {
            "id": session.id,
            "state": session.state(now),
            "reason": session.reason(now),
            "created_at": math.floor(session.created),
            "expires_at": math.floor(session.expires),
            "expires_in": max(0.0, round(session.expires - now, 3)),
            "number": number,
            "methods": ["device", "number"] if session.number else [session.method],
            "assurance": assurance(session) if proof or session.stored_state == "approved" else None,
            "consumed": session.consumed,
            "proof": json.loads(proof) if proof else None,
        }
    )


def assurance(session: Session) -> int:
    """Return how sure an approval is.

    0 a bypass code, which may have come by mail; 1 a code that whoever hears it can use; 2 the key of a device; 3 such
    a key and the number of the place of the login.
    """
    return CODE_ASSURANCE.get(session.method, 3 if session.number else 2)


def person_object(person: Person) -> dict[str, Any]:
    """Return a user; ``domains`` and ``hardware`` are always there, or LoginTC's PHP client returns null."""
    return {
        "id": person.id,
        "username": person.username,
        "email": person.email,
        "name": person.name,
        "domains": list(person.domains),
        "hardware": "",
    }


def domain_object(domain: Domain, request_timeout: int) -> dict[str, Any]:
    """Return a domain with all nine fields; LoginTC's Java client throws if one is missing."""
    return {
        "id": domain.id,
        "name": domain.name,
        "type": "RADIUS",
        "keyType": "PIN",
        "maxAllowedRetries": 5,
        "requestTimeout": request_timeout,
        "activationCodeExpiration": 1,
        "requestPollingEnabled": True,
        "bypassEnabled": True,
    }


def device_object(device: Device) -> dict[str, Any]:
    """Return a device as the administrator sees it."""
    return {
        "id": device.id,
        "label": device.label,
        "kind": device.kind,
        "fingerprint": device.fingerprint,
        "created_at": math.floor(device.created),
    }


def to_json(value: Any) -> bytes:
    """Write compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def plain_png(side: int = 64, colour: tuple[int, int, int] = (0x14, 0x71, 0x3D)) -> bytes:
    """Draw a square of one colour: the image of a domain that has none of its own."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = (b"\x00" + bytes(colour) * side) * side
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
