"""One request and the way back."""

from ipaddress import ip_network

from radius_server.clients import Client
from radius_server.link import Link
from tests.support.radius import SECRET, RecordingLink, access_request, make_exchange


def test_an_exchange_knows_its_client() -> None:
    """A request belongs to the client under whose secret it was proved."""
    client = Client("vpn", ip_network("192.0.2.0/24"), SECRET)
    assert make_exchange(access_request(), client).client is client


def test_secrets_and_passwords_are_not_shown() -> None:
    """A request in a log or traceback shows neither the shared secret nor what was typed."""
    exchange = make_exchange(access_request("alice", "canary"), Client("vpn", ip_network("192.0.2.0/24"), b"canary"))
    assert "canary" not in repr(exchange.request)


def test_datagrams_can_be_forged() -> None:
    """A link is taken for one that anybody can write to, unless it says otherwise."""
    link: Link = RecordingLink()
    assert link.forgeable
