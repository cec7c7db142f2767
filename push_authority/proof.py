"""What a device signs, byte by byte, and how a signature is checked (docs/authority.md)."""

import base64
import binascii
import hashlib
import json
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

SIGNATURE_LENGTH = 64
DECISIONS = ("approved", "denied", "denied.unknown_trigger", "denied.cancelled")
FINGERPRINT_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"

# The generator of P-256: a real key that no device has. Checking against it costs what any check costs.
NOBODY = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


@dataclass(frozen=True, slots=True)
class SignedDecision:
    """One decision as a device made it: the fields that are signed, in order, and the signature."""

    session: str
    device: str
    decision: str
    nonce: str
    ctx: str
    number: str = field(repr=False)
    signature: bytes

    def message(self) -> bytes:
        """Return the bytes that the device signed."""
        fields = ["decision.v1", self.session, self.device, self.decision, self.nonce, sha256_text(self.ctx.encode())]
        return "\n".join([*fields, self.number]).encode()

    def proof(self, public_key: bytes) -> str:
        """Return the proof as JSON, for whoever wants to check the decision without believing us."""
        proof = {
            "v": 1,
            "session": self.session,
            "decision": self.decision,
            "nonce": self.nonce,
            "number": self.number,
            "ctx": self.ctx,
            "device_id": self.device,
            "kind": "key",
            "alg": "ES256",
            "public_key": encode(public_key),
            "sig": encode(self.signature),
        }
        return json.dumps(proof, separators=(",", ":"), ensure_ascii=False)


def activation_message(code: str, public_key: bytes) -> bytes:
    """Return what a new device signs: the code and its own key, so that neither can be exchanged."""
    return "\n".join(["activate.v1", code, sha256_text(public_key)]).encode()


def request_message(device: str, method: str, target: str, ts: str, body: bytes) -> bytes:
    """Return what a device signs to read its sessions; ``target`` is path and query as sent."""
    return "\n".join(["request.v1", device, method, target, ts, sha256_text(body)]).encode()


def verifies(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether an ES256 signature (r then s, 64 bytes) is this key's over this message."""
    if len(signature) != SIGNATURE_LENGTH:
        return False
    r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
    key = EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public_key)
    try:
        key.verify(encode_dss_signature(r, s), message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def public_point(x: str, y: str) -> bytes | None:
    """Return the 65-byte public key of a JWK's coordinates; None if they are no point of P-256."""
    point_x, point_y = decode(x, 32), decode(y, 32)
    if point_x is None or point_y is None:
        return None
    point = b"\x04" + point_x + point_y
    try:
        EllipticCurvePublicKey.from_encoded_point(SECP256R1(), point)
    except ValueError:
        return None
    return point


def fingerprint(public_key: bytes) -> str:
    """Return the four characters that a person compares on the phone and where the enrolment began."""
    return "".join(FINGERPRINT_ALPHABET[byte % 30] for byte in hashlib.sha256(public_key).digest()[:4])


def sha256_text(data: bytes) -> str:
    """Return the SHA-256 of some bytes in base64url."""
    return encode(hashlib.sha256(data).digest())


def encode(data: bytes) -> str:
    """Write bytes as unpadded base64url."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text: str, length: int) -> bytes | None:
    """Read unpadded base64url of exactly ``length`` bytes in its one canonical spelling; None for anything else."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    # A second spelling of the same bytes would be a second name for one key or signature.
    return data if len(data) == length and encode(data) == text else None
