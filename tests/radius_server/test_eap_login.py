"""EAP conversations until somebody has typed something."""

from dataclasses import replace
from ipaddress import ip_network

import pytest

from pushgate.clock import FakeClock
from pushgate.errors import BadMessageError
from radius_server.clients import Client, NameRules
from radius_server.counters import Counters, DropLog
from radius_server.eap import EAP_GTC, EAP_IDENTITY, EapMessage, eap_packet
from radius_server.eap_login import EapQuestion, EapTurns, read_eap, refuse_turn
from radius_server.limits import OVERLOADED
from radius_server.link import Exchange
from radius_server.outbox import Outbox
from radius_server.requests import RequestReader
from radius_server.schemes import Refusal
from radius_server.states import UNKNOWN_STATE, StateTable
from radius_server.timing import Rhythms
from radius_server.wire import EAP_MESSAGE, STATE, encode_request, parse
from tests.support.radius import SECRET, RecordingLink, make_exchange

CLIENT = Client("vpn", ip_network("192.0.2.0/24"), SECRET, eap_gtc=True)
HELLO = eap_packet(2, 7, b"\x01alice")


def request(*pieces: bytes, state: bytes | None = None, user: bytes = b"alice", client: Client = CLIENT) -> Exchange:
    """Return a request with an EAP message in pieces."""
    attributes = [(1, user), *((EAP_MESSAGE, piece) for piece in pieces)]
    attributes += [(STATE, state)] if state is not None else []
    return make_exchange(encode_request(1, 1, bytes(16), SECRET, attributes), client)


def make_turns(capacity: int = 10) -> EapTurns:
    """Return conversations with everything that they need."""
    counters, clock = Counters(), FakeClock()
    return EapTurns(StateTable(capacity, capacity), Outbox(clock, counters, DropLog(counters), Rhythms(28)))


def take(turns: EapTurns, exchange: Exchange) -> bytes | Refusal | None:
    """Take one turn."""
    message = read_eap(exchange)
    if isinstance(message, Refusal):
        return message
    states = exchange.request.packet.values(STATE)
    return turns.take(exchange, RequestReader(exchange.request), message, states[0] if states else None)


def question(exchange: Exchange) -> tuple[bytes, bytes]:
    """Return the EAP message and the State that left."""
    assert isinstance(exchange.link, RecordingLink)
    [reply] = exchange.link.sent
    return b"".join(parse(reply).values(EAP_MESSAGE)), parse(reply).values(STATE)[0]


def begun(turns: EapTurns) -> bytes:
    """Begin a conversation; return the State of the question for the typed line, whose Identifier is 8."""
    hello = request(HELLO)
    assert take(turns, hello) is None
    message, state = question(hello)
    assert message == b"\x01\x08\x00\x0d\x06Password"
    return state


def test_start() -> None:
    """A NAS that starts EAP without a message is asked for the identity."""
    turns, exchange = make_turns(), request(b"")
    assert take(turns, exchange) is None
    message, state = question(exchange)
    assert (message, exchange.eap_identifier) == (b"\x01\x01\x00\x05\x01", 0)
    hello = request(eap_packet(2, 1, b"\x01alice"), state=state)
    assert take(turns, hello) is None
    assert question(hello)[0] == b"\x01\x02\x00\x0d\x06Password"


@pytest.mark.parametrize("typed", [b"", b"push", b"p\xc3\xa4ss", b"x" * 900])
def test_the_typed_line(typed: bytes) -> None:
    """What the person types is handed on, from as many attributes as it took."""
    turns = make_turns()
    answer = eap_packet(2, 8, b"\x06" + typed)
    pieces = [answer[start : start + 253] for start in range(0, len(answer), 253)]
    assert take(turns, request(*pieces, state=begun(turns))) == typed
    assert turns.questions.open == {}


@pytest.mark.parametrize(
    ("typed", "reason"),
    [(b"caf\xe9", "password_encoding"), (b"a\0b", "password_holds_nul"), (b"\0", "password_holds_nul")],
)
def test_lines_that_cannot_be(typed: bytes, reason: str) -> None:
    """A line in another encoding, or with a NUL, is refused as in a password field."""
    turns = make_turns()
    state = begun(turns)
    with pytest.raises(BadMessageError) as error:
        take(turns, request(eap_packet(2, 8, b"\x06" + typed), state=state))
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (eap_packet(2, 8, b"\x03\x15"), "eap_without_gtc"),
        (eap_packet(2, 8, b"\x04\x10"), "eap_out_of_turn"),
        (eap_packet(2, 7, b"\x06push"), "eap_out_of_turn"),
        (eap_packet(2, 8, b"\x01alice"), "eap_out_of_turn"),
        (eap_packet(2, 8), "eap_out_of_turn"),
        (eap_packet(1, 8, b"\x06push"), "eap_request"),
        (eap_packet(3, 8), "eap_request"),
    ],
)
def test_out_of_turn(message: bytes, reason: str) -> None:
    """Another type, another Identifier, a refusal and what no peer may send end the conversation."""
    turns = make_turns()
    refusal = take(turns, request(message, state=begun(turns)))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == reason


def test_a_request_gets_a_nak() -> None:
    """An EAP request, which no NAS may send, is refused with a Nak (RFC 3579 section 2.6.2)."""
    exchange = request(eap_packet(1, 8, b"\x06push"))
    refusal = read_eap(exchange)
    assert isinstance(refusal, Refusal)
    assert (refusal.attributes, exchange.eap_identifier) == (((EAP_MESSAGE, b"\x02\x08\x00\x06\x03\x00"),), None)


@pytest.mark.parametrize("state", [b"", b"pg1.AAAAAAAAAAAAAAAAAAAAAAAA"])
def test_unknown_states(state: bytes) -> None:
    """A State that was never given out answers nothing."""
    assert take(make_turns(), request(eap_packet(2, 8, b"\x06push"), state=state)) is UNKNOWN_STATE


def test_a_line_without_a_question() -> None:
    """A typed line that nobody asked for is out of turn."""
    refusal = take(make_turns(), request(eap_packet(2, 8, b"\x06push")))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "eap_out_of_turn"


@pytest.mark.parametrize("identity", [b"mallory", b"", b"Alice", b"alice\0", b"alice@example.org"])
def test_an_identity_that_is_not_the_user(identity: bytes) -> None:
    """A peer that calls itself otherwise than the NAS does is turned away (RFC 3579 section 2.1)."""
    refusal = take(make_turns(), request(eap_packet(2, 7, b"\x01" + identity)))
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "eap_identity"


def test_an_identity_by_the_rules_for_names() -> None:
    """Identity and user name are compared as the client's rules make them."""
    client = replace(CLIENT, names=NameRules(strip_realm=True, fold_case=True))
    exchange = request(eap_packet(2, 7, b"\x01Alice@example.org"), user=b"ALICE", client=client)
    assert take(make_turns(), exchange) is None
    with pytest.raises(BadMessageError, match="UTF-8"):
        take(make_turns(), request(eap_packet(2, 7, b"\x01\xff")))


def test_the_bound() -> None:
    """More conversations than there is room for are turned away."""
    turns = make_turns(capacity=1)
    begun(turns)
    assert take(turns, request(HELLO)) is OVERLOADED


def test_wrong_hands() -> None:
    """A State of another user answers nothing and stays good."""
    turns = make_turns()
    state = begun(turns)
    answer = eap_packet(2, 8, b"\x06push")
    assert take(turns, request(answer, state=state, user=b"bob")) is UNKNOWN_STATE
    assert take(turns, request(answer, state=state)) == b"push"


def test_questions() -> None:
    """A question knows its answer."""
    asked = EapQuestion(EAP_GTC, 8)
    assert asked.is_answered_by(EapMessage(2, 8, EAP_GTC, b""))
    assert not asked.is_answered_by(EapMessage(2, 9, EAP_GTC, b""))
    assert not asked.is_answered_by(EapMessage(2, 8, EAP_IDENTITY, b""))


def test_hint_for_devices_without_gtc() -> None:
    """The log says what an administrator has to offer instead."""
    assert "FreeRADIUS in front" in refuse_turn(EapMessage(2, 8, 3, b"")).hint
