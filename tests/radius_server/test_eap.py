"""EAP packets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.errors import BadMessageError
from radius_server.eap import (
    MAX_GTC_TEXT,
    MAX_RESPONSE,
    EapMessage,
    eap_packet,
    gtc_request,
    identity_request,
    next_identifier,
    parse_eap,
)


def test_identity() -> None:
    """The identity of RFC 3748 section 5.1 is read; padding behind it is not."""
    assert parse_eap(b"\x02\x07\x00\x09\x01nemo") == EapMessage(2, 7, 1, b"nemo")
    assert parse_eap(b"\x02\x07\x00\x09\x01nemo\0\0") == EapMessage(2, 7, 1, b"nemo")


def test_packets_without_a_type() -> None:
    """Success and failure have neither type nor data."""
    assert parse_eap(eap_packet(3, 9)) == EapMessage(3, 9, 0, b"")


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"", "eap_too_short"),
        (b"\x02\x07\x00", "eap_too_short"),
        (b"\x02\x07\x00\x00", "eap_length"),
        (b"\x02\x07\x00\x03", "eap_length"),
        (b"\x02\x07\x00\x0a\x01nemo", "eap_length"),
        (b"\x02\x07\xff\xff\x01nemo", "eap_length"),
        (eap_packet(2, 7, bytes(MAX_RESPONSE)), "eap_too_long"),
    ],
)
def test_broken_packets(octets: bytes, reason: str) -> None:
    """What is cut, lies about its length, or is longer than anybody types is refused."""
    with pytest.raises(BadMessageError) as error:
        parse_eap(octets)
    assert error.value.reason == reason


@given(st.binary(max_size=1200))
def test_any_octets(octets: bytes) -> None:
    """Whatever arrives is read or refused; what is read fits its Length."""
    try:
        message = parse_eap(octets)
    except BadMessageError:
        return
    assert len(message.data) <= MAX_RESPONSE
    assert octets.startswith(bytes((message.code, message.identifier)))


@given(st.integers(0, 255), st.integers(0, 255), st.integers(1, 255), st.binary(max_size=1000))
def test_parse_undoes_build(code: int, identifier: int, kind: int, data: bytes) -> None:
    """A packet that is built is read as it was meant."""
    assert parse_eap(eap_packet(code, identifier, bytes((kind,)) + data)) == EapMessage(code, identifier, kind, data)


def test_questions() -> None:
    """Our questions stand as RFC 3748 sections 5.1 and 5.6 have them."""
    assert identity_request(1) == b"\x01\x01\x00\x05\x01"
    assert gtc_request(255, "Code") == b"\x01\xff\x00\x09\x06Code"


@pytest.mark.parametrize("prompt", ["x" * 500, "ä" * 300, "\n" * 300])
def test_long_questions(prompt: str) -> None:
    """A question is cut between characters, and no hidden one reaches the person's screen."""
    text = gtc_request(1, prompt)[5:]
    assert len(text) <= MAX_GTC_TEXT
    assert text.decode().isprintable()


def test_identifiers_go_round() -> None:
    """The Identifier after the last is the first."""
    assert [next_identifier(number) for number in (0, 254, 255)] == [1, 255, 0]
