"""Devices and sessions for tests of the terminal device."""

import base64
import json
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from typing_extensions import override

from pushgate.cli.device_api import TerminalDevice
from pushgate.cli.device_key import DeviceKey
from pushgate.cli.device_messages import fingerprint
from pushgate.clock import FakeClock
from tests.support.scripted_authority import Answer, ScriptedAuthority

DEVICE_ID = "8c184f495a5b7b6e9ed732f2ce3c67e310806f38"
SESSION_ID = "fcbdc4c271c889825d8338d2d8f10b6e5e95c171"
NONCE = "AAECAwQFBgcICQoLDA0ODw"


def context(**changes: Any) -> dict[str, Any]:
    """Return what the authority says of an ssh login; a value of None removes a key."""
    whole = {
        "v": 1,
        "authority": "auth.example.org",
        "domain": "default",
        "user": "alice",
        "service": "sshd",
        "host": "web1",
        "account": "",
        "command": "",
        "tty": "",
        "ip": "203.0.113.7",
        "origin_kind": "pam",
        "attributes": [{"key": "IP Address", "value": "203.0.113.7"}, {"key": "Host", "value": "web1"}],
        "created": 1795298000,
        "expires": 1795298090,
        "number_required": False,
        "client_nonce": NONCE,
        "client": "default",
        **changes,
    }
    return {key: value for key, value in whole.items() if value is not None}


def session(identity: str = SESSION_ID, ctx: str | None = None, **changes: Any) -> dict[str, Any]:
    """Return a session as ``GET /device/v1/sessions`` lists it."""
    return {
        "id": identity,
        "ctx": json.dumps(context()) if ctx is None else ctx,
        "nonce": NONCE,
        "state": "pending",
        "expires_in": 57.3,
        "number_required": False,
        "min_assurance": 2,
        "waiting": {"count": 0, "from": []},
        **changes,
    }


def linked_device(server: str) -> TerminalDevice:
    """Return a device that needs no enrolment, on a clock that stands still."""
    return TerminalDevice(server, DEVICE_ID, "alice", "default", "test", DeviceKey.generate(), FakeClock())


def verify(point: bytes, signature: str, message: bytes) -> None:
    """Check an ES256 signature (64 bytes, base64url) independently of the code under test.

    Raises:
        cryptography.exceptions.InvalidSignature: if it is not right.
    """
    raw = base64.urlsafe_b64decode(signature + "==")
    assert len(raw) == 64
    key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    key.verify(
        encode_dss_signature(int.from_bytes(raw[:32]), int.from_bytes(raw[32:])), message, ec.ECDSA(hashes.SHA256())
    )


def fake_now() -> int:
    """Return the time of day of a ``FakeClock`` that has not been moved, in unix seconds."""
    assert FakeClock().wall() == datetime(2026, 1, 1, tzinfo=UTC)
    return int(FakeClock().wall().timestamp())


class ActivationAnswer(Answer):
    """What a real authority answers to an activation: with the fingerprint of the key that it was sent."""

    def __init__(self, authority: ScriptedAuthority) -> None:
        super().__init__(200)
        self.authority = authority

    @override
    def content(self) -> bytes:
        jwk = self.authority.asked[-1].json()["jwk"]
        point = b"\x04" + b"".join(base64.urlsafe_b64decode(jwk[name] + "=") for name in ("x", "y"))
        answer = {"device_id": DEVICE_ID, "user": "alice", "domain": "default", "fingerprint": fingerprint(point)}
        return json.dumps(answer).encode()
