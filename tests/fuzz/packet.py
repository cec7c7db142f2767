"""What must hold for the packet codec whatever octets come in; free of any fuzzer, so that all of them can use it."""

import hmac

from pushgate.errors import BadMessageError
from radius_server.nas import verify_reply
from radius_server.wire import (
    ACCESS_ACCEPT,
    HEADER,
    MAX_PACKET,
    MESSAGE_AUTHENTICATOR,
    PROXY_STATE,
    STATUS_SERVER,
    USER_PASSWORD,
    MessageAuthenticatorMode,
    Packet,
    check_request,
    decrypt_password,
    encode_attributes,
    encode_reply,
    encode_request,
    encrypt_password,
    has_ms_chap,
    parse,
    vendor_attributes,
)
from tests.radius_server.vectors import SECRET

TAKEN = "taken"
MODES: tuple[MessageAuthenticatorMode, ...] = ("required", "auto", "off")


def check_datagram(octets: bytes) -> str:
    """Hold a datagram, and the same one repaired by somebody who knows the secret, against what must hold.

    Returns:
        What became of the datagram as it is: ``TAKEN``, or the reason of the documented error.

    Raises:
        AssertionError: for what must not be; any other exception is as wrong.
    """
    outcome = receive(octets)
    receive(repaired(octets))
    return outcome


def receive(octets: bytes) -> str:
    """Take one datagram in as the server does, in every mode, and look at what the codec made of it."""
    try:
        packet = parse(octets)
    except BadMessageError as error:
        return error.reason
    parse_is_undone_by_encode(packet, octets)
    vendor_attributes_fit(packet)
    passwords_uncover(packet)
    outcomes = {(mode, limit): proved(packet, mode, limit) for mode in MODES for limit in (True, False)}
    stricter_modes_take_no_more(outcomes)
    if outcomes["off", False] == TAKEN:
        reply_is_verified(packet)
    return outcomes["off", True]


def proved(packet: Packet, mode: MessageAuthenticatorMode, limit: bool) -> str:
    """Check a packet in one mode; what is proved signed must be signed as we sign."""
    try:
        signed = check_request(packet, SECRET, mode, limit_proxy_state=limit)
    except BadMessageError as error:
        return error.reason
    assert signed == packet.has(MESSAGE_AUTHENTICATOR)
    if signed and packet.attributes[0][0] == MESSAGE_AUTHENTICATOR:
        ours = encode_request(packet.code, packet.identifier, packet.authenticator, SECRET, packet.attributes[1:])
        assert ours == packet.raw
    has_ms_chap(packet)
    return TAKEN


def stricter_modes_take_no_more(outcomes: dict[tuple[MessageAuthenticatorMode, bool], str]) -> None:
    """What a strict client's packet passes, a tolerant one's passes too."""
    assert outcomes["auto", True] == outcomes["off", True]
    for limit in (True, False):
        assert outcomes["required", limit] != TAKEN or outcomes["off", limit] == TAKEN
    assert outcomes["off", True] != TAKEN or outcomes["off", False] == TAKEN


def parse_is_undone_by_encode(packet: Packet, octets: bytes) -> None:
    """An accepted packet encodes to its own octets, without the padding."""
    header = HEADER.pack(packet.code, packet.identifier, len(packet.raw), packet.authenticator)
    encoded = header + encode_attributes(packet.attributes)
    assert encoded == packet.raw == octets[: len(encoded)]
    assert HEADER.size <= len(encoded) <= MAX_PACKET
    assert parse(encoded) == packet


def vendor_attributes_fit(packet: Packet) -> None:
    """Sub-attributes hold no more octets than the packet."""
    found = list(vendor_attributes(packet.attributes))
    assert sum(len(value) + 2 for _, _, value in found) <= len(packet.raw)


def passwords_uncover(packet: Packet) -> None:
    """A User-Password covers to the same octets again, or has an impossible length."""
    for hidden in packet.values(USER_PASSWORD):
        try:
            password = decrypt_password(hidden, packet.authenticator, SECRET)
        except BadMessageError as error:
            if error.reason != "password_length":
                raise
        else:
            assert encrypt_password(password, packet.authenticator, SECRET) == hidden or hidden == password == b""


def reply_is_verified(packet: Packet) -> None:
    """The NAS takes our reply to whatever we took, with its Proxy-States, for as long as they fit."""
    states = [] if packet.code == STATUS_SERVER else [(PROXY_STATE, value) for value in packet.values(PROXY_STATE)]
    try:
        reply = encode_reply(ACCESS_ACCEPT, packet, SECRET, states)
    except BadMessageError as error:
        if error.reason != "packet_too_long":
            raise
        return
    assert verify_reply(packet.raw, reply, SECRET) == ACCESS_ACCEPT
    assert [(kind, value) for kind, value in parse(reply).attributes if kind == PROXY_STATE] == states


def repaired(octets: bytes) -> bytes:
    """Set Length, and sign the packet if it has a place for that: no fuzzer guesses an HMAC."""
    if len(octets) < HEADER.size:
        return octets
    raw = bytearray(octets[:MAX_PACKET])
    raw[2:4] = len(raw).to_bytes(2, "big")
    offset = HEADER.size
    while offset + 18 <= len(raw):
        if raw[offset] == MESSAGE_AUTHENTICATOR and raw[offset + 1] == 18:
            raw[offset + 2 : offset + 18] = bytes(16)
            raw[offset + 2 : offset + 18] = hmac.digest(SECRET, raw, "md5")
            break
        offset += max(2, raw[offset + 1])
    return bytes(raw)
