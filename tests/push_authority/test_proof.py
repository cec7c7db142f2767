import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest

from push_authority.proof import (
    NOBODY,
    SignedDecision,
    activation_message,
    decode,
    encode,
    fingerprint,
    public_point,
    request_message,
    sha256_text,
    verifies,
)
from tests.support.authority import DeviceKey

CTX = (
    '{"v":1,"authority":"auth.example.org","user":"john","attributes":[{"key":"IP Address","value":"203.0.113.7"}],'
    '"client_nonce":"AAECAwQFBgcICQoLDA0ODw"}'
)
PUBLIC_KEY = "BMwjV6IDQOR9faU4HWQIZ9Ed56cb65R43QvvFqw4nEacSQimODlBkAX7GCm6DTnhrDYBGYLpaWRqB80R_amo620"
SIGNATURE = "yUc7M7brcpnZb8VsMQycB4TQovAMESjeJcAnPJ-i6ypZvljRuWSOXd5MZ70EdfNZui8lXaDuwk_Lu4nl_IaK6Q"


def point() -> bytes:
    """Return the public key of the vector."""
    key = decode(PUBLIC_KEY, 65)
    assert key is not None
    return key


def signature() -> bytes:
    """Return the signature of the vector."""
    sig = decode(SIGNATURE, 64)
    assert sig is not None
    return sig


def vector() -> SignedDecision:
    """Return the decision of the vector."""
    return SignedDecision(
        session="fcbdc4c271c889825d8338d2d8f10b6e5e95c171",
        device="8c184f495a5b7b6e9ed732f2ce3c67e310806f38",
        decision="approved",
        nonce="AAECAwQFBgcICQoLDA0ODw",
        ctx=CTX,
        number="42",
        signature=signature(),
    )


def test_vector_of_the_contract_verifies() -> None:
    """The published vector has the published hash, message length and digest, and its signature verifies."""
    message = vector().message()
    assert sha256_text(CTX.encode()) == "M_e5zvkxD9Osr1S7P5douWb1mn1hBbDA8AKnXdmdX-k"
    assert len(message) == 172
    assert encode(hashlib.sha256(message).digest()) == "mkgmyeasHukFgqTc2A4SeXF2KwVUtklWd1HChFICHUo"
    assert verifies(point(), signature(), message)


@pytest.mark.parametrize(
    "changes",
    [
        {"session": "0" * 40},
        {"device": "0" * 40},
        {"decision": "denied"},
        {"nonce": "BBECAwQFBgcICQoLDA0ODw"},
        {"ctx": CTX.replace("john", "root")},
        {"ctx": CTX + " "},
        {"number": ""},
    ],
)
def test_vector_with_another_field_fails(changes: dict[str, Any]) -> None:
    """A signature is for its seven fields and no others."""
    assert not verifies(point(), signature(), replace(vector(), **changes).message())


@pytest.mark.parametrize(
    "forged",
    [b"", bytes(64), b"\xff" * 64, signature()[:-1], signature() + b"\x00", signature()[32:] + signature()[:32]],
)
def test_other_signatures_fail(forged: bytes) -> None:
    """No bytes, zeros, numbers out of range, and a cut, longer or swapped signature fail without an exception."""
    assert not verifies(point(), forged, vector().message())


def test_proof_holds_all_that_a_host_needs() -> None:
    """The proof verifies with nothing but itself."""
    proof = json.loads(vector().proof(point()))
    assert proof == {
        "v": 1,
        "session": vector().session,
        "decision": "approved",
        "nonce": vector().nonce,
        "number": "42",
        "ctx": CTX,
        "device_id": vector().device,
        "kind": "key",
        "alg": "ES256",
        "public_key": PUBLIC_KEY,
        "sig": SIGNATURE,
    }


def test_messages_of_devices_are_fields_by_line() -> None:
    """What a device signs to activate and to read is as documented."""
    assert activation_message("d2mfr24k8r", b"key") == f"activate.v1\nd2mfr24k8r\n{sha256_text(b'key')}".encode()
    assert request_message("id", "GET", "/device/v1/sessions?a=1", "1795298000", b"").decode() == (
        "request.v1\nid\nGET\n/device/v1/sessions?a=1\n1795298000\n47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
    )


def test_keys_of_other_kinds_are_none() -> None:
    """Coordinates that are no point of the curve, too short, or spelt in a second way are no key."""
    key = point()
    x, y = encode(key[1:33]), encode(key[33:])
    assert public_point(x, y) == key
    assert public_point(y, x) is None
    assert public_point(x, encode(key[33:64])) is None
    assert public_point(encode(bytes(32)), encode(bytes(32))) is None
    assert public_point(x + "=", y) is None


@pytest.mark.parametrize(
    "text", ["AAECAwQFBgcICQoLDA0ODx", "AAECAwQFBgcICQoLDA0ODw==", "AAEC AwQFBgcICQoLDA0ODw", "+" * 22, "é"]
)
def test_second_spellings_are_refused(text: str) -> None:
    """Base64url has one spelling per value: padding, blanks, stray bits and other alphabets are refused."""
    assert decode("AAECAwQFBgcICQoLDA0ODw", 16) == bytes(range(16))
    assert decode(text, 16) is None


def test_nobody_is_a_key_that_checks_like_any() -> None:
    """The key that stands in for unknown devices is on the curve, so checking it costs what a real one costs."""
    assert not verifies(NOBODY, signature(), vector().message())


def test_fingerprint_is_four_letters_of_the_hash() -> None:
    """A person compares four characters that follow from the key alone."""
    assert fingerprint(point()) == fingerprint(point())
    assert len({fingerprint(DeviceKey().public_key) for _ in range(20)}) > 15
    digest = hashlib.sha256(point()).digest()
    assert fingerprint(point()) == "".join("23456789abcdefghjkmnpqrstvwxyz"[byte % 30] for byte in digest[:4])
