"""A terminal device's ES256 key: made here, kept in a file that nobody else can read."""

import base64

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from pushgate.cli.device_messages import base64url

COORDINATE = 32
"""Bytes of a P-256 scalar or coordinate."""


class DeviceKey:
    """A P-256 key pair that signs; its private half leaves only by ``secret``, for the key file."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self.private = private

    @classmethod
    def generate(cls) -> "DeviceKey":
        """Make a new key pair."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_secret(cls, secret: str) -> "DeviceKey":
        """Read what ``secret`` returned.

        Raises:
            ValueError: if that is no P-256 scalar.
        """
        scalar = base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4))
        if len(scalar) != COORDINATE:
            raise ValueError("the key has the wrong length")
        try:
            return cls(ec.derive_private_key(int.from_bytes(scalar), ec.SECP256R1()))
        except UnsupportedAlgorithm:
            raise ValueError("the key is not usable") from None

    def secret(self) -> str:
        """Return the private scalar as base64url."""
        return base64url(self.private.private_numbers().private_value.to_bytes(COORDINATE))

    def point(self) -> bytes:
        """Return the public key as an uncompressed point of 65 bytes."""
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def jwk(self) -> dict[str, str]:
        """Return the public key as a JSON Web Key (RFC 7518 section 6.2)."""
        point = self.point()
        return {"kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:])}

    def sign(self, message: bytes) -> str:
        """Sign with ES256: r and s, 32 bytes each, as base64url (RFC 7518 section 3.4)."""
        r, s = decode_dss_signature(self.private.sign(message, ec.ECDSA(hashes.SHA256())))
        return base64url(r.to_bytes(COORDINATE) + s.to_bytes(COORDINATE))
