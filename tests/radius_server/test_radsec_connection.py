"""One connection, with a transport that the test looks into."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from ipaddress import ip_address
from typing import Any

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from radius_server.clients import Client, ClientTable
from radius_server.nas import verify_reply
from radius_server.radsec_connection import (
    BATCH,
    BREAKS,
    IDENTIFIERS,
    LIFETIME_GRACE,
    STALL_SECONDS,
    Owner,
    Peer,
    RadsecConnection,
)
from radius_server.server import RadiusServer
from radius_server.wire import (
    PROXY_STATE,
    encode_request,
    parse,
)
from tests.support import radsec
from tests.support.radius import ACCEPT, DENY, ScriptedCore, options
from tests.support.radsec import request, status

PEER = Peer(ip_address("192.0.2.7"), ip_address("192.0.2.1"))


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.reading, self.state = True, "open"

    @override
    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self if name == "ssl_object" else default

    def getpeercert(self, *, binary_form: bool) -> bytes:
        """Return the octets of a certificate, as an SSLObject does."""
        return b"certificate" if binary_form else b""

    def version(self) -> str:
        """Return the TLS version, as an SSLObject does."""
        return "TLSv1.3"

    @override
    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.limit = high

    @override
    def write(self, data: Any) -> None:
        self.written.append(bytes(data))

    @override
    def pause_reading(self) -> None:
        self.reading = False

    @override
    def resume_reading(self) -> None:
        self.reading = True

    @override
    def is_closing(self) -> bool:
        return self.state != "open"

    @override
    def close(self) -> None:
        self.state = "closed"

    @override
    def abort(self) -> None:
        self.state = "aborted"


class Book(Owner):
    """Admits everybody as the branch, and remembers."""

    def __init__(self) -> None:
        self.client: Client | None = radsec.client(secret=radsec.SECRET, limit_proxy_state=False)
        self.shown: list[tuple[bytes, str | None]] = []
        self.gone: list[RadsecConnection] = []

    @override
    def admit(self, connection: RadsecConnection, der: bytes, version: str | None) -> Client | None:
        self.shown.append((der, version))
        return self.client

    @override
    def lost(self, connection: RadsecConnection) -> None:
        self.gone.append(connection)


class Line:
    """A connection, both its ends, and the core behind it."""

    def __init__(self) -> None:
        self.clock, self.core, self.book = FakeClock(), ScriptedCore(), Book()
        limits = options(max_pending=1000, max_pending_per_client=1000)
        self.server = RadiusServer(limits, ClientTable([]), self.core, self.clock)
        self.connection, self.wire = self.another()

    def another(self) -> tuple[RadsecConnection, Wire]:
        """Open one more connection."""
        connection, wire = RadsecConnection(self.book, self.server, PEER), Wire()
        connection.connection_made(wire)
        return connection, wire

    async def feed(self, *packets: bytes) -> None:
        """Let octets arrive, and everything be done that follows."""
        self.connection.data_received(b"".join(packets))
        await self.clock.settle()

    async def decide(self, number: int, decision: Any = ACCEPT) -> None:
        """Decide a login and let the reply leave."""
        self.core.decide(number, decision)
        await self.clock.settle()

    def dropped(self) -> dict[str, int]:
        """Return what was dropped, by reason."""
        return dict(self.server.counters.dropped)

    def overdue(self) -> str:
        """Return why the connection has to end now, if its idle time-out is 600 s."""
        return self.connection.overdue(self.clock.now(), 600)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A connection of the branch."""
    line = Line()
    yield line
    await line.server.desk.stop()


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Keep log lines out of the output."""
    with capture_logs():
        yield


async def test_a_login(line: Line) -> None:
    """A person's answer goes back on the connection that asked; the core knows where the packet came from."""
    packet = request()
    await line.feed(packet)
    await line.decide(0)
    assert verify_reply(packet, line.wire.written[0], radsec.SECRET) == 2
    assert line.core.logins[0].service == "branch"
    assert line.book.shown == [(b"certificate", "TLSv1.3")]


async def test_a_refused_connection_is_cut(line: Line) -> None:
    """A connection that is nobody's ends before a packet of it is looked at."""
    line.book.client = None
    connection, wire = line.another()
    connection.data_received(request())
    connection.connection_lost(None)
    assert (wire.state, wire.written, line.book.gone, line.core.logins) == ("aborted", [], [], [])
    assert connection.gone.done()


async def test_octet_by_octet(line: Line) -> None:
    """A client whose octets arrive one by one gets the same replies."""
    packet = request()
    for octet in packet + status():
        line.connection.data_received(bytes([octet]))
    await line.clock.settle()
    await line.decide(0)
    assert [len(parse(reply).raw) > 0 for reply in line.wire.written] == [True, True]
    assert verify_reply(packet, line.wire.written[1], radsec.SECRET) == 2


async def test_replies_in_any_order(line: Line) -> None:
    """A person who takes long holds up nobody else on the connection, and a probe is answered meanwhile."""
    slow, quick = request("slow", 1), request("quick", 2)
    await line.feed(slow, quick, status())
    await line.decide(1, DENY)
    await line.clock.advance(1)
    await line.decide(0)
    probe, second, first = line.wire.written
    assert verify_reply(status(), probe, radsec.SECRET) == 2
    assert verify_reply(quick, second, radsec.SECRET) == 3
    assert verify_reply(slow, first, radsec.SECRET) == 2


async def test_every_identifier_in_flight(line: Line) -> None:
    """A client may have 256 requests in flight, and each gets its reply; the next one takes the place of one."""
    packets = [request(f"user{number}", number) for number in range(IDENTIFIERS)]
    await line.feed(*packets)
    assert len(line.core.logins) == IDENTIFIERS
    await line.feed(request("late", 7))
    assert line.core.withdrawn == [7]
    assert line.server.counters.conflicts == 1
    for number in range(IDENTIFIERS + 1):
        if number != 7:
            line.core.decide(number, ACCEPT)
    await line.clock.settle()
    codes = {reply[1]: reply[0] for reply in line.wire.written}
    assert codes == dict.fromkeys(range(IDENTIFIERS), 2)
    assert len(line.wire.written) == IDENTIFIERS


async def test_a_new_request_displaces_an_old_one_signed_or_not(line: Line) -> None:
    """A client that uses an Identifier again has given up on the first, whether or not both were signed.

    Nobody can forge a packet in here; a reply to the first would be taken for one to the second.
    """
    signed = request("first", 9)
    [authenticator] = [value for kind, value in parse(signed).attributes if kind == 80]
    unsigned = request("second", 9).replace(b"\x50\x12", b"\x1f\x12", 1)
    assert authenticator not in unsigned
    await line.feed(signed)
    await line.feed(unsigned)
    assert [login.user for login in line.core.logins] == ["first", "second"]
    assert line.core.withdrawn == [0]


async def test_repeated_packets(line: Line) -> None:
    """A client that repeats a packet against the rules asks nobody twice and gets the same reply."""
    packet = request("bob", 5)
    await line.feed(packet, packet)
    await line.decide(0)
    await line.feed(packet)
    assert len(line.core.logins) == 1
    assert line.wire.written[0] == line.wire.written[1]


async def test_proxies_may_pass_unsigned_requests(line: Line) -> None:
    """A request without Message-Authenticator and with Proxy-State is heard: TLS protects it; its reply is signed."""
    packet = bytearray(request("alice", 1, (PROXY_STATE, b"x")))
    packet[20:22] = b"\x1f\x12"
    await line.feed(bytes(packet))
    await line.decide(0)
    assert verify_reply(bytes(packet), line.wire.written[0], radsec.SECRET, signed=True) == 2


def broken(reason: str) -> bytes:
    """Make a packet that ends the connection."""
    good = bytearray(request())
    match reason:
        case "length_out_of_range":
            good[2:4] = b"\x00\x13"
        case "attribute_cut":
            good[2:4] = (len(good) + 1).to_bytes(2, "big")
            good += b"\x01"
        case "attribute_too_short":
            good[21] = 1
        case "attribute_overrun":
            good[-len("203.0.113.7") - 1] = 200
        case "two_message_authenticators":
            good[2:4] = (len(good) + 18).to_bytes(2, "big")
            good += b"\x50\x12" + bytes(16)
        case "message_authenticator_length":
            good[2:4] = (len(good) + 3).to_bytes(2, "big")
            good[20:22] = b"\x1f\x12"
            good += b"\x50\x03x"
        case "wrong_message_authenticator":
            good[25] ^= 1
    return bytes(good)


@pytest.mark.parametrize("reason", sorted(BREAKS))
async def test_what_ends_the_connection(line: Line, reason: str) -> None:
    """A client that sends such a packet loses the connection at once (RFC 6613 section 2.6.4: MUST)."""
    await line.feed(request("alice", 1), broken(reason), request("bob", 2))
    assert line.wire.state == "aborted"
    assert line.connection.ended == reason
    assert line.dropped() == {reason: 1}
    assert [login.user for login in line.core.logins] in ([], ["alice"])
    await line.feed(request("carol", 3))
    assert all(login.user == "alice" for login in line.core.logins)


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (encode_request(4, 1, bytes(16), radsec.SECRET), "unexpected_code"),
        (encode_request(2, 1, bytes(16), radsec.SECRET), "unexpected_code"),
        (encode_request(255, 1, bytes(16), radsec.SECRET), "unexpected_code"),
        (encode_request(1, 1, bytes(16), radsec.SECRET, [(0, b"x")]), "attribute_type_zero"),
        (encode_request(1, 1, bytes(16), radsec.SECRET, [(18, b"")] * 201), "too_many_attributes"),
        (encode_request(1, 1, bytes(16), radsec.SECRET, [(2, b"x" * 16), (3, b"y" * 17)]), "two_credentials"),
        (b"\x01\x01\x00\x19" + bytes(16) + b"\x4f\x05\x02\x01\x00", "message_authenticator_missing"),
        (b"\x0c\x01\x00\x14" + bytes(16), "message_authenticator_missing"),
        (b"\x01\x01\x00\x14" + bytes(16), "no_credential"),
    ],
)
async def test_what_is_dropped_alone(line: Line, packet: bytes, reason: str) -> None:
    """A bad packet of one NAS behind a proxy gets no answer, and the others' logins go on."""
    await line.feed(request("alice", 1), packet, status())
    assert line.dropped() == {reason: 1}
    await line.decide(0)
    assert len(line.wire.written) == 2
    assert line.wire.state == "open"


@pytest.mark.parametrize(
    "octets",
    [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 64, b"\xff" * 64, b"\x16\x03\x01\x02\x00" + bytes(512)],
    ids=["http", "zeros", "ones", "tls"],
)
async def test_garbage_ends_the_connection(line: Line, octets: bytes) -> None:
    """A client that speaks something else inside TLS is cut before much of it is kept."""
    await line.feed(octets)
    assert line.wire.state == "aborted"


async def test_a_flood_leaves_others_their_turn(line: Line) -> None:
    """A client that sends a thousand packets in one segment has them looked at some at a time."""
    line.connection.data_received(b"".join(encode_request(4, 1, bytes(16), radsec.SECRET) for _ in range(1000)))
    assert line.dropped() == {"unexpected_code": BATCH}
    assert not line.wire.reading
    await line.clock.settle()
    assert line.dropped() == {"unexpected_code": 1000}
    assert line.wire.reading


async def test_a_flood_ends_with_the_connection(line: Line) -> None:
    """A client whose connection ends while it floods has nothing more of it looked at."""
    line.connection.data_received(b"".join(encode_request(4, 1, bytes(16), radsec.SECRET) for _ in range(1000)))
    line.connection.connection_lost(None)
    await line.clock.settle()
    assert line.dropped() == {"unexpected_code": BATCH}


async def test_the_end_withdraws_what_is_pending(line: Line) -> None:
    """A client that goes away takes its logins along, its duplicate cache is empty, and a late write is no error."""
    packet = request()
    await line.feed(packet, request("bob", 2))
    await line.decide(1)
    line.connection.connection_lost(None)
    assert len(line.connection.table) == 0
    await line.clock.settle()
    assert line.core.withdrawn == [0]
    assert line.server.counters.cancels == 1
    assert line.connection.send(b"late") is False
    assert line.book.gone == [line.connection]
    assert len(line.wire.written) == 1


async def test_a_rejection_on_its_way_is_not_sent_after_the_end(line: Line) -> None:
    """A rejection that takes its time finds the connection closed and is let go."""
    line.core.at_once = Decision(accept=False, reason=Reason.BAD_SECRET, audit_id="a3")
    await line.feed(request())
    line.connection.connection_lost(ConnectionResetError())
    await line.clock.advance(5)
    assert line.wire.written == []
    assert line.connection.ended == "connection_lost"


async def test_another_connection_keeps_a_login_going(line: Line) -> None:
    """A client with two connections that asks for the same login on both gets its answer on the one that is left."""
    port = (5, b"\0\0\0\x07")
    first, second = request("alice", 1, port), request("alice", 2, port)
    await line.feed(first)
    other, wire = line.another()
    other.data_received(second)
    line.connection.connection_lost(None)
    await line.clock.settle()
    assert (len(line.core.logins), line.core.withdrawn) == (1, [])
    await line.decide(0)
    assert verify_reply(second, wire.written[0], radsec.SECRET) == 2
    assert line.wire.written == []


async def test_the_login_ends_with_the_last_connection(line: Line) -> None:
    """A login that two connections wait for is withdrawn when both are gone."""
    port = (5, b"\0\0\0\x07")
    await line.feed(request("alice", 1, port))
    other, _ = line.another()
    other.data_received(request("alice", 2, port))
    for connection in (line.connection, other):
        connection.connection_lost(None)
    await line.clock.settle()
    assert line.core.withdrawn == [0]


async def test_connections_have_duplicate_caches_of_their_own(line: Line) -> None:
    """Equal packets on two connections are two requests (RFC 6613 section 2.6.1)."""
    packet = request()
    await line.feed(packet)
    other, _ = line.another()
    other.data_received(packet)
    await line.clock.settle()
    assert len(line.core.logins) == 2


async def test_a_client_that_does_not_read_is_cut(line: Line) -> None:
    """A client that takes no replies is not read from either, and is cut after ten seconds."""
    line.connection.pause_writing()
    assert not line.wire.reading
    await line.feed(status())
    assert line.wire.written == []
    await line.clock.advance(STALL_SECONDS - 1)
    assert line.overdue() == ""
    await line.clock.advance(1)
    assert line.overdue() == "client_does_not_read"


async def test_a_client_that_reads_again_goes_on(line: Line) -> None:
    """A client that was slow for a moment has the packets looked at that had arrived."""
    line.connection.pause_writing()
    await line.feed(status())
    await line.clock.advance(STALL_SECONDS - 1)
    line.connection.resume_writing()
    await line.clock.settle()
    assert len(line.wire.written) == 1
    assert line.wire.reading
    await line.clock.advance(STALL_SECONDS)
    assert line.overdue() == ""


async def test_unsent_replies_are_bounded(line: Line) -> None:
    """A transport is told how many octets may wait for a client that does not read."""
    assert line.wire.limit == 64 * 1024


async def test_half_a_packet_must_not_take_long(line: Line) -> None:
    """A client that stops inside a packet, or sends it octet by octet, is cut ten seconds after its first octet."""
    packet = request()
    await line.feed(packet + packet[:5])
    for octet in packet[5:14]:
        await line.clock.advance(1)
        await line.feed(bytes([octet]))
        assert line.overdue() == ""
    await line.clock.advance(1)
    assert line.overdue() == "packet_incomplete"


async def test_packets_one_after_the_other_are_not_half_ones(line: Line) -> None:
    """A client of whom there is always half a packet, but never the same, is not cut."""
    packet = status()
    await line.feed(packet[:5])
    for _ in range(5):
        await line.clock.advance(STALL_SECONDS - 1)
        await line.feed(packet[5:] + packet[:5])
        assert line.overdue() == ""


async def test_an_idle_connection_ends_unless_somebody_waits(line: Line) -> None:
    """A connection without packets ends after the idle time-out, but not while a person is asked."""
    await line.feed(request())
    await line.clock.advance(599)
    assert line.overdue() == ""
    await line.clock.advance(1)
    assert line.overdue() == ""
    await line.decide(0)
    assert line.overdue() == "idle"
    await line.feed(status())
    assert line.overdue() == ""


async def test_a_lifetime_ends_when_nothing_is_pending(line: Line) -> None:
    """A connection that has lived long enough ends between logins, or after a grace where there is always one."""
    line.connection.ends_at = line.clock.now() + 100
    await line.clock.advance(99)
    assert line.overdue() == ""
    await line.feed(request())
    await line.clock.advance(2)
    assert line.overdue() == ""
    await line.clock.advance(LIFETIME_GRACE)
    assert line.overdue() == "lifetime"


async def test_a_lifetime_ends_at_once_when_idle(line: Line) -> None:
    """A connection without a login ends when its time is over."""
    line.connection.ends_at = line.clock.now() + 100
    await line.clock.advance(100)
    assert line.overdue() == "lifetime"


async def test_a_challenge_may_be_answered_on_another_connection(line: Line) -> None:
    """A client that closes after a challenge was sent may answer it on its next connection."""
    await line.feed(request())
    exchange = next(iter(line.connection.table.in_flight.values())).waiting
    assert exchange is not None
    conversation = line.core.conversations[0]
    conversation.rounds_left = 1  # type: ignore[attr-defined]
    asking = asyncio.ensure_future(conversation.ask("Code:", echo=False))
    await line.clock.settle()
    line.connection.connection_lost(None)
    await line.clock.settle()
    assert line.core.withdrawn == []
    other, wire = line.another()
    [state] = [value for kind, value in parse(line.wire.written[0]).attributes if kind == 24]
    answer = request("alice", 3, (24, state))
    other.data_received(answer)
    await line.clock.settle()
    assert await asking == ""
    await line.decide(0)
    assert verify_reply(answer, wire.written[0], radsec.SECRET) == 2
