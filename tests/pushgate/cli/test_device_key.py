"""The key of a terminal device."""

import base64
import hashlib

import pytest

from pushgate.cli.device_key import DeviceKey
from pushgate.cli.device_messages import base64url
from tests.support.devices import verify

SECRET = base64url(hashlib.sha256(b"pushgate decision test key").digest())
PUBLIC = "BMwjV6IDQOR9faU4HWQIZ9Ed56cb65R43QvvFqw4nEacSQimODlBkAX7GCm6DTnhrDYBGYLpaWRqB80R_amo620"


def test_key_of_the_published_vector() -> None:
    """The published private scalar gives the published public key, and comes back unchanged."""
    key = DeviceKey.from_secret(SECRET)
    assert (base64url(key.point()), key.secret()) == (PUBLIC, SECRET)


def test_signature_verifies() -> None:
    """A new key's signature is 64 bytes that verify under its public key."""
    key = DeviceKey.generate()
    verify(key.point(), key.sign(b"message"), b"message")


def test_web_key() -> None:
    """The JSON Web Key holds the two halves of the point and nothing private."""
    key = DeviceKey.from_secret(SECRET)
    point = base64.urlsafe_b64decode(PUBLIC + "=")
    assert key.jwk() == {"kty": "EC", "crv": "P-256", "x": base64url(point[1:33]), "y": base64url(point[33:])}


@pytest.mark.parametrize(
    "secret", ["", "AAAA", base64url(bytes(32)), base64url(b"\xff" * 32), "§" * 43], ids=lambda secret: secret[:6]
)
def test_no_scalar(secret: str) -> None:
    """A damaged key file is refused: too short, zero, beyond the curve's order, not base64."""
    with pytest.raises(ValueError):
        DeviceKey.from_secret(secret)


def test_key_does_not_show_itself() -> None:
    """A key in a log line or traceback shows nothing of its private half."""
    assert SECRET not in repr(DeviceKey.from_secret(SECRET))
