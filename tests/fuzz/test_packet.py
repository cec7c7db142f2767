"""What must hold for the codec, on the vectors and on any attributes; and that a faulty codec does not hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radius_server.wire import (
    ACCESS_REQUEST,
    HEADER,
    encode_attributes,
)
from tests.fuzz import packet
from tests.fuzz.packet import TAKEN, check_datagram, repaired
from tests.radius_server import vectors
from tests.radius_server.vectors import BROKEN, GOLDEN, OUR_PAIRS, RFC_PAIRS, A, Broken, Pair

attributes = st.lists(st.tuples(st.integers(1, 255), st.binary(max_size=253)), max_size=14)


@pytest.mark.parametrize("pair", [*RFC_PAIRS, *OUR_PAIRS], ids=lambda pair: pair.name)
def test_right_vectors_hold(pair: Pair) -> None:
    """Every right request is taken, and every reply is no request."""
    assert check_datagram(pair.request) == TAKEN
    assert check_datagram(pair.reply) == "unexpected_code"


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.reason)
def test_broken_vectors_hold(broken: Broken) -> None:
    """Every broken packet has its reason here as well."""
    assert check_datagram(broken.packet) == broken.reason


def test_repaired_packets_are_signed() -> None:
    """Repairing a packet with a changed bit makes it one that is taken, so the fuzzer gets beyond the signature."""
    assert check_datagram(vectors.GOLDEN_BAD_BIT) == "wrong_message_authenticator"
    assert repaired(vectors.GOLDEN_BAD_BIT) == GOLDEN
    assert check_datagram(repaired(GOLDEN[:-1] + b"x")) == TAKEN


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("encode_attributes", lambda attributes: b"".join(value for _, value in attributes)),
        ("decrypt_password", lambda value, *_: value),
        ("vendor_attributes", lambda attributes: [(0, kind, value * 9) for kind, value in attributes]),
        ("verify_reply", lambda *_: 3),
        ("check_request", lambda *_, limit_proxy_state: limit_proxy_state),
    ],
)
def test_broken_codec_shows(name: str, broken: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """A codec with a fault in one function does not hold."""
    monkeypatch.setattr(packet, name, broken)
    with pytest.raises(AssertionError):
        check_datagram(GOLDEN)


@given(attributes, st.binary(max_size=30), st.binary(max_size=30))
def test_any_attributes_hold(body: list[tuple[int, bytes]], tail: bytes, padding: bytes) -> None:
    """A packet of any attributes, and one that ends in any octets, is taken or dropped as documented."""
    octets = encode_attributes(body) + tail
    check_datagram(HEADER.pack(ACCESS_REQUEST, 7, HEADER.size + len(octets), A) + octets + padding)
