"""RADIUS packets as bytes: strict parsing, authenticators, password hiding, encoding. No I/O and no clock.

How a request is taken apart (RFC 2865 section 3, RFC 3579 section 3.2, RFC 5997):

1. ``parse`` checks the shape alone: lengths, and attributes that fill the packet exactly.
2. ``check_request`` needs the client's secret: the code, the Message-Authenticator, and which credentials
   may stand together. Until it has returned, nothing in the packet may change any state of ours.

Whatever fails raises ``BadMessageError`` with a fixed word as ``reason``; such a packet gets no answer.
Whatever is built has the Message-Authenticator as its first attribute, because a forger of MD5 collisions needs
to control what stands before it (draft-ietf-radext-deprecating-radius section 5.2).
"""

import hashlib
import hmac
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Literal

from pushgate.errors import BadMessageError

ACCESS_REQUEST, ACCESS_ACCEPT, ACCESS_REJECT = 1, 2, 3
ACCESS_CHALLENGE, STATUS_SERVER = 11, 12

USER_NAME, USER_PASSWORD, CHAP_PASSWORD, NAS_IP_ADDRESS, NAS_PORT = 1, 2, 3, 4, 5
REPLY_MESSAGE, STATE, VENDOR_SPECIFIC, CALLING_STATION_ID, NAS_IDENTIFIER, PROXY_STATE = 18, 24, 26, 31, 32, 33
ARAP_PASSWORD, EAP_MESSAGE, MESSAGE_AUTHENTICATOR = 70, 79, 80

MICROSOFT = 311
MS_CHAP_RESPONSE, MS_CHAP_ERROR, MS_CHAP2_RESPONSE = 1, 2, 25

HEADER = struct.Struct("!BBH16s")
MAX_PACKET = 4096  # octets (RFC 2865 section 3)
MAX_ATTRIBUTES = 200  # as FreeRADIUS's max_attributes
MAX_VALUE = 253
MAX_PASSWORD = 128

CREDENTIALS = frozenset({USER_PASSWORD, CHAP_PASSWORD, ARAP_PASSWORD, EAP_MESSAGE})
"""Of these a request has one kind at most (RFC 3579 section 3.3)."""

Attributes = tuple[tuple[int, bytes], ...]
MessageAuthenticatorMode = Literal["required", "auto", "off"]


@dataclass(frozen=True, slots=True)
class Packet:
    """A packet whose shape is right; its attributes are raw and in the order of the wire."""

    code: int
    identifier: int
    authenticator: bytes
    attributes: Attributes = field(repr=False)
    raw: bytes = field(repr=False)
    """The octets that Length covers, without padding."""

    def values(self, kind: int) -> list[bytes]:
        """Return the values of every attribute of this type, in order."""
        return [value for found, value in self.attributes if found == kind]

    def has(self, kind: int) -> bool:
        """Whether there is an attribute of this type."""
        for found, _ in self.attributes:  # noqa: SIM110 - any() takes thrice as long, and each packet is asked often
            if found == kind:
                return True
        return False


def parse(datagram: bytes) -> Packet:
    """Take a datagram apart; octets beyond Length are padding.

    Raises:
        BadMessageError: for anything that RFC 2865 section 3 tells to discard silently.
    """
    if len(datagram) < HEADER.size:
        raise BadMessageError("too_short")
    code, identifier, length, authenticator = HEADER.unpack_from(datagram)
    if not HEADER.size <= length <= MAX_PACKET:
        raise BadMessageError("length_out_of_range")
    if len(datagram) < length:
        raise BadMessageError("datagram_cut")
    raw = datagram[:length]
    attributes = tuple(split_attributes(raw, HEADER.size))
    return Packet(code, identifier, authenticator, attributes, raw)


def split_attributes(octets: bytes, offset: int = 0) -> Iterator[tuple[int, bytes]]:
    """Yield type and value of each attribute from ``offset`` to the end, which the last one must meet.

    Raises:
        BadMessageError: if it does not, or for more than 200 attributes.
    """
    end = len(octets)
    count = 0
    while offset < end:
        if offset + 2 > end:
            raise BadMessageError("attribute_cut")
        kind = octets[offset]
        stop = offset + octets[offset + 1]
        if stop < offset + 2:
            raise BadMessageError("attribute_too_short")
        if stop > end:
            raise BadMessageError("attribute_overrun")
        if kind == 0:
            raise BadMessageError("attribute_type_zero")
        count += 1
        if count > MAX_ATTRIBUTES:
            raise BadMessageError("too_many_attributes")
        yield kind, octets[offset + 2 : stop]
        offset = stop


def vendor_attributes(attributes: Attributes) -> Iterator[tuple[int, int, bytes]]:
    """Yield vendor, type and value of each sub-attribute; a malformed Vendor-Specific body yields nothing."""
    for kind, value in attributes:
        if kind != VENDOR_SPECIFIC or len(value) < 6:
            continue
        vendor = int.from_bytes(value[:4], "big")
        try:
            inner = list(split_attributes(value, 4))
        except BadMessageError:
            continue  # RFC 2865 section 5.26: the body's form is only a SHOULD
        for inner_kind, inner_value in inner:
            yield vendor, inner_kind, inner_value


def has_ms_chap(packet: Packet) -> bool:
    """Whether the request carries an MS-CHAP or MS-CHAPv2 response (RFC 2548)."""
    kinds = (MS_CHAP_RESPONSE, MS_CHAP2_RESPONSE)
    return any(vendor == MICROSOFT and kind in kinds for vendor, kind, _ in vendor_attributes(packet.attributes))


def check_request(packet: Packet, secret: bytes, mode: MessageAuthenticatorMode, *, limit_proxy_state: bool) -> bool:
    """Decide whether a request comes from somebody who knows the secret, as far as it can show that.

    Returns:
        Whether a Message-Authenticator proved it; plain PAP proves nothing.

    Raises:
        BadMessageError: the packet is to be dropped without an answer.
    """
    if packet.code not in (ACCESS_REQUEST, STATUS_SERVER):
        raise BadMessageError("unexpected_code")
    signed = check_message_authenticator(packet, secret, packet.authenticator)
    if not signed:
        if mode == "required" or packet.code == STATUS_SERVER or packet.has(EAP_MESSAGE):
            raise BadMessageError("message_authenticator_missing")
        # CVE-2024-3596: the collision is hidden in a Proxy-State, which no NAS sends of its own.
        if limit_proxy_state and packet.has(PROXY_STATE):
            raise BadMessageError("proxy_state_unsigned")
    if packet.code == STATUS_SERVER:
        return signed
    kinds = {kind for kind, _ in packet.attributes} & CREDENTIALS
    if len(kinds) > 1:
        raise BadMessageError("two_credentials")
    if not (kinds or signed or has_ms_chap(packet)):
        raise BadMessageError("no_credential")
    return signed


def check_message_authenticator(packet: Packet, secret: bytes, request_authenticator: bytes) -> bool:
    """Verify the Message-Authenticator, if there is one (RFC 3579 section 3.2).

    Returns:
        False if the packet has none.

    Raises:
        BadMessageError: for two, for another size than 16 octets, or for a wrong one.
    """
    found = packet.values(MESSAGE_AUTHENTICATOR)
    if not found:
        return False
    if len(found) > 1:
        raise BadMessageError("two_message_authenticators")
    if len(found[0]) != 16:
        raise BadMessageError("message_authenticator_length")
    offset = HEADER.size
    for kind, value in packet.attributes:
        if kind == MESSAGE_AUTHENTICATOR:
            break
        offset += 2 + len(value)
    raw = packet.raw
    blank = raw[:4] + request_authenticator + raw[20 : offset + 2] + bytes(16) + raw[offset + 18 :]
    if not hmac.compare_digest(found[0], hmac.digest(secret, blank, "md5")):
        raise BadMessageError("wrong_message_authenticator")
    return True


def decrypt_password(value: bytes, authenticator: bytes, secret: bytes) -> bytes:
    """Uncover a User-Password with its trailing NULs (RFC 2865 section 5.2).

    An attribute without a value is an empty password: radcli writes it so, where the RFC wants 16 covered NULs.

    Raises:
        BadMessageError: for another length than 0, 16, 32, ... 128 octets.
    """
    if len(value) > MAX_PASSWORD or len(value) % 16:
        raise BadMessageError("password_length")
    return _chain(value, authenticator, secret, uncover=True)


def encrypt_password(password: bytes, authenticator: bytes, secret: bytes) -> bytes:
    """Cover a password of at most 128 octets; an empty one becomes 16 octets too.

    Raises:
        BadMessageError: for a longer one.
    """
    if len(password) > MAX_PASSWORD:
        raise BadMessageError("password_length")
    blocks = max(1, -(-len(password) // 16))
    return _chain(password.ljust(16 * blocks, b"\0"), authenticator, secret, uncover=False)


def _chain(octets: bytes, authenticator: bytes, secret: bytes, *, uncover: bool) -> bytes:
    previous, result = authenticator, bytearray()
    for start in range(0, len(octets), 16):
        block = octets[start : start + 16]
        pad = md5(secret + previous)
        mixed = (int.from_bytes(block, "big") ^ int.from_bytes(pad, "big")).to_bytes(16, "big")
        previous = block if uncover else mixed
        result += mixed
    return bytes(result)


def encode_attributes(attributes: Iterable[tuple[int, bytes]]) -> bytes:
    """Put attributes one behind the other.

    Raises:
        BadMessageError: for a value of more than 253 octets.
    """
    parts = []
    for kind, value in attributes:
        if len(value) > MAX_VALUE:
            raise BadMessageError("value_too_long")
        parts.append(bytes((kind, len(value) + 2)) + value)
    return b"".join(parts)


def encode_vendor_attribute(vendor: int, kind: int, value: bytes) -> tuple[int, bytes]:
    """Wrap one sub-attribute into a Vendor-Specific attribute (RFC 2865 section 5.26)."""
    return VENDOR_SPECIFIC, vendor.to_bytes(4, "big") + encode_attributes([(kind, value)])


def encode_request(
    code: int, identifier: int, authenticator: bytes, secret: bytes, attributes: Iterable[tuple[int, bytes]] = ()
) -> bytes:
    """Build an Access-Request or Status-Server: Message-Authenticator first, then ``attributes`` in their order.

    Raises:
        BadMessageError: if it would be longer than 4096 octets.
    """
    body = encode_attributes(attributes)
    length = HEADER.size + 18 + len(body)
    if length > MAX_PACKET:
        raise BadMessageError("packet_too_long")
    header = HEADER.pack(code, identifier, length, authenticator) + bytes((MESSAGE_AUTHENTICATOR, 18))
    return header + hmac.digest(secret, header + bytes(16) + body, "md5") + body


def encode_reply(code: int, request: Packet, secret: bytes, attributes: Iterable[tuple[int, bytes]] = ()) -> bytes:
    """Build the reply to a request, as ``encode_request`` does; then the Response Authenticator seals it."""
    # RFC 3579 section 3.2: the Message-Authenticator of a reply is made over the Request Authenticator.
    signed = encode_request(code, request.identifier, request.authenticator, secret, attributes)
    return signed[:4] + md5(signed + secret) + signed[20:]


def md5(octets: bytes) -> bytes:
    """Return the MD5 of some octets, which RFC 2865 prescribes, on hosts in FIPS mode too."""
    return hashlib.md5(octets, usedforsecurity=False).digest()
