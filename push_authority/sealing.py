"""Keeping short secrets: found again by HMAC, kept readable by AES-GCM only where the API must return them."""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

NONCE_LENGTH = 12
KEY_ID = b"\x01"
"""Names the key in every sealed value, so that a later key can stand beside this one."""


class Sealer:
    """Seals secrets under keys derived from the folder's secret."""

    def __init__(self, secret: bytes) -> None:
        self.pepper = HKDF(SHA256(), 32, None, b"pushgate authority pepper").derive(secret)
        self.cipher = AESGCM(HKDF(SHA256(), 32, None, b"pushgate authority sealing").derive(secret))

    def digest(self, code: str) -> bytes:
        """Return the HMAC-SHA256 under which a code is stored and found."""
        return hmac.digest(self.pepper, code.encode(), hashlib.sha256)

    def seal(self, code: str, place: str) -> bytes:
        """Encrypt for one place (``table|column|row``): moved elsewhere it cannot be opened."""
        nonce = secrets.token_bytes(NONCE_LENGTH)
        return KEY_ID + nonce + self.cipher.encrypt(nonce, code.encode(), KEY_ID + place.encode())

    def open(self, sealed: bytes, place: str) -> str | None:
        """Decrypt; None if it was made under another key or for another place, or was changed."""
        nonce, ciphertext = sealed[1 : 1 + NONCE_LENGTH], sealed[1 + NONCE_LENGTH :]
        try:
            return self.cipher.decrypt(nonce, ciphertext, sealed[:1] + place.encode()).decode()
        except (InvalidTag, ValueError):
            return None
