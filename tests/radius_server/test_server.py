"""The server on real UDP sockets, with a core that does what the test says and a clock that the test moves."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_network

import pytest
from structlog.testing import capture_logs

from pushgate.clock import FakeClock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.errors import PushgateError
from pushgate.login import Login, Origin, OriginSource, Secret
from radius_server.clients import Client, ClientTable
from radius_server.counters import STRANGER_LINES
from radius_server.nas import verify_reply
from radius_server.server import RadiusServer
from radius_server.status import BURST
from radius_server.udp import Datagram
from radius_server.wire import (
    ACCESS_ACCEPT,
    ACCESS_REJECT,
    PROXY_STATE,
    MessageAuthenticatorMode,
    parse,
)
from tests.radius_server import vectors
from tests.radius_server.test_wire import mutated
from tests.support.radius import (
    ACCEPT,
    DENY,
    SECRET,
    RadiusSender,
    ScriptedCore,
    access_request,
    options,
    status_request,
)

VPN = Client("vpn", ip_network("127.0.0.0/8"), SECRET)
VECTORS = Client("vectors", ip_network("127.0.0.0/8"), vectors.SECRET, message_authenticator="off")
UNKNOWN_USER = Decision(accept=False, reason=Reason.UNKNOWN_USER, audit_id="a3")


Authenticate = Callable[[Login, Conversation], Awaitable[Decision]]


class Gate:
    """A server, the core behind it, its clock, and a NAS in front of it."""

    def __init__(self, server: RadiusServer, core: ScriptedCore, clock: FakeClock, nas: RadiusSender) -> None:
        self.server, self.core, self.clock, self.nas = server, core, clock, nas

    async def send(self, *packets: bytes) -> None:
        """Send packets and let the server take them in."""
        for packet in packets:
            self.nas.send(packet)
        await self.clock.settle()

    async def decide(self, number: int, decision: Decision) -> None:
        """Decide a login and let the reply leave."""
        self.core.decide(number, decision)
        await self.clock.settle()


@asynccontextmanager
async def running(
    client: Client = VPN, authenticate: Authenticate | None = None, **changes: object
) -> AsyncIterator[Gate]:
    """Run a server with one client, on a clock that stands still."""
    clock, core = FakeClock(), ScriptedCore()
    if authenticate is not None:
        core.authenticate = authenticate  # type: ignore[method-assign, assignment]
    server = RadiusServer(options(**changes), ClientTable([client]), core, clock)
    await server.start()
    try:
        with RadiusSender(server.ports[0], secret=client.secret) as nas:
            yield Gate(server, core, clock, nas)
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("decision", "code"), [(ACCEPT, ACCESS_ACCEPT), (DENY, ACCESS_REJECT)], ids=["approved", "denied"]
)
async def test_decision_is_sent(decision: Decision, code: int) -> None:
    """A person's answer reaches the NAS at once, whichever it is."""
    async with running() as gate:
        request = access_request("alice", "push")
        await gate.send(request)
        await gate.decide(0, decision)
        assert verify_reply(request, await gate.nas.receive(), SECRET) == code


async def test_login_and_deadline() -> None:
    """The core gets who logs in, where, from where, what was typed, and when the NAS must have its reply."""
    async with running(answer_within=12.0) as gate:
        await gate.clock.advance(5)
        await gate.send(access_request("alice", "push", attributes=((32, b"gate-1"),)))
        [login] = gate.core.logins
        assert login == Login(
            user="alice",
            service="vpn",
            host="gate-1",
            origin=Origin("203.0.113.7", OriginSource.NAS),
            secret=Secret(b"push"),
            join_key=login.join_key,
        )
        assert gate.core.conversations[0].reply_by == gate.clock.now() + 12.0


async def test_golden_exchange() -> None:
    """The golden request gets the golden Accept, octet by octet."""
    async with running(VECTORS) as gate:
        await gate.send(vectors.GOLDEN)
        await gate.decide(0, ACCEPT)
        assert await gate.nas.receive() == vectors.GOLDEN_ACCEPT


async def test_retransmissions() -> None:
    """A repeated packet starts nothing; after the answer it gets the same octets, for 30 seconds."""
    async with running() as gate:
        request = access_request()
        await gate.send(request, request, request, request)
        await gate.decide(0, ACCEPT)
        reply = await gate.nas.receive()
        await gate.nas.expect_silence()
        await gate.clock.advance(29)
        await gate.send(request, request + b"padding")
        assert [await gate.nas.receive(), await gate.nas.receive()] == [reply, reply]
        assert len(gate.core.logins) == 1
        await gate.clock.advance(1)
        await gate.send(request)
        assert len(gate.core.logins) == 2
        assert gate.server.counters.dup_access_requests == 5


async def test_other_port_is_another_packet() -> None:
    """Equal packets from two ports of a NAS that names no session are two requests and two logins."""
    async with running() as gate:
        request = access_request()
        with RadiusSender(gate.server.ports[0]) as other:
            await gate.send(request)
            other.send(request)
            await gate.clock.settle()
        assert len(gate.core.logins) == 2


async def test_forged_packet_displaces_nothing() -> None:
    """A packet with a wrong signature never touches the login that waits under its Identifier."""
    async with running() as gate:
        request = access_request("alice")
        forged = access_request("alice", secret=b"the secret of somebody else")
        await gate.send(request)
        await gate.send(forged)
        await gate.decide(0, ACCEPT)
        assert verify_reply(request, await gate.nas.receive(), SECRET) == ACCESS_ACCEPT
        assert gate.core.withdrawn == []
        assert gate.server.counters.bad_authenticators == 1


@pytest.mark.parametrize("broken", vectors.BROKEN, ids=lambda broken: broken.reason)
async def test_broken_packets(broken: vectors.Broken) -> None:
    """A broken packet gets no answer, asks nobody, and is logged once with its reason however often it comes."""
    async with running(VECTORS) as gate:
        with capture_logs() as logs:
            await gate.send(*[broken.packet] * 20)
            await gate.nas.expect_silence()
        assert [(line["sender"], line["source"], line["reason"]) for line in logs] == [
            ("vectors", "127.0.0.1", broken.reason)
        ]
        assert gate.core.logins == []
        assert len(gate.server.duplicates) == 0


async def test_log_again_after_a_minute() -> None:
    """A storm that lasts is logged again each minute."""
    async with running() as gate:
        with capture_logs() as logs:
            for _ in range(3):
                await gate.send(b"x", b"x")
                await gate.clock.advance(60)
        assert len(logs) == 3
        assert gate.server.counters.malformed_access_requests == 6


async def test_unknown_client() -> None:
    """A stranger gets silence for whatever it sends, and one log line that names it."""
    stranger = replace(VPN, network=ip_network("192.0.2.0/24"))
    async with running(stranger) as gate:
        with capture_logs() as logs:
            await gate.send(access_request(), access_request(), status_request(), b"junk")
        assert gate.server.counters.invalid_requests == 4
        assert [(line["event"], line["sender"], line["reason"]) for line in logs] == [
            ("radius_dropped", "127.0.0.1", "unknown_client")
        ]
        assert gate.nas.drain() == []


@pytest.mark.parametrize("mode", ["auto", "off"])
async def test_unsigned_request(mode: MessageAuthenticatorMode) -> None:
    """A NAS that cannot sign is answered, with a signature, unless it must sign."""
    async with running(replace(VECTORS, message_authenticator=mode)) as gate:
        await gate.send(vectors.PAP)
        await gate.decide(0, ACCEPT)
        assert verify_reply(vectors.PAP, await gate.nas.receive(), vectors.SECRET) == ACCESS_ACCEPT


async def test_unsigned_request_where_required() -> None:
    """A NAS that must sign gets silence for what is unsigned, and the log says what to do."""
    async with running(replace(VECTORS, message_authenticator="required")) as gate:
        with capture_logs() as logs:
            await gate.send(vectors.PAP)
        assert gate.core.logins == []
        assert logs[0]["hint"] == "let the appliance send Message-Authenticator, or set message_authenticator"


async def test_status_beside_pending_logins() -> None:
    """A probe is answered while as many logins are pending as may be."""
    async with running(max_pending=2, max_pending_per_client=2) as gate:
        await gate.send(*(access_request(f"user{number}", identifier=number) for number in range(3)))
        assert (await gate.nas.receive())[:2] == bytes((ACCESS_REJECT, 2))
        probe = status_request()
        assert await gate.nas.ask(probe) == ACCESS_ACCEPT
        assert gate.server.counters.status_replies == 1
        assert gate.server.counters.access_requests == 3


async def test_status_rate() -> None:
    """A flood of probes is answered up to the burst, logged once, and touches no login."""
    async with running() as gate:
        with capture_logs() as logs:
            await gate.send(*[status_request()] * 40)
        assert gate.server.counters.status_replies == BURST
        assert gate.server.counters.status_requests == 40
        assert [line["reason"] for line in logs] == ["status_server_rate"]


async def test_status_switched_off() -> None:
    """A client without Status-Server gets no answer to a probe."""
    async with running(replace(VPN, status_server=False)) as gate:
        await gate.send(status_request())
        assert (gate.server.counters.status_requests, gate.server.counters.status_replies) == (1, 0)


async def test_strangers_silence_no_client() -> None:
    """A flood from addresses of nobody's is logged a few times, and what happens at a client is logged still."""
    async with running() as gate:
        with capture_logs() as logs:
            for number in range(2000):
                stranger = Datagram(b"", (f"10.0.{number >> 8}.{number & 255}", 1), [])
                gate.server.find_client(gate.server.sockets[0], stranger, gate.server.receive_datagram)
            await gate.send(b"too short")
        assert [line["reason"] for line in logs] == ["unknown_client"] * STRANGER_LINES + ["too_short"]


async def test_golden_eap_reject() -> None:
    """An EAP request gets the golden Reject, octet by octet."""
    async with running(VECTORS) as gate:
        await gate.send(vectors.EAP)
        assert await gate.nas.receive() == vectors.EAP_REJECT


async def test_proxy_states_return() -> None:
    """The Proxy-States of a request come back in their order."""
    states = tuple((PROXY_STATE, value) for value in (b"b", b"a", b"b"))
    async with running() as gate:
        await gate.send(access_request(attributes=states))
        await gate.decide(0, DENY)
        attributes = parse(await gate.nas.receive()).attributes
        assert tuple(pair for pair in attributes if pair[0] == PROXY_STATE) == states


async def test_stop_withdraws() -> None:
    """Stopping withdraws every login, sends nothing, and frees the port."""
    async with running() as gate:
        await gate.send(*(access_request(f"user{number}", identifier=number) for number in range(3)))
        [port] = gate.server.ports
        await gate.server.stop()
        assert sorted(gate.core.withdrawn) == [0, 1, 2]
        assert gate.server.counters.cancels == 3
        assert gate.nas.drain() == []
        again = RadiusServer(options(listen=[("127.0.0.1", port)]), ClientTable([VPN]), gate.core, gate.clock)
        await again.start()
        assert again.ports == [port]
        await again.stop()


async def test_taken_port() -> None:
    """A server whose second port is taken does not start, and gives the first one back."""
    async with running() as gate:
        [taken] = gate.server.ports
        server = RadiusServer(
            options(listen=[("127.0.0.1", 0), ("127.0.0.1", taken)]), ClientTable([VPN]), gate.core, gate.clock
        )
        with pytest.raises(PushgateError, match="address already in use"):
            await server.start()
        assert server.sockets == []


async def test_several_listeners() -> None:
    """Every listener answers, and the same packet at two of them is two requests."""
    async with running(listen=[("127.0.0.1", 0), ("127.0.0.2", 0), ("::1", 0)]) as gate:
        request = access_request()
        for number, host in enumerate(("127.0.0.1", "127.0.0.2")):
            gate.nas.server = (host, gate.server.ports[number])
            await gate.send(request)
            await gate.decide(number, ACCEPT)
            reply, source = await gate.nas.receive_from()
            assert (verify_reply(request, reply, SECRET), source) == (ACCESS_ACCEPT, host)
        assert len(gate.core.logins) == 2


async def test_wildcard_listener() -> None:
    """A server on every address answers from the one that was asked, and takes none of them for the person's."""
    async with running(listen=[("0.0.0.0", 0)]) as gate:
        with RadiusSender(gate.server.ports[0], "127.0.0.2") as nas:
            nas.send(access_request())
            await gate.clock.settle()
            await gate.decide(0, ACCEPT)
            assert (await nas.receive_from())[1] == "127.0.0.2"


async def test_mutated_packets() -> None:
    """A storm of mutated packets leaves a server that still answers, and at most one line per reason."""
    chance = random.Random(7)
    async with running(VECTORS, max_pending=50) as gate:
        with capture_logs() as logs:
            for _ in range(40):
                await gate.send(*(mutated(chance) for _ in range(25)))
        reasons = [line["reason"] for line in logs]
        assert len(reasons) == len(set(reasons)) > 8
        await gate.clock.advance(10)
        assert len(gate.nas.drain()) > 8
        await gate.nas.expect_silence()
