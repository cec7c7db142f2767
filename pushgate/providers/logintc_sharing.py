"""How daemons that are asked about the same login come to share one session, and each may claim its approval.

A NAS that hears nothing sends the same login to its second server. Both daemons then hold the same join key and derive
from it, without talking to each other, the same body, the same ``Idempotency-Key`` and the same consumer. The key is
also derived from the body: two bodies that differ after all are two sessions, not a conflict.
"""

import base64
import hmac
import json
import secrets
from typing import Any

BYTES = 16
"""Of a nonce and of a consumer's name (docs/authority.md)."""


def client_nonce(join_key: bytes | None) -> str:
    """Return the nonce of a create: for a shared login derived, otherwise random."""
    return encode(secrets.token_bytes(BYTES) if join_key is None else derive(join_key, b"nonce")[:BYTES])


def idempotency_key(join_key: bytes, body: Any) -> str:
    """Return the key under which the server finds the session again; 43 characters, and says nothing of the login."""
    return encode(derive(join_key, b"create\n" + json.dumps(body, sort_keys=True).encode()))


def consumer(join_key: bytes | None, session_id: str) -> str:
    """Return the name under which an approval is claimed: one for all daemons that share the login."""
    if join_key is None:
        return encode(secrets.token_bytes(BYTES))
    return encode(derive(join_key, b"consume\n" + session_id.encode())[:BYTES])


def derive(join_key: bytes, purpose: bytes) -> bytes:
    """Return 32 bytes that differ for each purpose."""
    return hmac.digest(join_key, b"pushgate logintc\n" + purpose, "sha256")


def encode(data: bytes) -> str:
    """Write bytes as unpadded base64url."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")
