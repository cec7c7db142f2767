"""Accounting records: proved, acknowledged, thrown away."""

import hashlib
from collections.abc import AsyncIterator
from ipaddress import ip_network

import pytest
from structlog.testing import capture_logs

from pushgate.clock import FakeClock
from radius_server.accounting import ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE
from radius_server.clients import Client, ClientTable
from radius_server.server import RadiusServer
from radius_server.wire import PROXY_STATE, encode_attributes, md5, parse
from tests.radius_server import vectors
from tests.support.radius import SECRET, RadiusSender, ScriptedCore, options, status_request

VPN = Client("vpn", ip_network("127.0.0.0/8"), SECRET)
PROBE, PROBE_REPLY = (
    bytes.fromhex("0cb30026925f6b66dd5fed571fcb1db7ad3882605012e8d6eabda910875cd91fdade26367858"),
    bytes.fromhex("05b300140f6f92145f107e2f504e860a4860669c"),
)
"""RFC 5997 section 6.2, with the code in the response that its authenticator was made with."""


def record(secret: bytes = SECRET, *attributes: tuple[int, bytes]) -> bytes:
    """Build a record as a NAS sends it at the start of a session."""
    body = encode_attributes([(1, b"alice"), (40, b"\0\0\0\x01"), (44, b"5F00"), *attributes])
    head = bytes((ACCOUNTING_REQUEST, 9)) + (20 + len(body)).to_bytes(2, "big")
    return head + md5(head + bytes(16) + body + secret) + body


@pytest.fixture
async def server(request: pytest.FixtureRequest) -> AsyncIterator[RadiusServer]:
    """A server with an accounting port."""
    client = getattr(request, "param", VPN)
    running = RadiusServer(options(accounting=[("127.0.0.1", 0)]), ClientTable([client]), ScriptedCore(), FakeClock())
    await running.start()
    yield running
    await running.stop()


async def test_a_record_is_acknowledged(server: RadiusServer) -> None:
    """A NAS that sends a record gets its acknowledgement with its Proxy-States, and again if it asks again."""
    sent = record(SECRET, (PROXY_STATE, b"one"), (PROXY_STATE, b"two"))
    with RadiusSender(server.accounting_ports[0]) as nas:
        nas.send(sent)
        nas.send(sent)
        replies = [await nas.receive(), await nas.receive()]
    reply = parse(replies[0])
    assert (reply.code, reply.identifier) == (ACCOUNTING_RESPONSE, 9)
    assert reply.attributes == ((PROXY_STATE, b"one"), (PROXY_STATE, b"two"))
    proof = replies[0][:4] + sent[4:20] + replies[0][20:] + SECRET
    assert reply.authenticator == hashlib.md5(proof).digest()
    assert replies[0] == replies[1]


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (record(b"another secret"), "wrong_request_authenticator"),
        (vectors.GOLDEN, "unexpected_code"),
        (b"\x04", "too_short"),
    ],
)
async def test_what_proves_nothing_gets_silence(server: RadiusServer, packet: bytes, reason: str) -> None:
    """A stranger, a login on the wrong port and junk get no answer, and the log says why."""
    with RadiusSender(server.accounting_ports[0]) as nas, capture_logs() as logs:
        nas.send(packet)
        nas.send(record())
        assert (await nas.receive())[0] == ACCOUNTING_RESPONSE
        assert nas.drain() == []
    assert [line["reason"] for line in logs] == [reason]


@pytest.mark.parametrize("server", [Client("vectors", VPN.network, vectors.SECRET)], indirect=True)
async def test_the_probe_of_the_rfc(server: RadiusServer) -> None:
    """A probe of the accounting port gets the answer of RFC 5997, octet by octet."""
    with RadiusSender(server.accounting_ports[0]) as nas:
        nas.send(PROBE)
        assert await nas.receive() == PROBE_REPLY


async def test_a_record_on_the_login_port_gets_silence(server: RadiusServer) -> None:
    """A record that comes to the port for logins is dropped."""
    with RadiusSender(server.ports[0]) as nas:
        nas.send(record())
        await nas.expect_silence()


async def test_unsigned_probes_get_silence(server: RadiusServer) -> None:
    """A probe without Message-Authenticator is not answered, however the client is configured."""
    with RadiusSender(server.accounting_ports[0]) as nas:
        nas.send(status_request()[:2] + b"\0\x14" + bytes(16))
        nas.send(record())
        assert (await nas.receive())[0] == ACCOUNTING_RESPONSE
        assert nas.drain() == []


@pytest.mark.parametrize("server", [Client("quiet", VPN.network, SECRET, status_server=False)], indirect=True)
async def test_probes_can_be_switched_off(server: RadiusServer) -> None:
    """A client without Status-Server gets no answer to a probe here either."""
    with RadiusSender(server.accounting_ports[0]) as nas:
        nas.send(status_request())
        nas.send(record())
        assert (await nas.receive())[0] == ACCOUNTING_RESPONSE
        assert nas.drain() == []
