"""From a decision to a reply."""

from ipaddress import ip_network

import pytest
from pyrad.packet import AuthPacket

from pushgate.decision import Decision, Reason
from pushgate.errors import BadMessageError
from radius_server.clients import Client
from radius_server.link import Exchange
from radius_server.nas import verify_reply
from radius_server.replies import (
    MAX_SHORT,
    ChallengeText,
    encode_answer,
    encode_challenge,
    encode_eap_question,
    reply_message,
    takes_its_time,
)
from radius_server.schemes import Refusal, refuse_scheme
from radius_server.wire import (
    EAP_MESSAGE,
    PROXY_STATE,
    REPLY_MESSAGE,
    STATE,
    encode_request,
    encode_vendor_attribute,
    parse,
)
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


def test_golden_challenge() -> None:
    """A question becomes the golden Challenge, octet by octet, and the golden answer to it the golden Accept."""
    text = ChallengeText("Enter code", vectors.GOLDEN_STATE, 60, echo=False)
    assert encode_challenge(exchange(GOLDEN), text) == vectors.GOLDEN_CHALLENGE
    answer = parse(vectors.GOLDEN_ANSWER)
    assert answer.values(STATE) == [vectors.GOLDEN_STATE]
    assert encode_answer(exchange(answer.raw), decision(True, "Approved")) == vectors.GOLDEN_ANSWER_ACCEPT


@pytest.mark.parametrize("prompt", ["", " ", "\t"])
def test_a_challenge_always_says_something(prompt: str) -> None:
    """A challenge without words would fail the login at some NASes, so a provider's empty question gets some."""
    text = ChallengeText(prompt, b"pg1.state", 60, echo=True)
    assert parse(encode_challenge(exchange(GOLDEN), text)).values(REPLY_MESSAGE) == [b"Code"]
    [message] = parse(encode_challenge(exchange(vectors.EAP, eap=7), text)).values(EAP_MESSAGE)
    assert message == b"\x01\x08\x00\x09\x06Code"


@pytest.mark.parametrize("prompt", ["x" * 1000, "ä" * 200, "€" * 100, "\x1b[2J" * 100])
def test_a_long_question(prompt: str) -> None:
    """A question that does not fit is cut between characters, in one Reply-Message; hidden characters are shown."""
    text = ChallengeText(prompt, b"pg1.state", 60, echo=True)
    [shown] = parse(encode_challenge(exchange(GOLDEN), text)).values(REPLY_MESSAGE)
    assert 240 < len(shown) <= 253
    assert shown.decode().isprintable()
    message = b"".join(parse(encode_challenge(exchange(vectors.EAP, eap=7), text)).values(EAP_MESSAGE))
    assert int.from_bytes(message[2:4], "big") == len(message) == 5 + len(shown)
    assert message[5:] == shown


def test_what_a_challenge_holds() -> None:
    """A challenge holds what RFC 2865 section 4.4 allows, in our order; an EAP one neither text nor Prompt."""
    text = ChallengeText("Approve", b"pg1.state", 31, echo=True)
    reply = parse(encode_challenge(exchange(GOLDEN), text))
    assert [kind for kind, _ in reply.attributes] == [80, 33, 33, 18, 24, 27, 76]
    assert [reply.values(27), reply.values(76)] == [[b"\0\0\0\x1f"], [b"\0\0\0\x01"]]
    assert [kind for kind, _ in parse(encode_challenge(exchange(vectors.EAP, eap=7), text)).attributes] == [
        80,
        79,
        24,
        27,
    ]
    question = parse(encode_eap_question(exchange(vectors.EAP, eap=7), b"\x01\x08\0\x05\x01", b"pg1.state"))
    assert [kind for kind, _ in question.attributes] == [80, 79, 24]


@pytest.mark.parametrize(("identifier", "following"), [(0, 1), (7, 8), (255, 0)])
def test_eap_identifiers(identifier: int, following: int) -> None:
    """A question has another Identifier than what it follows; success and failure have that of the response."""
    text = ChallengeText("Approve", b"pg1.state", 60, echo=True)
    asked = exchange(vectors.EAP, eap=identifier)
    assert parse(encode_challenge(asked, text)).values(EAP_MESSAGE)[0][:2] == bytes((1, following))
    for accept, code in ((True, 3), (False, 4)):
        reply = parse(encode_answer(exchange(vectors.EAP, eap=identifier), decision(accept, "Words")))
        assert reply.values(EAP_MESSAGE) == [bytes((code, identifier, 0, 4))]
        assert reply.values(REPLY_MESSAGE) == []


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
