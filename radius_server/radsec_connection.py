"""One RadSec connection: the packets that arrive, the way back for replies, and when it has to end.

While a packet is looked at, nothing else is; its login then goes on in a task of the desk's. So a person who takes a
minute holds up nobody else on the connection, and replies leave in the order in which they are ready.

When the connection ends, its duplicate cache goes with it, and logins that nobody else waits for are withdrawn
(RFC 6613 section 2.6.1): no reply could ever be delivered.
"""

import asyncio
import math
import ssl
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol, cast

from typing_extensions import override

from pushgate.errors import BadMessageError
from radius_server.certificates import PeerCertificate
from radius_server.clients import Client, IPAddress
from radius_server.duplicates import DuplicateTable
from radius_server.framing import PacketReader
from radius_server.link import Exchange, Link, Request
from radius_server.server import RadiusServer
from radius_server.wire import check_request, parse

CLOSED = "the connection closed"
IDENTIFIERS = 256
"""Requests that can be in flight on one connection: Identifier is one octet."""
BATCH = 32
"""Packets that are looked at before other connections have their turn."""
MAX_UNSENT = 64 * 1024
"""Octets of replies that wait for a client that does not read."""
STALL_SECONDS = 10.0
"""How long they may wait, and how long a packet may take from its first octet to its last."""
LIFETIME_GRACE = 300.0
"""How much longer than its lifetime a connection may stay on which logins are pending all the time."""

BREAKS = frozenset(
    {
        "length_out_of_range",
        "attribute_cut",
        "attribute_too_short",
        "attribute_overrun",
        "two_message_authenticators",
        "message_authenticator_length",
        "wrong_message_authenticator",
    }
)
"""What ends the connection (RFC 6613 section 2.6.4: MUST). Any other bad packet is dropped alone, because one NAS
behind a proxy must not be able to end the logins of all others there."""


@dataclass(frozen=True, slots=True)
class Peer:
    """The two ends of a connection."""

    source: IPAddress
    local: IPAddress


class Owner(Protocol):
    """Who keeps the connections."""

    def admit(self, connection: "RadsecConnection", der: bytes, version: str | None) -> Client | None:
        """Return whose connection it is, by its certificate; None if it is refused."""

    def lost(self, connection: "RadsecConnection") -> None:
        """Hear that an admitted connection is gone."""


class RadsecConnection(asyncio.Protocol, Link):
    """Takes requests in, and sends replies back."""

    forgeable = False

    def __init__(self, owner: Owner, server: RadiusServer, peer: Peer) -> None:
        self.owner, self.server, self.peer = owner, server, peer
        self.clock = server.clock
        self.table: DuplicateTable[Exchange] = DuplicateTable(IDENTIFIERS)
        self.reader = PacketReader()
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self.client: Client | None = None
        self.certificate: PeerCertificate | None = None
        self.begun = False
        """Whether the handshake has begun."""
        self.ended = ""
        """Why, once it has ended."""
        self.ends_at = math.inf
        """When it has lived long enough."""
        self.heard_at = 0.0
        self.begun_at: float | None = None
        """When the first octets came of a packet that is not complete."""
        self.stalled_at: float | None = None
        """Since when the client reads nothing."""
        self.turn: asyncio.Handle | None = None

    @property
    @override
    def key(self) -> Hashable:
        return id(self)

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.transport.set_write_buffer_limits(MAX_UNSENT)
        self.heard_at = self.clock.now()
        # Here and not after the handshake: the first packet may arrive together with its end.
        tls: ssl.SSLObject = transport.get_extra_info("ssl_object")
        self.client = self.owner.admit(self, tls.getpeercert(binary_form=True) or b"", tls.version())
        if self.client is None:
            self.ended = "refused"
            self.transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        if self.ended:
            return
        self.reader.feed(data)
        if self.turn is None:
            self.work()

    def work(self) -> None:
        """Look at what has arrived, some packets a turn, as long as the client takes its replies."""
        self.turn = None
        try:
            for _ in range(BATCH):
                if self.ended or self.stalled_at is not None:
                    return
                octets = self.reader.next()
                if octets is None:
                    self.wait_for_more()
                    return
                self.begun_at = None
                self.receive(octets)
        except BadMessageError as error:
            self.drop(error)
            self.end(error.reason)
            return
        self.pause()
        self.turn = asyncio.get_running_loop().call_soon(self.work)

    def wait_for_more(self) -> None:
        """Wait for the rest of a packet, which must not take long, or for the next one."""
        if self.reader.begun and self.begun_at is None:
            self.begun_at = self.clock.now()
        if self.transport is not None:
            self.transport.resume_reading()

    def receive(self, octets: bytes) -> None:
        """Hand a packet on.

        Raises:
            BadMessageError: after this one the connection cannot be used.
        """
        client, now = self.client, self.clock.now()
        assert client is not None
        self.heard_at = now
        try:
            packet = parse(octets)
            signed = check_request(
                packet, client.secret, client.message_authenticator, limit_proxy_state=client.limit_proxy_state
            )
        except BadMessageError as error:
            if error.reason in BREAKS:
                raise
            self.drop(error)
            return
        self.server.take(self, self.table, Request(packet, client, signed, self.peer.source, self.peer.local), now)

    def drop(self, error: BadMessageError) -> None:
        """Note a packet without an answer."""
        assert self.client is not None
        self.server.drops.drop(self.client.name, error.reason, self.clock.now(), str(self.peer.source))

    @override
    def send(self, reply: bytes) -> bool:
        if self.ended or self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(reply)
        return True

    def pause(self) -> None:
        """Take nothing more from the client for now."""
        if self.transport is not None:
            self.transport.pause_reading()

    @override
    def pause_writing(self) -> None:
        # What it does not read it has asked for: no more questions until it reads.
        self.stalled_at = self.clock.now()
        self.pause()

    @override
    def resume_writing(self) -> None:
        self.stalled_at = self.begun_at = None
        if self.turn is None:
            self.turn = asyncio.get_running_loop().call_soon(self.work)

    def overdue(self, now: float, idle_timeout: float) -> str:
        """Return why it is time to end the connection, or nothing."""
        pending = bool(self.table.in_flight)
        if self.stalled_at is not None:
            return "client_does_not_read" if now - self.stalled_at >= STALL_SECONDS else ""
        if self.begun_at is not None and now - self.begun_at >= STALL_SECONDS:
            return "packet_incomplete"
        if now >= self.ends_at and (not pending or now >= self.ends_at + LIFETIME_GRACE):
            return "lifetime"
        return "idle" if not pending and now - self.heard_at >= idle_timeout else ""

    def end(self, reason: str) -> None:
        """Take the connection from a client that breaks the rules."""
        self.give_up(reason)
        if self.transport is not None:
            self.transport.abort()

    def close(self, reason: str, why: str = CLOSED) -> None:
        """Say good-bye; what was answered still arrives.

        Args:
            reason: For the log.
            why: For the audit records of what is pending.
        """
        self.give_up(reason, why)
        if self.transport is not None:
            self.transport.close()

    def give_up(self, reason: str, why: str = CLOSED) -> None:
        """Forget every request; the logins go on that another connection or a datagram waits for."""
        if self.ended:
            return
        self.ended = reason
        if self.turn is not None:
            self.turn.cancel()
            self.turn = None
        for exchange in self.table.clear():
            self.server.desk.give_up(exchange, why)

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        refused = self.client is None
        self.give_up("closed_by_peer" if exc is None else "connection_lost")
        if not refused:
            self.owner.lost(self)
        if not self.gone.done():
            self.gone.set_result(None)
