"""The RADIUS server: a datagram comes in, a login goes to the core, its decision goes back.

The way of a packet, top to bottom: ``receive`` finds the client and proves the packet; ``answer_request`` looks it
up among the duplicates and reads the login; a task of its own asks the core and replies. Nothing that fails its
checks is answered or leaves a trace, but for a counter and at most one log line per client, reason and minute.
"""

import asyncio
import functools
import secrets
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass

import structlog

from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.errors import BadMessageError, PushgateError, where
from pushgate.login import Login
from radius_server.attributes import load_definitions
from radius_server.clients import Client, ClientTable, plain_address
from radius_server.conversation import RadiusConversation
from radius_server.counters import STRANGER_LINES, Counters, LineLimit
from radius_server.duplicates import DuplicateTable, Entry, Full, Repeated
from radius_server.limits import Slots
from radius_server.replies import REJECT_FLOOR, encode_answer, takes_its_time
from radius_server.requests import Request, read_login
from radius_server.schemes import Refusal
from radius_server.status import StatusResponder
from radius_server.udp import Datagram, UdpSocket
from radius_server.wire import STATUS_SERVER, check_request, parse

Authenticate = Callable[[Login, Conversation], Awaitable[Decision]]

RECENT_REPLIES = 20_000
"""Replies kept for retransmissions, beside the packets in flight: 30 s of 650 logins a second."""

DROP_HINTS = {
    "unknown_client": "name this address under radius.clients, if it is an appliance of yours",
    "wrong_message_authenticator": "the shared secret of the appliance and the one configured here differ",
    "message_authenticator_missing": "let the appliance send Message-Authenticator, or set message_authenticator",
    "proxy_state_unsigned": "let the proxy send Message-Authenticator, or set limit_proxy_state: false",
}

OVERLOADED = Refusal("overloaded", "raise max_pending, or find out who sends so many logins", "Too many logins")

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RadiusOptions:
    """Where to listen and how much to bear."""

    listen: list[tuple[str, int]]
    """Numeric address and port; port 0 takes any."""
    answer_within: float
    """Seconds from receipt in which the NAS must have its reply."""
    max_pending: int
    max_pending_per_client: int
    receive_buffer: int
    """Octets per socket."""


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """One new request and the way back to who sent it."""

    socket: UdpSocket
    datagram: Datagram
    request: Request
    entry: Entry[asyncio.Task[None]]
    received: float


class RadiusServer:
    """Answers Access-Request and Status-Server on every configured address."""

    def __init__(
        self, options: RadiusOptions, clients: Sequence[Client], authenticate: Authenticate, clock: Clock
    ) -> None:
        """Prepare; ``start`` opens the sockets.

        Args:
            options: Addresses and limits.
            clients: Who may ask.
            authenticate: The core. A cancelled call withdraws its question and re-raises.
            clock: Time.
        """
        load_definitions()  # a broken dictionary shall fail here, not at the first packet
        self.options = options
        self.clients = ClientTable(clients)
        self.authenticate = authenticate
        self.clock = clock
        self.counters = Counters()
        self.lines = LineLimit()
        # Apart, because anybody can pretend to be a thousand strangers: they must not silence what clients cause.
        self.stranger_lines = LineLimit(STRANGER_LINES)
        self.status = StatusResponder()
        self.duplicates: DuplicateTable[asyncio.Task[None]] = DuplicateTable(2 * options.max_pending + RECENT_REPLIES)
        self.join_secret = secrets.token_bytes(32)
        # Apart, because whoever can send a packet can cause rejects: they must not take the place of logins.
        self.logins = Slots(options.max_pending, options.max_pending_per_client)
        self.rejects = Slots(options.max_pending, options.max_pending_per_client)
        self.sockets: list[UdpSocket] = []

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
        except PushgateError:
            self._close()
            raise
        loop = asyncio.get_running_loop()
        for sock in self.sockets:
            loop.add_reader(sock.fileno(), self._drain, sock)

    async def stop(self) -> None:
        """Stop reading, withdraw what is pending and send nothing, so that NASes ask their next server."""
        loop = asyncio.get_running_loop()
        for sock in self.sockets:
            loop.remove_reader(sock.fileno())
        # Closed before the logins end: none of them can answer any more.
        self._close()
        tasks = [*self.logins.tasks, *self.rejects.tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _close(self) -> None:
        for sock in self.sockets:
            sock.close()
        self.sockets = []

    def _drain(self, sock: UdpSocket) -> None:
        for datagram in sock.receive():
            self.receive(sock, datagram)

    def receive(self, sock: UdpSocket, datagram: Datagram) -> None:
        """Find the client, prove the packet, and answer it or hand it on."""
        now = self.clock.now()
        source = plain_address(datagram.peer[0])
        client = self.clients.find(source)
        if client is None:
            self._drop(str(source), "unknown_client", now)
            return
        try:
            packet = parse(datagram.octets)
            signed = check_request(
                packet, client.secret, client.message_authenticator, limit_proxy_state=client.limit_proxy_state
            )
        except BadMessageError as error:
            self._drop(client.name, error.reason, now, str(source))
            return
        request = Request(packet, client, signed, source, datagram.local())
        if packet.code == STATUS_SERVER:
            self.answer_status(sock, datagram, request, now)
        else:
            self.answer_request(sock, datagram, request, now)

    def answer_status(self, sock: UdpSocket, datagram: Datagram, request: Request, now: float) -> None:
        """Say that we live, beside all pending logins."""
        client = request.client
        self.counters.status_requests += 1
        if not client.status_server:
            self._drop(client.name, "status_server_off", now)
            return
        reply = self.status.answer(request.packet, client, now)
        if reply is None:
            self._drop(client.name, "status_server_rate", now)
            return
        self.counters.status_replies += 1
        sock.send(reply, datagram)

    def answer_request(self, sock: UdpSocket, datagram: Datagram, request: Request, now: float) -> None:
        """Answer a repeated packet as before, refuse what is no login, start a task for what is one."""
        self.counters.access_requests += 1
        packet = request.packet
        # Anybody can forge an unsigned packet: it must not displace a signed one.
        key = (sock, datagram.peer, packet.identifier, request.signed)
        seen = self.duplicates.receive(key, packet.authenticator, len(packet.raw), now)
        if isinstance(seen, Repeated):
            self.counters.dup_access_requests += 1
            if seen.reply is not None:
                sock.send(seen.reply, datagram)
            return
        if isinstance(seen, Full):
            self._drop(request.client.name, "duplicate_table_full", now)
            return
        exchange = Exchange(sock, datagram, request, seen.entry, now)
        old = seen.displaced.waiting if seen.displaced else None
        if old is not None:
            self.counters.conflicts += 1
        outcome = read_login(request, self.join_secret)
        if not isinstance(outcome, Refusal) and not self.logins.has_room(request.client.name, leaving=old):
            outcome = OVERLOADED
        if isinstance(outcome, Refusal):
            self._refuse(exchange, outcome)
        else:
            self._start(exchange, self._login(exchange, outcome), self.logins)
        if old is not None:
            # Only now: a new packet of the same login has joined its pending question, which so stays alive.
            old.cancel()

    def _refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        client = exchange.request.client
        if self.lines.allows(client.name, refusal.reason, exchange.received):
            log.warning("radius_refused", client=client.name, reason=refusal.reason, hint=refusal.hint)
        if refusal.credential and self.rejects.has_room(client.name):
            self._start(exchange, self._refuse_later(exchange, refusal), self.rejects)
        else:
            self._reply(exchange, refusal)

    async def _login(self, exchange: Exchange, login: Login) -> None:
        conversation = RadiusConversation(exchange.received + self.options.answer_within)
        try:
            decision = await self.authenticate(login, conversation)
        except Exception as error:  # noqa: BLE001 - whatever goes wrong in the core denies
            log.error("radius_login_crashed", error=type(error).__name__, where=where(error))
            decision = Decision(accept=False, reason=Reason.INTERNAL, audit_id="")
        if takes_its_time(decision):
            await self._wait_for_floor(exchange)
        self._reply(exchange, decision)

    async def _refuse_later(self, exchange: Exchange, refusal: Refusal) -> None:
        await self._wait_for_floor(exchange)
        self._reply(exchange, refusal)

    async def _wait_for_floor(self, exchange: Exchange) -> None:
        remaining = exchange.received + REJECT_FLOOR - self.clock.now()
        if remaining > 0:
            await self.clock.sleep(remaining)

    def _start(self, exchange: Exchange, work: Coroutine[None, None, None], slots: Slots) -> None:
        task = asyncio.create_task(work)
        exchange.entry.waiting = task
        slots.take(exchange.request.client.name, task)
        task.add_done_callback(functools.partial(self._ended, exchange))

    def _ended(self, exchange: Exchange, task: asyncio.Task[None]) -> None:
        self.duplicates.forget(exchange.entry)  # no reply was sent, so a repetition is a new request
        if task.cancelled():
            self.counters.cancels += 1

    def _reply(self, exchange: Exchange, answer: Decision | Refusal) -> None:
        client, now = exchange.request.client, self.clock.now()
        try:
            reply = encode_answer(exchange.request.packet, client.secret, answer)
        except BadMessageError as error:
            self.duplicates.forget(exchange.entry)
            self._drop(client.name, error.reason, now)
            return
        if not self.duplicates.answer(exchange.entry, reply, now):
            return  # displaced meanwhile: the NAS would not take this reply any more
        self.counters.count_reply(reply[0])
        if not exchange.socket.send(reply, exchange.datagram) and self.lines.allows(client.name, "send_failed", now):
            log.warning("radius_send_failed", client=client.name)

    def _drop(self, sender: str, reason: str, now: float, source: str = "") -> None:
        self.counters.count_drop(reason)
        lines = self.stranger_lines if reason == "unknown_client" else self.lines
        if lines.allows(sender, reason, now):
            hint = DROP_HINTS.get(reason, "")
            log.warning("radius_dropped", sender=sender, source=source or sender, reason=reason, hint=hint)
