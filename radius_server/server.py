"""The RADIUS server: its sockets, and the proof that a packet comes from somebody who knows the secret.

Nothing that fails its checks is answered or leaves a trace, but for a counter and at most one log line per client,
reason and minute. What passes goes to the desk (``desk.py``); probes are answered here, beside all pending logins.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pushgate.clock import Clock
from pushgate.errors import BadMessageError, PushgateError
from radius_server.clients import Client, ClientTable, plain_address
from radius_server.counters import Counters, DropLog
from radius_server.desk import Core, Desk, DeskOptions
from radius_server.duplicates import DuplicateTable
from radius_server.link import Exchange, Link, Request
from radius_server.status import StatusResponder
from radius_server.udp import Datagram, UdpLink, UdpSocket
from radius_server.wire import STATUS_SERVER, check_request, parse

RECENT_REPLIES = 20_000
"""Replies kept for retransmissions, beside the packets in flight: 30 s of 650 logins a second."""

TICK = 1.0
"""Seconds between two rounds of what has to be done now and then."""


@dataclass(frozen=True, slots=True)
class RadiusOptions:
    """Where to listen and how much to bear."""

    listen: list[tuple[str, int]]
    """Numeric address and port; port 0 takes any."""
    receive_buffer: int
    """Octets per socket."""
    desk: DeskOptions


class Listener(Protocol):
    """A further way for requests, with sockets of its own."""

    async def start(self) -> None:
        """Open the sockets and begin to answer."""

    async def stop(self) -> None:
        """Close them; requests that came this way are given up."""

    def look_around(self, now: float) -> None:
        """End what has lasted too long; once a second."""


class RadiusServer:
    """Answers Access-Request and Status-Server on every configured address."""

    def __init__(self, options: RadiusOptions, clients: Sequence[Client], core: Core, clock: Clock) -> None:
        """Prepare; ``start`` opens the sockets.

        Args:
            options: Addresses and limits.
            clients: Who may ask.
            core: What decides.
            clock: Time.
        """
        self.options = options
        self.clients = ClientTable(clients)
        self.clock = clock
        self.counters = Counters()
        self.drops = DropLog(self.counters)
        self.status = StatusResponder()
        self.desk = Desk(options.desk, core, clock, self.counters, self.drops)
        self.duplicates: DuplicateTable[Exchange] = DuplicateTable(2 * options.desk.max_pending + RECENT_REPLIES)
        self.sockets: list[UdpSocket] = []
        self.radsec: list[Listener] = []
        """To be filled before ``start``."""
        self.ticking: asyncio.Task[None] | None = None

    @property
    def ports(self) -> list[int]:
        """The bound ports, in the order of ``listen``."""
        return [sock.port for sock in self.sockets]

    async def start(self) -> None:
        """Open every socket and begin to answer.

        Raises:
            PushgateError: if one cannot be had; then none stays open.
        """
        try:
            for host, port in self.options.listen:
                self.sockets.append(UdpSocket(host, port, self.options.receive_buffer))
            for listener in self.radsec:
                await listener.start()
        except PushgateError:
            self.close()
            await self.stop_listeners()
            raise
        loop = asyncio.get_running_loop()
        for sock in self.sockets:
            loop.add_reader(sock.fileno(), self.drain, sock)
        self.ticking = asyncio.create_task(self.tick())

    async def stop(self) -> None:
        """Stop reading, withdraw what is pending and send nothing, so that NASes ask their next server."""
        loop = asyncio.get_running_loop()
        for sock in self.sockets:
            loop.remove_reader(sock.fileno())
        # Closed before the logins end: none of them can answer any more.
        self.close()
        await self.stop_listeners()
        if self.ticking is not None:
            self.ticking.cancel()
            await asyncio.gather(self.ticking, return_exceptions=True)
        await self.desk.stop()

    async def stop_listeners(self) -> None:
        """Stop every further way for requests."""
        await asyncio.gather(*(listener.stop() for listener in self.radsec))

    def close(self) -> None:
        """Close the sockets."""
        for sock in self.sockets:
            sock.close()
        self.sockets = []

    async def tick(self) -> None:
        """Do what has to be done now and then."""
        while True:
            await self.clock.sleep(TICK)
            self.desk.look_for_silence(self.clock.now())
            for listener in self.radsec:
                listener.look_around(self.clock.now())

    def drain(self, sock: UdpSocket) -> None:
        """Take what has arrived, all of it before any of it is looked at: the kernel's buffer is small."""
        for datagram in list(sock.receive()):
            self.receive_datagram(sock, datagram)

    def receive_datagram(self, sock: UdpSocket, datagram: Datagram) -> None:
        """Find the client of a datagram and hand its packet on."""
        now = self.clock.now()
        source = plain_address(datagram.peer[0])
        client = self.clients.find(source)
        if client is None:
            self.drops.drop(str(source), "unknown_client", now)
            return
        try:
            packet = parse(datagram.octets)
            signed = check_request(
                packet, client.secret, client.message_authenticator, limit_proxy_state=client.limit_proxy_state
            )
        except BadMessageError as error:
            self.drops.drop(client.name, error.reason, now, str(source))
            return
        request = Request(packet, client, signed, source, datagram.local())
        self.take(UdpLink(sock, datagram), self.duplicates, request, now)

    def take(self, link: Link, table: DuplicateTable[Exchange], request: Request, now: float) -> None:
        """Answer a probe, hand everything else to the desk."""
        if request.packet.code == STATUS_SERVER:
            self.answer_status(link, request, now)
        else:
            self.desk.receive(link, table, request, now)

    def answer_status(self, link: Link, request: Request, now: float) -> None:
        """Say that we live, beside all pending logins."""
        client = request.client
        self.counters.status_requests += 1
        if not client.status_server:
            self.drops.drop(client.name, "status_server_off", now)
            return
        reply = self.status.answer(request.packet, client, now)
        if reply is None:
            self.drops.drop(client.name, "status_server_rate", now)
            return
        self.counters.status_replies += 1
        link.send(reply)
