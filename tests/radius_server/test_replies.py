"""From a decision to a reply."""

from ipaddress import ip_network

import pytest
from pyrad.packet import AuthPacket

from pushgate.decision import Decision, Reason
from pushgate.errors import BadMessageError
from radius_server.clients import Client
from radius_server.link import Exchange
from radius_server.replies import MAX_SHORT, encode_answer, reply_message, takes_its_time
from radius_server.schemes import Refusal, refuse_scheme
from radius_server.wire import PROXY_STATE, encode_request, encode_vendor_attribute, parse, verify_reply
from tests.radius_server import vectors
from tests.radius_server.vectors import GOLDEN, SECRET, A
from tests.support.radius import make_exchange


def exchange(request: bytes, *, eap: int | None = None) -> Exchange:
    """Return a request that waits for its reply."""
    return make_exchange(request, Client("vectors", ip_network("192.0.2.0/24"), SECRET), eap_identifier=eap)


def decision(accept: bool, message: str = "", reason: Reason = Reason.APPROVED) -> Decision:
    """Return a decision with this message."""
    return Decision(accept=accept, reason=reason, audit_id="a1", message=message)


def test_golden_accept() -> None:
    """An approval becomes the golden Accept, octet by octet."""
    assert encode_answer(exchange(GOLDEN), decision(True, "Approved")) == vectors.GOLDEN_ACCEPT


def test_golden_reject() -> None:
    """A denial becomes the golden Reject, octet by octet."""
    assert encode_answer(exchange(GOLDEN), decision(False, "Denied")) == vectors.GOLDEN_REJECT


def test_golden_eap_reject() -> None:
    """An EAP request gets the golden EAP-Failure without a Reply-Message."""
    request = parse(vectors.EAP)
    refusal = refuse_scheme(request)
    assert refusal is not None
    assert encode_answer(exchange(request.raw), refusal) == vectors.EAP_REJECT


def test_golden_ms_chap_reject() -> None:
    """An MS-CHAPv2 request gets the golden MS-CHAP-Error."""
    response = encode_vendor_attribute(311, 25, b"\x05" + bytes(49))
    request = parse(encode_request(1, 0x45, bytes(range(0x30, 0x40)), SECRET, [(1, b"nemo"), response]))
    refusal = refuse_scheme(request)
    assert refusal is not None
    assert encode_answer(exchange(request.raw), refusal) == vectors.MS_CHAP_REJECT


def test_proxy_states() -> None:
    """Every Proxy-State comes back unmodified and in order, empty ones and equal ones too."""
    states = [(PROXY_STATE, value) for value in (b"b", b"", b"a", b"b", b"\0\xff")]
    request = encode_request(1, 1, A, SECRET, [(1, b"nemo"), *states])
    reply = encode_answer(exchange(request), decision(True, "Approved"))
    assert parse(reply).attributes[1:] == (*states, (18, b"Approved"))
    client = AuthPacket(packet=request, secret=SECRET)
    assert client.VerifyReply(client.CreateReply(packet=reply), reply, enforce_ma=True)


def test_reject_stays_small() -> None:
    """The Reply-Message is left out where a Reject with it would overrun small buffers."""
    states = [(PROXY_STATE, bytes(200))] * 4
    request = parse(encode_request(1, 1, A, SECRET, [(1, b"nemo"), *states]))
    with_room = encode_answer(exchange(request.raw), decision(False, "x" * 170))
    without = encode_answer(exchange(request.raw), decision(False, "x" * 200))
    assert (len(with_room), len(without)) == (MAX_SHORT - 6, 20 + 18 + 4 * 202)
    assert parse(encode_answer(exchange(request.raw), decision(True, "x" * 200))).has(18)


def test_no_room() -> None:
    """A request so full of Proxy-States that no reply is possible is an error, not a crash."""
    body = bytes((2, 2)) + b"".join([bytes((33, 255)) + bytes(253)] * 15 + [bytes((33, 249)) + bytes(247)])
    request = parse(b"\x01\x01" + (20 + len(body)).to_bytes(2, "big") + A + body)
    assert len(request.raw) == 4096
    with pytest.raises(BadMessageError) as caught:
        encode_answer(exchange(request.raw), Refusal("password_length"))
    assert caught.value.reason == "packet_too_long"


def test_nothing_typed_is_repeated() -> None:
    """A reply holds no octets of name, password or calling station."""
    reply = encode_answer(exchange(GOLDEN), decision(False))
    assert {kind for kind, _ in parse(reply).attributes} == {80, PROXY_STATE}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Denied", b"Denied"),
        ("a\nb", b"a\\x0ab"),
        ("é" * 200, ("é" * 126).encode()),
        ("x" * 300, b"x" * 252),
    ],
)
def test_reply_message(text: str, value: bytes) -> None:
    """A message is cleaned and cut to one attribute without cutting a character."""
    assert reply_message(text) == [(18, value)]


def test_no_message() -> None:
    """No text makes no attribute."""
    assert reply_message("") == []


@pytest.mark.parametrize("reason", list(Reason))
def test_floor(reason: Reason) -> None:
    """Every reject takes its time but a person's No and overload; an accept never does."""
    assert takes_its_time(decision(False, reason=reason)) is (
        reason not in (Reason.DENIED, Reason.OVERLOADED, Reason.GIVEN_UP)
    )
    assert takes_its_time(decision(True, reason=reason)) is False


def test_verified_by_our_client() -> None:
    """Our own client takes the replies of the server."""
    assert verify_reply(GOLDEN, encode_answer(exchange(GOLDEN), Refusal("chap")), SECRET) == 3
