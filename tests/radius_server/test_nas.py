"""What a NAS does: building a request, and finding out whether a reply is ours."""

import pytest

from pushgate.errors import BadMessageError
from radius_server.nas import build_request, verify_reply
from radius_server.wire import CALLING_STATION_ID, NAS_IP_ADDRESS, NAS_PORT, PROXY_STATE
from tests.radius_server import vectors
from tests.radius_server.vectors import GOLDEN, SECRET


def test_golden_request_built() -> None:
    """A NAS of ours builds the golden request to the last octet."""
    states = ((PROXY_STATE, b"one"), (PROXY_STATE, b"two"))
    address = (NAS_IP_ADDRESS, bytes((192, 168, 1, 16)))
    attributes = (address, (NAS_PORT, bytes((0, 0, 0, 3))), (CALLING_STATION_ID, b"203.0.113.7"), *states)
    built = build_request("nemo", "arctangent", SECRET, 0x42, attributes, authenticator=GOLDEN[4:20])
    assert built == GOLDEN


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (vectors.GOLDEN_ACCEPT[:1] + b"\x43" + vectors.GOLDEN_ACCEPT[2:], "other_identifier"),
        (b"\x03" + vectors.GOLDEN_ACCEPT[1:], "wrong_response_authenticator"),
        (vectors.GOLDEN_ACCEPT[:-1] + b"D", "wrong_response_authenticator"),
        (vectors.GOLDEN_ACCEPT[:30], "datagram_cut"),
    ],
)
def test_forged_replies(reply: bytes, reason: str) -> None:
    """A reply that was changed on its way, or answers another request, is refused."""
    with pytest.raises(BadMessageError) as caught:
        verify_reply(GOLDEN, reply, SECRET)
    assert caught.value.reason == reason


def test_unsigned_reply_is_refused() -> None:
    """A reply without Message-Authenticator is refused unless the caller allows it."""
    with pytest.raises(BadMessageError) as caught:
        verify_reply(vectors.PAP, vectors.PAP_ACCEPT, SECRET)
    assert caught.value.reason == "message_authenticator_missing"
