"""Who may call the integration plane: API keys, of which only hashes are stored."""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from push_authority.store.base import Transaction

DEFAULT_KEY_NAME = "default"
AUTHORIZATION = re.compile(r'LoginTC key="([0-9A-Za-z]{64})"')


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One caller of the integration plane."""

    id: str
    name: str
    """Shown to the person as the client that asks."""
    hash: bytes
    decode_percent_username: bool
    """logintc-c writes ``a%40b`` for ``a@b`` inside its JSON; only its own agents are decoded."""


def store_key(tx: Transaction, name: str, key: str, *, decode_percent_username: bool = False) -> None:
    """Make ``key`` the one that holds under this name; an older one stops working."""
    # Keys have 381 bits: a plain hash cannot be reversed, and argon2 per request would be a denial of service.
    digest = hashlib.sha256(key.encode()).digest()
    # The id stays when the key is exchanged: what the old key began, its successor may read and cancel.
    rows = tx.execute("UPDATE api_key SET hash = ? WHERE name = ? RETURNING id", digest, name)
    if not rows:
        sql = "INSERT INTO api_key (id, hash, name, decode_percent_username) VALUES (?, ?, ?, ?)"
        tx.execute(sql, secrets.token_hex(20), digest, name, int(decode_percent_username))


def all_keys(tx: Transaction) -> list[ApiKey]:
    """Return every key."""
    rows = tx.execute("SELECT id, name, hash, decode_percent_username FROM api_key")
    return [ApiKey(key_id, name, digest, bool(decode)) for key_id, name, digest, decode in rows]


class Keyring:
    """The keys in memory, by hash."""

    def __init__(self, keys: list[ApiKey]) -> None:
        self.keys = keys

    def find(self, authorization: str) -> ApiKey | None:
        """Return the key of an ``Authorization`` header, or None."""
        match = AUTHORIZATION.fullmatch(authorization)
        digest = hashlib.sha256(match[1].encode() if match else b"").digest()
        found = None
        for key in self.keys:
            if hmac.compare_digest(key.hash, digest):
                found = key
        return found if match else None
