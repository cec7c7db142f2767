"""How what is not PAP is refused."""

import pytest

from radius_server.schemes import HINT, UNPROVED, Refusal, eap_refusal, ms_chap_error, refuse_scheme
from radius_server.wire import encode_vendor_attribute, parse
from tests.radius_server import vectors
from tests.radius_server.vectors import A


def request(*attributes: tuple[int, bytes]) -> bytes:
    """Build an unsigned Access-Request."""
    body = b"".join(bytes((kind, len(value) + 2)) + value for kind, value in attributes)
    return b"\x01\x2d" + (20 + len(body)).to_bytes(2, "big") + A + body


def test_pap() -> None:
    """PAP is not refused."""
    assert refuse_scheme(parse(vectors.PAP)) is None


@pytest.mark.parametrize("proof", [(24, b"pg1.state"), (80, bytes(16))], ids=["state", "signature"])
def test_empty_pap(proof: tuple[int, bytes]) -> None:
    """An attacker without the secret cannot ask people by a password of no octets; a proved NAS can."""
    assert refuse_scheme(parse(request((1, b"bob"), (2, b"")))) == UNPROVED
    assert refuse_scheme(parse(request((1, b"bob"), (2, b""), proof))) is None


@pytest.mark.parametrize(
    ("packet", "expected"),
    [
        (vectors.CHAP, Refusal("chap", HINT, "Use PAP")),
        (request((70, bytes(16))), Refusal("arap", HINT, "Use PAP")),
        (vectors.EAP, Refusal("eap", HINT, attributes=((79, b"\x04\x07\x00\x04"),))),
        (
            request(encode_vendor_attribute(311, 25, b"\x05" + bytes(49))),
            Refusal("ms_chap", HINT, "Use PAP", (encode_vendor_attribute(311, 2, b"\x05E=691 R=0 V=3"),)),
        ),
        (
            request(encode_vendor_attribute(311, 1, b"\x06" + bytes(49))),
            Refusal("ms_chap", HINT, "Use PAP", (encode_vendor_attribute(311, 2, b"\x06E=691 R=0 V=3"),)),
        ),
        (request((1, b"bob")), Refusal("no_password", "the request holds no password; " + HINT, "Use PAP")),
    ],
    ids=["chap", "arap", "eap", "ms-chapv2", "ms-chap", "none"],
)
def test_refused(packet: bytes, expected: Refusal) -> None:
    """Each other scheme is refused in its own words, with the setting to change for the log."""
    assert refuse_scheme(parse(packet)) == expected


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        (b"", b"\x04\x00\x00\x04"),
        (b"\x02", b"\x04\x00\x00\x04"),
        (b"\x02\x07\x00\x09\x01nemo", b"\x04\x07\x00\x04"),
        (b"\x01\x09\x00\x05\x01", b"\x02\x09\x00\x06\x03\x00"),
        (b"\x03\x0a\x00\x04", b"\x04\x0a\x00\x04"),
        (b"\xff\xff", b"\x04\xff\x00\x04"),
    ],
)
def test_eap(message: bytes, answer: bytes) -> None:
    """An EAP request gets a Nak without an offer, everything else a Failure, with the same identifier."""
    assert eap_refusal(message) == answer


def test_split_eap() -> None:
    """An EAP message that is spread over several attributes is read as one."""
    refusal = refuse_scheme(parse(request((79, b"\x01"), (79, b"\x09\x00\x05\x01"))))
    assert refusal is not None
    assert refusal.attributes == ((79, b"\x02\x09\x00\x06\x03\x00"),)


def test_empty_ms_chap() -> None:
    """An MS-CHAP response without an Ident is refused with Ident 0."""
    assert ms_chap_error(b"") == encode_vendor_attribute(311, 2, b"\x00E=691 R=0 V=3")


def test_tls_proves_an_empty_password() -> None:
    """A NAS behind RadSec may send a password of no octets: its certificate has shown who it is."""
    assert refuse_scheme(parse(request((1, b"bob"), (2, b""))), proved=True) is None
