"""The packet codec, against the vectors of the RFCs, our own, and pyrad."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyrad.packet import AuthPacket

from pushgate.errors import BadMessageError
from radius_server.nas import build_request, verify_reply
from radius_server.wire import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    ACCESS_REQUEST,
    EAP_MESSAGE,
    MAX_PACKET,
    MESSAGE_AUTHENTICATOR,
    NAS_IP_ADDRESS,
    PROXY_STATE,
    REPLY_MESSAGE,
    STATE,
    STATUS_SERVER,
    USER_NAME,
    USER_PASSWORD,
    VENDOR_SPECIFIC,
    check_request,
    decrypt_password,
    encode_attributes,
    encode_reply,
    encode_request,
    encode_vendor_attribute,
    encrypt_password,
    has_ms_chap,
    parse,
    vendor_attributes,
)
from tests.fuzz.packet import check_datagram
from tests.radius_server import vectors
from tests.radius_server.vectors import BROKEN, GOLDEN, OUR_PAIRS, PASSWORDS, RFC_PAIRS, SECRET, Broken, Pair

NAS = (NAS_IP_ADDRESS, bytes((192, 168, 1, 16)))
STATES = ((PROXY_STATE, b"one"), (PROXY_STATE, b"two"))
GOLDEN_AUTHENTICATOR = GOLDEN[4:20]

APART_IN_PYRAD = (VENDOR_SPECIFIC, PROXY_STATE, MESSAGE_AUTHENTICATOR)
"""What pyrad builds by itself or keeps elsewhere."""

attribute = st.tuples(st.integers(1, 255).filter(lambda kind: kind != MESSAGE_AUTHENTICATOR), st.binary(max_size=253))
values = st.lists(st.binary(max_size=253), min_size=1, max_size=3)


def receive(packet: bytes) -> bool:
    """Check a packet as a client with the most tolerant settings gets it checked."""
    return check_request(parse(packet), SECRET, "off", limit_proxy_state=True)


@pytest.mark.parametrize("pair", RFC_PAIRS, ids=lambda pair: pair.name)
def test_rfc_requests_are_taken(pair: Pair) -> None:
    """Every request of the RFCs passes, and only Status-Server is signed."""
    assert (pair.request[0] == STATUS_SERVER) == receive(pair.request)


@pytest.mark.parametrize("pair", [*RFC_PAIRS, *OUR_PAIRS], ids=lambda pair: pair.name)
def test_replies_verify(pair: Pair) -> None:
    """A NAS takes each reply of the vectors for an answer to its request."""
    signed = parse(pair.reply).has(MESSAGE_AUTHENTICATOR)
    assert pair.reply[0] == verify_reply(pair.request, pair.reply, SECRET, signed=signed)


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.reason)
def test_broken_packets_are_dropped(broken: Broken) -> None:
    """A packet that breaks a rule is dropped for exactly that rule."""
    with pytest.raises(BadMessageError) as caught:
        receive(broken.packet)
    assert broken.reason == caught.value.reason


@pytest.mark.parametrize("packet", [vectors.PAP, vectors.GOLDEN_UNSIGNED], ids=["plain", "golden"])
def test_required_refuses_unsigned(packet: bytes) -> None:
    """A client that must sign is not heard without a Message-Authenticator, and that is the reason."""
    with pytest.raises(BadMessageError) as caught:
        check_request(parse(packet), SECRET, "required", limit_proxy_state=True)
    assert caught.value.reason == "message_authenticator_missing"


def test_proxy_state_switch() -> None:
    """An unsigned Proxy-State passes where the administrator allows it."""
    packet = parse(vectors.GOLDEN_UNSIGNED)
    assert check_request(packet, SECRET, "auto", limit_proxy_state=False) is False


@pytest.mark.parametrize("kind", [2, 3, 70, 79])
def test_unsigned_credentials(kind: int) -> None:
    """Each kind of credential but EAP stands alone without a signature."""
    packet = parse(b"\x01\x00\x00\x1a" + vectors.A + bytes((kind, 6)) + b"abcd")
    if kind == EAP_MESSAGE:
        with pytest.raises(BadMessageError):
            check_request(packet, SECRET, "off", limit_proxy_state=True)
    else:
        assert check_request(packet, SECRET, "off", limit_proxy_state=True) is False


@pytest.mark.parametrize(
    ("code", "request_bytes", "attributes", "expected"),
    [
        (ACCESS_ACCEPT, GOLDEN, (*STATES, (REPLY_MESSAGE, b"Approved")), vectors.GOLDEN_ACCEPT),
        (ACCESS_REJECT, GOLDEN, (*STATES, (REPLY_MESSAGE, b"Denied")), vectors.GOLDEN_REJECT),
        (
            ACCESS_CHALLENGE,
            GOLDEN,
            (
                *STATES,
                (REPLY_MESSAGE, b"Enter code"),
                (STATE, vectors.GOLDEN_STATE),
                (27, bytes((0, 0, 0, 60))),
                (76, bytes(4)),
            ),
            vectors.GOLDEN_CHALLENGE,
        ),
        (ACCESS_ACCEPT, vectors.GOLDEN_ANSWER, ((REPLY_MESSAGE, b"Approved"),), vectors.GOLDEN_ANSWER_ACCEPT),
        (ACCESS_REJECT, vectors.EAP, ((EAP_MESSAGE, b"\x04\x07\x00\x04"),), vectors.EAP_REJECT),
        (ACCESS_ACCEPT, vectors.STATUS, (), vectors.OUR_STATUS_REPLY),
    ],
    ids=["accept", "reject", "challenge", "second accept", "eap", "status"],
)
def test_golden_replies_built(
    code: int, request_bytes: bytes, attributes: tuple[tuple[int, bytes], ...], expected: bytes
) -> None:
    """The server builds the golden replies to the last octet."""
    assert encode_reply(code, parse(request_bytes), SECRET, attributes) == expected


@pytest.mark.parametrize(("hidden", "password"), PASSWORDS)
def test_passwords(hidden: bytes, password: bytes) -> None:
    """A password uncovers to the octets that were typed, and covers to the same octets again."""
    assert decrypt_password(hidden, GOLDEN_AUTHENTICATOR, SECRET).rstrip(b"\0") == password
    assert encrypt_password(password, GOLDEN_AUTHENTICATOR, SECRET) == hidden


def test_no_password_at_all() -> None:
    """A NAS that sends no octets means an empty password, as radcli does when the person presses Enter."""
    assert decrypt_password(b"", GOLDEN_AUTHENTICATOR, SECRET) == b""


@pytest.mark.parametrize("length", [1, 15, 17, 144])
def test_password_lengths(length: int) -> None:
    """A covered password of a length that cannot be is an error."""
    with pytest.raises(BadMessageError) as caught:
        decrypt_password(bytes(length), GOLDEN_AUTHENTICATOR, SECRET)
    assert caught.value.reason == "password_length"


def test_long_password_is_not_built() -> None:
    """A password of 129 octets cannot be sent."""
    with pytest.raises(BadMessageError):
        encrypt_password(b"x" * 129, GOLDEN_AUTHENTICATOR, SECRET)


def test_padding_is_cut() -> None:
    """Octets behind Length change nothing."""
    assert parse(GOLDEN + b"padding") == parse(GOLDEN)


def test_largest_packet() -> None:
    """A signed packet of 4096 octets is taken."""
    name = (USER_NAME, b"nemo")
    hidden = (USER_PASSWORD, encrypt_password(b"", vectors.A, SECRET))
    fill = [(PROXY_STATE, bytes(253))] * 15 + [(PROXY_STATE, bytes(MAX_PACKET - 62 - 15 * 255 - 2))]
    packet = encode_request(ACCESS_REQUEST, 0, vectors.A, SECRET, [name, hidden, *fill])
    assert len(packet) == MAX_PACKET
    assert receive(packet) is True


def test_signature_may_stand_last() -> None:
    """A Message-Authenticator at the end of the packet is as good as one at its front."""
    packet = AuthPacket(code=ACCESS_REQUEST, id=7, secret=SECRET, authenticator=vectors.A)
    packet[1], packet[2] = [b"nemo"], [encrypt_password(b"", vectors.A, SECRET)]
    packet[80] = [bytes(16)]
    packet.message_authenticator = True
    raw = packet.RequestPacket()
    assert parse(raw).attributes[-1][0] == MESSAGE_AUTHENTICATOR
    assert receive(raw) is True


def test_vendor_attributes() -> None:
    """Several sub-attributes of one body are found; malformed bodies are passed over."""
    good = (VENDOR_SPECIFIC, b"\0\0\x01\x37" + encode_attributes([(1, b"a"), (25, b"b")]))
    bad = [
        (VENDOR_SPECIFIC, body)
        for body in (b"", b"\0\0\x01\x37", b"\0\0\x01\x37\x01\x00", b"\0\0\x01\x37\x01\x03a\x02")
    ]
    assert list(vendor_attributes((*bad, good, NAS))) == [(311, 1, b"a"), (311, 25, b"b")]


@pytest.mark.parametrize(("kind", "expected"), [(1, True), (25, True), (11, False)])
def test_ms_chap_is_a_credential(kind: int, expected: bool) -> None:
    """An unsigned MS-CHAP response is a credential; a challenge alone is none."""
    body = encode_attributes([(USER_NAME, b"bob"), encode_vendor_attribute(311, kind, bytes(50))])
    packet = parse(b"\x01\x00" + (20 + len(body)).to_bytes(2, "big") + vectors.A + body)
    assert has_ms_chap(packet) is expected
    if expected:
        assert check_request(packet, SECRET, "off", limit_proxy_state=True) is False
    else:
        with pytest.raises(BadMessageError):
            check_request(packet, SECRET, "off", limit_proxy_state=True)


def test_packets_hide_their_octets() -> None:
    """A packet in a log shows neither attributes nor raw octets."""
    shown = repr(parse(GOLDEN))
    assert "nemo" not in shown
    assert "raw" not in shown


def test_oversized_reply_is_not_built() -> None:
    """A reply of more than 4096 octets, or with a value of more than 253, cannot be built."""
    request = parse(GOLDEN)
    with pytest.raises(BadMessageError) as caught:
        encode_reply(ACCESS_REJECT, request, SECRET, [(PROXY_STATE, bytes(253))] * 16)
    assert caught.value.reason == "packet_too_long"
    with pytest.raises(BadMessageError) as caught:
        encode_reply(ACCESS_REJECT, request, SECRET, [(PROXY_STATE, bytes(254))])
    assert caught.value.reason == "value_too_long"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(attribute, max_size=14), st.integers(0, 255), st.binary(min_size=16, max_size=16), st.binary(min_size=1)
)
def test_parse_of_encode(
    attributes: list[tuple[int, bytes]], identifier: int, authenticator: bytes, secret: bytes
) -> None:
    """Whatever is encoded is parsed to the same attributes, and pyrad finds it signed right."""
    raw = encode_request(ACCESS_REQUEST, identifier, authenticator, secret, attributes)
    packet = parse(raw)
    assert (packet.identifier, packet.authenticator) == (identifier, authenticator)
    assert packet.attributes[1:] == tuple(attributes)
    assert AuthPacket(packet=raw, secret=secret).verify_message_authenticator()


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.lists(attribute.filter(lambda pair: pair[0] != PROXY_STATE), max_size=14),
    st.sampled_from([ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE]),
)
def test_pyrad_takes_our_replies(attributes: list[tuple[int, bytes]], code: int) -> None:
    """An independent client that insists on signature and Proxy-States takes every reply that we build."""
    reply = encode_reply(code, parse(GOLDEN), SECRET, (*STATES, *attributes))
    request = AuthPacket(packet=GOLDEN, secret=SECRET)
    assert request.VerifyReply(request.CreateReply(packet=reply), reply, enforce_ma=True)
    assert verify_reply(GOLDEN, reply, SECRET) == code


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.dictionaries(st.integers(1, 255).filter(lambda kind: kind not in APART_IN_PYRAD), values, max_size=5),
    st.lists(st.binary(max_size=253), max_size=4),
    st.sampled_from([ACCESS_ACCEPT, ACCESS_REJECT, ACCESS_CHALLENGE]),
)
def test_pyrad_builds_the_same_reply(groups: dict[int, list[bytes]], states: list[bytes], code: int) -> None:
    """An independent server builds each reply to the same octets, from the same attributes."""
    request = build_request("nemo", "arctangent", SECRET, 7, [(PROXY_STATE, state) for state in states])
    theirs = AuthPacket(packet=request, secret=SECRET).CreateReply()
    theirs.code = code
    for kind, group in groups.items():
        theirs[kind] = group
    attributes = [(PROXY_STATE, state) for state in states]
    attributes += [(kind, value) for kind, group in groups.items() for value in group]
    assert encode_reply(code, parse(request), SECRET, attributes) == theirs.ReplyPacket()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.binary(max_size=128), st.binary(min_size=16, max_size=16), st.binary(min_size=1, max_size=80))
def test_password_round_trip(password: bytes, authenticator: bytes, secret: bytes) -> None:
    """A covered password uncovers to itself, filled up with NULs."""
    hidden = encrypt_password(password, authenticator, secret)
    assert decrypt_password(hidden, authenticator, secret) == password.ljust(len(hidden), b"\0")


def mutated(chance: random.Random) -> bytes:
    """Change a good packet as an attacker without the secret might."""
    pool = [pair.request for pair in (*RFC_PAIRS, *OUR_PAIRS)] + [broken.packet for broken in BROKEN]
    packet = bytearray(chance.choice(pool))
    for _ in range(chance.randint(1, 4)):
        where = chance.randrange(len(packet))
        match chance.randrange(4):
            case 0:
                packet[where] = chance.randrange(256)
            case 1:
                packet[where : where + chance.randint(1, 20)] = b""
            case 2:
                packet[where:where] = chance.randbytes(chance.randint(1, 40))
            case _:
                packet += chance.choice(pool)[20:]
        packet = packet or bytearray(1)
        if chance.random() < 0.7 and len(packet) >= 4:
            packet[2:4] = len(packet).to_bytes(2, "big")
    return bytes(packet)


@pytest.mark.parametrize("seed", range(5))
def test_mutated_packets(seed: int) -> None:
    """A mutated packet is dropped for a documented reason, or it is taken and encodes to itself; nothing else."""
    chance = random.Random(seed)
    outcomes = {check_datagram(mutated(chance)) for _ in range(1000)}
    assert len(outcomes) > 8
