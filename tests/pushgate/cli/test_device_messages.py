"""What a terminal device signs."""

import base64
import hashlib

import pytest

from pushgate.cli.device_messages import (
    activation_message,
    base64url,
    decision_message,
    fingerprint,
    normal_code,
    request_message,
)
from tests.support.devices import DEVICE_ID, NONCE, SESSION_ID, verify

CTX = (
    '{"v":1,"authority":"auth.example.org","user":"john",'
    '"attributes":[{"key":"IP Address","value":"203.0.113.7"}],"client_nonce":"AAECAwQFBgcICQoLDA0ODw"}'
)
MESSAGE = (
    b"decision.v1\nfcbdc4c271c889825d8338d2d8f10b6e5e95c171\n8c184f495a5b7b6e9ed732f2ce3c67e310806f38\n"
    b"approved\nAAECAwQFBgcICQoLDA0ODw\nM_e5zvkxD9Osr1S7P5douWb1mn1hBbDA8AKnXdmdX-k\n42"
)
PUBLIC = "BMwjV6IDQOR9faU4HWQIZ9Ed56cb65R43QvvFqw4nEacSQimODlBkAX7GCm6DTnhrDYBGYLpaWRqB80R_amo620"
SIGNATURE = "yUc7M7brcpnZb8VsMQycB4TQovAMESjeJcAnPJ-i6ypZvljRuWSOXd5MZ70EdfNZui8lXaDuwk_Lu4nl_IaK6Q"


def test_decision_vector() -> None:
    """The published decision gives the published bytes, under which the published signature is right."""
    message = decision_message(SESSION_ID, DEVICE_ID, "approved", NONCE, CTX, "42")
    assert message == MESSAGE
    assert base64url(hashlib.sha256(message).digest()) == "mkgmyeasHukFgqTc2A4SeXF2KwVUtklWd1HChFICHUo"
    verify(base64.urlsafe_b64decode(PUBLIC + "="), SIGNATURE, message)


def test_decision_without_number_ends_with_a_line_feed_and_nothing() -> None:
    """A decision where no number was asked for has an empty last field."""
    assert decision_message(SESSION_ID, DEVICE_ID, "approved", NONCE, CTX) == MESSAGE.removesuffix(b"42")


def test_hash_is_of_utf8() -> None:
    """Text beyond ASCII is hashed as UTF-8."""
    digest = base64url(hashlib.sha256("é".encode()).digest()).encode()
    assert decision_message("s", "d", "denied", "n", "é") == b"decision.v1\ns\nd\ndenied\nn\n" + digest + b"\n"


def test_request() -> None:
    """A request without a body signs the hash of nothing."""
    nothing = b"47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    expected = b"request.v1\ndevice\nGET\n/device/v1/sessions\n1767225600\n" + nothing
    assert request_message("device", "GET", "/device/v1/sessions", 1767225600, b"") == expected


def test_activation() -> None:
    """An activation signs the code and the hash of the public key."""
    digest = base64url(hashlib.sha256(b"key").digest()).encode()
    assert activation_message("d2mfr24k8r", b"key") == b"activate.v1\nd2mfr24k8r\n" + digest


def test_field_with_line_feed_is_refused() -> None:
    """An authority that puts a line feed into a nonce gets no signature under a message of its own making."""
    with pytest.raises(ValueError, match="line feed"):
        decision_message(SESSION_ID, DEVICE_ID, "denied", "nonce\nmore", CTX)


def test_fingerprint_is_of_the_key() -> None:
    """The fingerprint is four characters of the hash of the public key, in the alphabet of the codes."""
    alphabet = "23456789abcdefghjkmnpqrstvwxyz"
    digest = hashlib.sha256(b"key").digest()
    assert fingerprint(b"key") == "".join(alphabet[digest[place] % 30] for place in range(4))


def test_typed_code_is_normalised() -> None:
    """Capitals, blanks and hyphens in a typed code do not matter."""
    assert normal_code(" D2MF-R24K 8R\n") == "d2mfr24k8r"
