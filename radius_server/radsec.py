"""RADIUS over TLS (RFC 6614): who may connect, how many, and for how long.

The way of a connection, top to bottom: ``accept`` takes it from the kernel; ``welcome`` looks at its address and at how
many there are; ``shake_hands`` speaks TLS, which costs the most and is bounded most strictly; ``admit`` finds out by
the certificate whose it is. From then on ``radsec_connection.py`` has it, and ``look_around`` ends it when it is time.
"""

import asyncio
import functools
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address

import structlog
from typing_extensions import override

from pushgate.errors import BadMessageError, PushgateError
from radius_server.certificates import CertificateTable, read_certificate
from radius_server.clients import Client, IPAddress, plain_address
from radius_server.radsec_connection import Owner, Peer, RadsecConnection
from radius_server.radsec_log import RadsecLog
from radius_server.server import Listener, RadiusServer
from radius_server.tcp import listen, watch_peer
from radius_server.tls import Tls, handshake_fault

ACCEPT_BATCH = 32
HANDSHAKE_SECONDS = 10.0
GOODBYE_SECONDS = 1.0
"""For the other side to say good-bye, too."""
MAX_HANDSHAKES = 64
"""At once: each costs 0.3 MB and a public-key operation, for somebody who has shown nothing yet."""
MAX_HANDSHAKES_PER_ADDRESS = 16
SITE_PREFIX = 64
"""Bits of an IPv6 address beyond which whoever has one has them all (RFC 6177, RFC 4291 section 2.5.1)."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RadsecLimits:
    """How much to bear."""

    max_connections: int
    max_connections_per_client: int
    idle_timeout: float
    """Seconds without a packet, and without a login that waits, after which a connection ends."""
    max_lifetime: float
    """Seconds after which a client must connect anew and show its certificate again."""


@dataclass(frozen=True, slots=True)
class RadsecRules:
    """What can be exchanged while connections are open."""

    tls: Tls
    certificates: CertificateTable
    limits: RadsecLimits


class RadsecListener(Listener, Owner):
    """Accepts connections on every configured address."""

    def __init__(self, listen: Sequence[tuple[str, int]], rules: RadsecRules, server: RadiusServer) -> None:
        """Prepare; ``start`` opens the sockets.

        Args:
            listen: Numeric addresses and ports; port 0 takes any.
            rules: Certificates, clients and limits.
            server: What takes the requests.
        """
        self.addresses, self.rules, self.server, self.clock = listen, rules, server, server.clock
        self.log = RadsecLog()
        self.listening: list[socket.socket] = []
        self.waiting = False
        """No descriptor was left for a connection."""
        self.handshakes: dict[asyncio.Task[None], IPAddress] = {}
        self.connections: set[RadsecConnection] = set()

    @property
    def ports(self) -> list[int]:
        """The bound ports, in the order of ``listen``."""
        return [int(listening.getsockname()[1]) for listening in self.listening]

    def report(self) -> dict[str, int | list[int] | dict[str, int]]:
        """Say what is open, and what was counted."""
        return {
            "ports": self.ports,
            "connections": len(self.connections),
            "opened": self.log.opened,
            "refused": dict(self.log.refused),
            "closed": dict(self.log.closed),
        }

    @override
    async def start(self) -> None:
        """Open the sockets and accept.

        Raises:
            PushgateError: if one cannot be had; then none stays open.
        """
        try:
            for host, port in self.addresses:
                self.listening.append(listen(host, port))
        except PushgateError:
            self.close_sockets()
            raise
        self.read_sockets()

    @override
    async def stop(self) -> None:
        """Close the sockets and every connection; what is pending is withdrawn."""
        self.close_sockets()
        for task in tuple(self.handshakes):
            task.cancel()
        await asyncio.gather(*self.handshakes, return_exceptions=True)
        connections = tuple(self.connections)
        for connection in connections:
            connection.close("stopping", "the daemon stops")
        await asyncio.gather(*(connection.gone for connection in connections))

    def replace_rules(self, rules: RadsecRules) -> None:
        """Take other certificates, limits and clients; logins that are pending go on.

        A connection ends if its certificate is now nobody's or another client's, and each does if an authority has
        been taken out of the file: which one has vouched for whom is not known any more.
        """
        removed = self.rules.tls.authorities - rules.tls.authorities
        self.rules = rules
        for task in self.handshakes if removed else ():
            task.cancel()
        for connection in tuple(self.connections):
            if removed:
                connection.close("authority_removed")
            elif not self.is_still(connection):
                connection.close("certificate_removed")

    def is_still(self, connection: RadsecConnection) -> bool:
        """Whether a connection belongs to the same client as before; if so, it gets what is new about it."""
        if connection.certificate is None or connection.client is None:
            return False
        try:
            client = self.rules.certificates.find(connection.certificate, connection.peer.source)
        except BadMessageError:
            return False
        if client.name != connection.client.name:
            return False
        connection.client = client
        return True

    def read_sockets(self) -> None:
        """Let the loop tell when somebody connects."""
        loop = asyncio.get_running_loop()
        for listening in self.listening:
            loop.add_reader(listening.fileno(), self.accept, listening)

    def leave_sockets(self) -> None:
        """Let whoever connects wait in the kernel's queue."""
        loop = asyncio.get_running_loop()
        for listening in self.listening:
            loop.remove_reader(listening.fileno())

    def close_sockets(self) -> None:
        """Stop to accept."""
        self.leave_sockets()
        for listening in self.listening:
            listening.close()
        self.listening = []

    def accept(self, listening: socket.socket) -> None:
        """Take connections from the kernel, some at a time."""
        for _ in range(ACCEPT_BATCH):
            try:
                connection, address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # Out of descriptors or memory: the queue is looked at again when some may be free.
                log.error("radsec_accept_failed", problem=os.strerror(error.errno or 0))
                self.leave_sockets()
                self.waiting = True
                return
            self.welcome(connection, plain_address(address[0]))

    def welcome(self, connection: socket.socket, source: IPAddress) -> None:
        """Shake hands with whoever connects, if the address may and there is room."""
        refusal = self.refusal(source)
        if refusal:
            self.log.refuse(source, refusal, "", self.clock.now())
            connection.close()
            return
        connection.setblocking(False)
        watch_peer(connection)
        local = plain_address(connection.getsockname()[0])
        protocol = RadsecConnection(self, self.server, Peer(source, local))
        task = asyncio.create_task(self.shake_hands(connection, protocol))
        self.handshakes[task] = source
        task.add_done_callback(functools.partial(self.shaken, connection, protocol))

    def refusal(self, source: IPAddress) -> str:
        """Return why somebody who has connected just now has to go, or nothing."""
        if not self.rules.certificates.allows(source):
            return "unknown_address"
        if len(self.connections) >= self.rules.limits.max_connections:
            return "too_many_connections"
        place = neighbourhood(source)
        of_address = sum(neighbourhood(address) == place for address in self.handshakes.values())
        if len(self.handshakes) >= MAX_HANDSHAKES or of_address >= MAX_HANDSHAKES_PER_ADDRESS:
            return "too_many_handshakes"
        return ""

    async def shake_hands(self, connection: socket.socket, protocol: RadsecConnection) -> None:
        """Speak TLS up to the point where both sides have shown their certificates."""
        protocol.begun = True
        try:
            async with self.clock.timeout_at(self.clock.now() + HANDSHAKE_SECONDS):
                await asyncio.get_running_loop().connect_accepted_socket(
                    lambda: protocol,
                    connection,
                    ssl=self.rules.tls.context,
                    ssl_handshake_timeout=HANDSHAKE_SECONDS + 1,
                    ssl_shutdown_timeout=GOODBYE_SECONDS,
                )
        except OSError as error:
            reason, detail = handshake_fault(error)
            self.log.refuse(protocol.peer.source, reason, detail, self.clock.now())

    def shaken(self, connection: socket.socket, protocol: RadsecConnection, task: asyncio.Task[None]) -> None:
        """Forget a handshake that is over."""
        del self.handshakes[task]
        if not protocol.begun:
            # Cancelled before its first step, so that no transport owns the socket.
            connection.close()

    @override
    def admit(self, connection: RadsecConnection, der: bytes, version: str | None) -> Client | None:
        source, now = connection.peer.source, self.clock.now()
        try:
            certificate = read_certificate(der)
            valid_for = (certificate.not_after - self.clock.wall()).total_seconds()
            if valid_for <= 0:
                # The handshake finds that out, unless the client resumes a session.
                raise BadMessageError("certificate_expired")
            client = self.rules.certificates.find(certificate, source)
            self.check_room(client)
        except BadMessageError as error:
            self.log.refuse(source, error.reason, error.message, now, certified=True)
            return None
        connection.certificate = certificate
        connection.ends_at = now + min(self.rules.limits.max_lifetime, valid_for)
        self.connections.add(connection)
        self.log.open(client.name, source, version, now)
        return client

    def check_room(self, client: Client) -> None:
        """See whether a client may have one more connection.

        Raises:
            BadMessageError: it may not.
        """
        if not self.listening:
            raise BadMessageError("stopping")
        if len(self.connections) >= self.rules.limits.max_connections:
            raise BadMessageError("too_many_connections", client.name)
        of_client = sum(other.client is not None and other.client.name == client.name for other in self.connections)
        if of_client >= self.rules.limits.max_connections_per_client:
            raise BadMessageError("too_many_of_client", client.name)

    @override
    def lost(self, connection: RadsecConnection) -> None:
        self.connections.discard(connection)
        if connection.client is not None:
            self.log.close(connection.client.name, connection.peer.source, connection.ended, self.clock.now())

    @override
    def look_around(self, now: float) -> None:
        """End connections whose time is over, and accept again after the kernel had no descriptor left."""
        for connection in tuple(self.connections):
            reason = connection.overdue(now, self.rules.limits.idle_timeout)
            if reason in ("idle", "lifetime"):
                connection.close(reason)
            elif reason:
                connection.end(reason)
        if self.waiting:
            self.waiting = False
            self.read_sockets()


def neighbourhood(source: IPAddress) -> IPAddress:
    """Return what stands for an address and for all that whoever has it can take as well."""
    if source.version == 4:
        return source
    bits = source.max_prefixlen - SITE_PREFIX
    return IPv6Address(int(source) >> bits << bits)
