"""Probes."""

from ipaddress import ip_network

from radius_server.clients import Client
from radius_server.nas import verify_reply
from radius_server.status import BURST, StatusResponder
from radius_server.wire import (
    parse,
)
from tests.radius_server import vectors

CLIENT = Client("proxy", ip_network("192.0.2.1/32"), vectors.SECRET)
OTHER = Client("other", ip_network("192.0.2.2/32"), vectors.SECRET)


def test_golden_status() -> None:
    """The probe of RFC 5997 section 6.1 gets the golden reply."""
    assert StatusResponder().answer(parse(vectors.STATUS), CLIENT, 0.0) == vectors.OUR_STATUS_REPLY


def test_other_attributes_are_ignored() -> None:
    """A probe with NAS-IP-Address gets a reply with nothing but a signature."""
    reply = StatusResponder().answer(parse(vectors.STATUS_WITH_NAS), CLIENT, 0.0)
    assert reply is not None
    assert verify_reply(vectors.STATUS_WITH_NAS, reply, vectors.SECRET) == 2
    assert len(parse(reply).attributes) == 1


def test_rate() -> None:
    """A client gets 20 answers at once, then 5 a second; another client has its own."""
    responder = StatusResponder()
    probe = parse(vectors.STATUS)

    def answers(client: Client, tries: int, now: float) -> int:
        return sum(responder.answer(probe, client, now) is not None for _ in range(tries))

    assert answers(CLIENT, 30, 0.0) == BURST
    assert answers(OTHER, 1, 0.0) == 1
    assert answers(CLIENT, 30, 1.0) == 5
    assert answers(CLIENT, 30, 1.1) == 0
    assert answers(CLIENT, 30, 1000.0) == BURST
