"""EAP as far as it takes to end EAP-GTC here: Identity, one question, one line of text back (RFC 3748 section 5.6).

GTC carries what was typed in the clear, so it is for appliances that protect the way to the person (IKEv2, wired
802.1X on a trusted wire) and reach us over a trusted network or RadSec. It makes no keys: WPA-Enterprise needs
FreeRADIUS in front.
"""

import struct
from dataclasses import dataclass

from pushgate.errors import BadMessageError
from pushgate.text import clean

EAP_REQUEST, EAP_RESPONSE = 1, 2
EAP_SUCCESS_CODE, EAP_FAILURE_CODE = 3, 4
EAP_IDENTITY, EAP_NAK, EAP_GTC = 1, 3, 6

EAP_HEADER = struct.Struct("!BBH")
MAX_GTC_TEXT = 253
MAX_RESPONSE = 1024
"""Octets: a name or a typed line; RADIUS would carry more."""


@dataclass(frozen=True, slots=True)
class EapMessage:
    """One EAP packet whose Length is right."""

    code: int
    identifier: int
    type: int
    """0 for a packet without one."""
    data: bytes


def parse_eap(octets: bytes) -> EapMessage:
    """Take an EAP packet apart; octets beyond Length are padding (RFC 3748 section 4.1).

    Raises:
        BadMessageError: for a header that is cut, a Length that does not fit, or more than anybody types.
    """
    if len(octets) < EAP_HEADER.size:
        raise BadMessageError("eap_too_short")
    code, identifier, length = EAP_HEADER.unpack_from(octets)
    if not EAP_HEADER.size <= length <= len(octets):
        raise BadMessageError("eap_length")
    if length > MAX_RESPONSE:
        raise BadMessageError("eap_too_long")
    kind = octets[4] if length > EAP_HEADER.size else 0
    return EapMessage(code, identifier, kind, octets[5:length])


def eap_packet(code: int, identifier: int, payload: bytes = b"") -> bytes:
    """Build an EAP packet."""
    return EAP_HEADER.pack(code, identifier, EAP_HEADER.size + len(payload)) + payload


def identity_request(identifier: int) -> bytes:
    """Ask who it is."""
    return eap_packet(EAP_REQUEST, identifier, bytes((EAP_IDENTITY,)))


def gtc_request(identifier: int, prompt: str) -> bytes:
    """Ask for a line of text."""
    shown = clean(prompt, MAX_GTC_TEXT).encode()[:MAX_GTC_TEXT].decode("utf-8", "ignore").encode()
    return eap_packet(EAP_REQUEST, identifier, bytes((EAP_GTC,)) + shown)


def next_identifier(identifier: int) -> int:
    """Return the Identifier of the next request: another one than that which was answered (RFC 3748 section 4.1)."""
    return (identifier + 1) & 0xFF
