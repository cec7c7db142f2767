"""The RADIUS server: its sockets, and the proof that a packet comes from somebody who knows the secret.

Nothing that fails its checks is answered or leaves a trace, but for a counter and at most one log line per client,
reason and minute. What passes goes to the desk (``desk.py``); probes are answered here, beside all pending logins.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from pushgate.clock import Clock
from pushgate.errors import BadMessageError, PushgateError
from radius_server.accounting import AccountingResponder
from radius_server.backend import BackendWatch
from radius_server.clients import Client, ClientTable, plain_address
from radius_server.counters import Counters, DropLog
from radius_server.desk import Core, Desk, DeskOptions
from radius_server.duplicates import DuplicateTable
from radius_server.learned import LearnedSigners
from radius_server.link import Exchange, Link, Request
from radius_server.status import StatusResponder
from radius_server.udp import Datagram, UdpLink, UdpSocket
from radius_server.wire import EAP_MESSAGE, NAS_IDENTIFIER, STATUS_SERVER, Packet, check_request, parse

RECENT_REPLIES = 20_000
"""Replies kept for retransmissions, beside the packets in flight: 30 s of 650 logins a second."""

TICK = 1.0
"""Seconds between two rounds of what has to be done now and then."""


Receive = Callable[[UdpSocket, Datagram, Client], None]


@dataclass(frozen=True, slots=True)
class RadiusOptions:
    """Where to listen and how much to bear."""

    listen: list[tuple[str, int]]
    """Numeric address and port; port 0 takes any."""
    receive_buffer: int
    """Octets per socket."""
    desk: DeskOptions
    state_folder: Path | None = None
    """Where is kept who has signed; None: a restart forgets it."""
    accounting: list[tuple[str, int]] = field(default_factory=list)
    """Where accounting records are acknowledged."""


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

    def __init__(self, options: RadiusOptions, clients: ClientTable, core: Core, clock: Clock) -> None:
        """Prepare; ``start`` opens the sockets.

        Args:
            options: Addresses and limits.
            clients: Who may ask.
            core: What decides.
            clock: Time.
        """
        self.options = options
        self.clients = clients
        self.clock = clock
        self.counters = Counters()
        self.drops = DropLog(self.counters)
        self.status = StatusResponder()
        self.desk = Desk(options.desk, core, clock, self.counters, self.drops)
        self.duplicates: DuplicateTable[Exchange] = DuplicateTable(2 * options.desk.max_pending + RECENT_REPLIES)
        self.backend = BackendWatch(core.provider_works, clock)
        self.signers = LearnedSigners(options.state_folder)
        self.accounting = AccountingResponder(self.status, self.drops, clock)
        self.sockets: list[UdpSocket] = []
        self.accounting_sockets: list[UdpSocket] = []
        self.radsec: list[Listener] = []
        """To be filled before ``start``."""
        self.ticking: asyncio.Task[None] | None = None

    @property
    def ports(self) -> list[int]:
        """The bound ports, in the order of ``listen``."""
        return [sock.port for sock in self.sockets]

    @property
    def accounting_ports(self) -> list[int]:
        """The bound accounting ports, in the order of ``accounting``."""
        return [sock.port for sock in self.accounting_sockets]

    async def start(self) -> None:
        """Open every socket and begin to answer.

        Raises:
            PushgateError: if one cannot be had; then none stays open.
        """
        self.signers.prepare()
        try:
            for host, port in self.options.listen:
                self.sockets.append(UdpSocket(host, port, self.options.receive_buffer))
            for host, port in self.options.accounting:
                self.accounting_sockets.append(UdpSocket(host, port, self.options.receive_buffer))
            for listener in self.radsec:
                await listener.start()
        except PushgateError:
            self.close()
            await self.stop_listeners()
            raise
        loop = asyncio.get_running_loop()
        for sock in self.sockets:
            loop.add_reader(sock.fileno(), self.drain, sock, self.receive_datagram)
        for sock in self.accounting_sockets:
            loop.add_reader(sock.fileno(), self.drain, sock, self.accounting.receive)
        self.ticking = asyncio.create_task(self.tick())
        self.backend.start()

    async def stop(self) -> None:
        """Stop reading, withdraw what is pending and send nothing, so that NASes ask their next server."""
        loop = asyncio.get_running_loop()
        for sock in (*self.sockets, *self.accounting_sockets):
            loop.remove_reader(sock.fileno())
        # Closed before the logins end: none of them can answer any more.
        self.close()
        await self.stop_listeners()
        if self.ticking is not None:
            self.ticking.cancel()
            await asyncio.gather(self.ticking, return_exceptions=True)
        await self.backend.stop()
        await self.desk.stop()
        self.signers.save_if_changed()

    async def stop_listeners(self) -> None:
        """Stop every further way for requests."""
        await asyncio.gather(*(listener.stop() for listener in self.radsec))

    def close(self) -> None:
        """Close the sockets."""
        for sock in (*self.sockets, *self.accounting_sockets):
            sock.close()
        self.sockets, self.accounting_sockets = [], []

    async def tick(self) -> None:
        """Do what has to be done now and then."""
        while True:
            await self.clock.sleep(TICK)
            self.desk.look_for_silence(self.clock.now())
            self.signers.save_if_changed()
            for listener in self.radsec:
                listener.look_around(self.clock.now())

    def drain(self, sock: UdpSocket, receive: Receive) -> None:
        """Take what has arrived, all of it before any of it is looked at: the kernel's buffer is small."""
        for datagram in list(sock.receive()):
            self.find_client(sock, datagram, receive)

    def find_client(self, sock: UdpSocket, datagram: Datagram, receive: Receive) -> None:
        """Hand a datagram on with the client that its source address names; a stranger gets silence."""
        source = plain_address(datagram.peer[0])
        client = self.clients.find(source)
        if client is None:
            self.drops.drop(str(source), "unknown_client", self.clock.now())
        else:
            receive(sock, datagram, client)

    def receive_datagram(self, sock: UdpSocket, datagram: Datagram, client: Client) -> None:
        """Prove a packet and hand it on."""
        now, source = self.clock.now(), plain_address(datagram.peer[0])
        mode = client.message_authenticator
        if mode == "auto" and self.signers.known(client.name, source):
            mode = "required"
        try:
            packet = parse(datagram.octets)
            signed = check_request(packet, client.secret, mode, limit_proxy_state=client.limit_proxy_state)
        except BadMessageError as error:
            self.drops.drop(client.name, error.reason, now, str(source))
            return
        if signed and mode == "auto" and packet.code != STATUS_SERVER and not packet.has(EAP_MESSAGE):
            # A probe and EAP are always signed: they say nothing about other requests (RFC 5997, RFC 3579).
            self.signers.note(client.name, source)
        # FreeRADIUS writes a text of its own into the NAS-Identifier of a probe.
        probe = packet.code == STATUS_SERVER
        profile = client if probe else self.clients.choose(client, nas_identifier(packet))
        if profile is None:
            self.drops.drop(client.name, "unknown_nas_identifier", now, str(source))
            return
        request = Request(packet, profile, signed, source, datagram.local())
        self.take(UdpLink(sock, datagram), self.duplicates, request, now)

    def replace_clients(self, clients: ClientTable) -> None:
        """Exchange the clients; logins that are pending are answered under the secret that they came with."""
        self.clients = clients

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
        self.backend.wanted = self.backend.wanted or client.reflects_backend
        if client.reflects_backend and not self.backend.works:
            self.drops.drop(client.name, "backend_down", now)
            return
        reply = self.status.answer(request.packet, client, now)
        if reply is None:
            self.drops.drop(client.name, "status_server_rate", now)
            return
        self.counters.status_replies += 1
        link.send(reply)


def nas_identifier(packet: Packet) -> str | None:
    """Return what the NAS calls itself, if it does."""
    names = packet.values(NAS_IDENTIFIER)
    return names[0].decode("utf-8", "replace") if names else None
