"""The way out for replies."""

from dataclasses import replace
from ipaddress import ip_network

from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.clock import FakeClock
from radius_server.clients import Client
from radius_server.counters import Counters, DropLog
from radius_server.duplicates import Repeated
from radius_server.link import Exchange
from radius_server.nas import verify_reply
from radius_server.outbox import Outbox
from radius_server.replies import ChallengeText
from radius_server.schemes import Refusal
from radius_server.timing import Rhythms
from radius_server.wire import (
    PROXY_STATE,
    encode_attributes,
)
from tests.support.radius import ACCEPT, DENY, SECRET, RecordingLink, access_request, make_exchange

VPN = Client("vpn", ip_network("192.0.2.0/24"), SECRET)
FULL = tuple((PROXY_STATE, bytes(253)) for _ in range(15))
"""Proxy-States that leave about 250 octets of a packet."""
TEXT = ChallengeText("Approve", b"pg1.state", 60, echo=True)


def make_outbox() -> Outbox:
    """Return an outbox with everything that it needs."""
    counters = Counters()
    return Outbox(FakeClock(), counters, DropLog(counters), Rhythms(28))


def sent(exchange: Exchange) -> list[bytes]:
    """Return what left."""
    assert isinstance(exchange.link, RecordingLink)
    return exchange.link.sent


def repeated(exchange: Exchange) -> bytes | None:
    """Return what a repetition of the packet would get."""
    packet, entry = exchange.request.packet, exchange.entry
    seen = exchange.table.receive(entry.key, packet.authenticator, len(packet.raw), 0.0)
    assert isinstance(seen, Repeated)
    return seen.reply


def test_replies_are_kept_and_counted() -> None:
    """Each kind of reply is sent, kept for repetitions octet by octet, and counted."""
    outbox = make_outbox()
    exchanges = [make_exchange(access_request(), VPN) for _ in range(3)]
    outbox.reply(exchanges[0], ACCEPT)
    outbox.reply(exchanges[1], DENY)
    outbox.challenge(exchanges[2], TEXT)
    for exchange, code in zip(exchanges, (2, 3, 11), strict=True):
        [reply] = sent(exchange)
        assert verify_reply(exchange.request.packet.raw, reply, SECRET) == code
        assert repeated(exchange) == reply
    counters = outbox.counters
    assert (counters.access_accepts, counters.access_rejects, counters.access_challenges) == (1, 1, 1)


def test_a_displaced_packet_gets_nothing() -> None:
    """A packet that its NAS has given up gets no reply, is not counted and teaches nothing."""
    outbox, exchange = make_outbox(), make_exchange(access_request(), VPN)
    exchange.sent_at.append(3.0)
    exchange.table.forget(exchange.entry)
    outbox.reply(exchange, ACCEPT)
    assert (sent(exchange), outbox.counters.access_accepts, outbox.rhythms.seen) == ([], 0, {})


def test_a_reply_teaches_how_long_the_nas_waits() -> None:
    """A packet that came twice shows, once it is answered, that its NAS was still waiting."""
    outbox, exchange = make_outbox(), make_exchange(access_request(), VPN)
    exchange.sent_at.append(3.0)
    outbox.reply(exchange, ACCEPT)
    assert list(outbox.rhythms.seen) == [("vpn", exchange.request.source)]


def test_a_reply_that_cannot_be_sent() -> None:
    """A reply that the kernel refuses is kept for the repetition that will come, and logged once."""

    class Deaf(RecordingLink):
        @override
        def send(self, reply: bytes) -> bool:
            return False

    outbox, exchanges = make_outbox(), [make_exchange(access_request(), VPN) for _ in range(3)]
    with capture_logs() as logs:
        for exchange in exchanges:
            exchange.link = Deaf()
            outbox.reply(exchange, ACCEPT)
    assert [line["event"] for line in logs] == ["radius_send_failed"]
    assert None not in [repeated(exchange) for exchange in exchanges]


def test_no_room_for_a_challenge() -> None:
    """A request whose Proxy-States leave no room for a challenge is dropped, logged and forgotten."""
    outbox = make_outbox()
    exchange = make_exchange(access_request(attributes=FULL), replace(VPN, limit_proxy_state=False))
    with capture_logs() as logs:
        outbox.challenge(exchange, replace(TEXT, prompt="x" * 253))
    assert (sent(exchange), exchange.table.in_flight) == ([], {})
    assert [line["reason"] for line in logs] == ["packet_too_long"]


def test_no_room_for_eap() -> None:
    """The same holds for an EAP question."""
    outbox = make_outbox()
    exchange = make_exchange(access_request(attributes=FULL), VPN, eap_identifier=1)
    with capture_logs() as logs:
        outbox.ask_eap(exchange, bytes(253), b"pg1.state")
    assert (sent(exchange), exchange.table.in_flight) == ([], {})
    assert [line["reason"] for line in logs] == ["packet_too_long"]


def test_no_room_for_a_reject() -> None:
    """An unsigned request that is full of Proxy-States leaves no room for a signed reject: it gets no reply at all."""
    outbox = make_outbox()
    body = encode_attributes([(2, b""), *FULL, (PROXY_STATE, bytes(247))])
    packet = b"\x01\x01" + (20 + len(body)).to_bytes(2, "big") + bytes(16) + body
    exchange = make_exchange(packet, VPN)
    with capture_logs() as logs:
        outbox.reply(exchange, Refusal("x", message="y"))
    assert (len(packet), sent(exchange), exchange.table.in_flight) == (4096, [], {})
    assert [line["reason"] for line in logs] == ["packet_too_long"]
