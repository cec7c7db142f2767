"""The exact texts that a terminal device signs; no key, no I/O."""

import base64
import hashlib

FINGERPRINT_ALPHABET = "23456789abcdefghjkmnpqrstvwxyz"
"""The characters of activation codes: none is easily taken for another."""


def base64url(data: bytes) -> str:
    """Encode without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def decision_message(session: str, device: str, decision: str, nonce: str, ctx: str, number: str = "") -> bytes:
    """Return what a decision signs: seven fields, of which the hash is taken of ``ctx`` as it was shown."""
    return _lines("decision.v1", session, device, decision, nonce, _digest(ctx.encode()), number)


def request_message(device: str, method: str, target: str, timestamp: int, body: bytes) -> bytes:
    """Return what the ``Authorization`` header of a request signs; ``target`` is path and query as sent."""
    return _lines("request.v1", device, method, target, str(timestamp), _digest(body))


def activation_message(code: str, public_key: bytes) -> bytes:
    """Return what proves, at activation, that the sender holds the key (65 bytes, uncompressed point)."""
    return _lines("activate.v1", code, _digest(public_key))


def fingerprint(public_key: bytes) -> str:
    """Return four characters by which a person tells two keys apart."""
    digest = hashlib.sha256(public_key).digest()
    return "".join(FINGERPRINT_ALPHABET[byte % len(FINGERPRINT_ALPHABET)] for byte in digest[:4])


def normal_code(typed: str) -> str:
    """Lower-case an activation code and drop the blanks and hyphens that people type into it."""
    return "".join(typed.lower().split()).replace("-", "")


def _digest(data: bytes) -> str:
    return base64url(hashlib.sha256(data).digest())


def _lines(*fields: str) -> bytes:
    # A line feed inside a field would let one signed text be read as another.
    if any("\n" in field for field in fields):
        raise ValueError("a signed field holds a line feed")
    return "\n".join(fields).encode()
