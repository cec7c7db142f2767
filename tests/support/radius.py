"""A NAS for tests, and a core that does what the test says."""

import asyncio
import socket
from collections.abc import Hashable
from typing import Any, Self

from typing_extensions import override

from pushgate.clock import FakeClock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from radius_server.clients import Client
from radius_server.counters import Counters, DropLog
from radius_server.desk import Desk, DeskOptions
from radius_server.duplicates import DuplicateTable, Fresh
from radius_server.link import Exchange, Link, Request
from radius_server.nas import build_request, verify_reply
from radius_server.server import RadiusOptions
from radius_server.wire import (
    CALLING_STATION_ID,
    STATUS_SERVER,
    encode_request,
    parse,
)

SECRET = b"a-long-enough-shared-secret"
PATIENCE = 5.0
"""Seconds that a packet on loopback may take on a busy machine."""

ACCEPT = Decision(accept=True, reason=Reason.APPROVED, audit_id="a1", message="Approved")
DENY = Decision(accept=False, reason=Reason.DENIED, audit_id="a2", message="Denied")


def options(**changes: object) -> RadiusOptions:
    """Return options for one loopback listener on a free port."""
    desk: dict[str, object] = {
        "answer_within": 28.0,
        "login_timeout": 60.0,
        "max_pending": 100,
        "max_pending_per_client": 50,
    }
    desk |= {name: changes.pop(name) for name in list(changes) if name in desk}
    values: dict[str, object] = {"listen": [("127.0.0.1", 0)], "receive_buffer": 65_536}
    return RadiusOptions(desk=DeskOptions(**desk), **(values | changes))  # type: ignore[arg-type]


class RecordingLink(Link):
    """Keeps the replies that leave through it."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []

    @property
    @override
    def key(self) -> Hashable:
        return id(self)

    @override
    def send(self, reply: bytes) -> bool:
        self.sent.append(reply)
        return True


def make_exchange(
    request: bytes, client: Client, *, received: float = 0.0, eap_identifier: int | None = None
) -> Exchange:
    """Return a request that waits for its reply, with a link that records it."""
    packet, table = parse(request), DuplicateTable[Exchange](10)
    seen = table.receive((packet.identifier,), packet.authenticator, len(packet.raw), received)
    assert isinstance(seen, Fresh)
    about = Request(packet, client, True, client.network.network_address)
    exchange = Exchange(RecordingLink(), table, about, seen.entry, received, received + 28, [received])
    exchange.eap_identifier = eap_identifier
    return exchange


def access_request(
    user: str = "alice",
    password: str = "",
    *,
    identifier: int = 1,
    origin: str = "203.0.113.7",
    attributes: tuple[tuple[int, bytes], ...] = (),
    secret: bytes = SECRET,
    authenticator: bytes | None = None,
) -> bytes:
    """Build an Access-Request as a VPN appliance sends it."""
    from_where = ((CALLING_STATION_ID, origin.encode()),) if origin else ()
    return build_request(user, password, secret, identifier, (*from_where, *attributes), authenticator=authenticator)


def status_request(identifier: int = 255, secret: bytes = SECRET) -> bytes:
    """Build a Status-Server probe."""
    return encode_request(STATUS_SERVER, identifier, bytes(range(16)), secret)


class RadiusSender:
    """A socket of a NAS."""

    def __init__(
        self, port: int, host: str = "127.0.0.1", *, source: tuple[str, int] | None = None, secret: bytes = SECRET
    ) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.socket.bind(source or ("::1" if ":" in host else "127.0.0.1", 0))
        self.server = (host, port)
        self.secret = secret

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def send(self, packet: bytes) -> None:
        """Send a packet and wait for nothing."""
        self.socket.sendto(packet, self.server)

    async def receive_from(self) -> tuple[bytes, str]:
        """Wait for the next packet and return it with the address that it came from."""
        async with asyncio.timeout(PATIENCE):
            octets, address = await asyncio.get_running_loop().sock_recvfrom(self.socket, 4097)
        return octets, address[0]

    async def receive(self) -> bytes:
        """Wait for the next packet."""
        return (await self.receive_from())[0]

    async def ask(self, request: bytes) -> int:
        """Send a request and return the code of the reply, whose authenticators are verified."""
        self.send(request)
        return verify_reply(request, await self.receive(), self.secret)

    def drain(self) -> list[bytes]:
        """Return what has arrived, without waiting."""
        arrived = []
        while True:
            try:
                arrived.append(self.socket.recv(4097))
            except BlockingIOError:
                return arrived

    async def expect_silence(self) -> None:
        """Check that nothing has been answered, by a probe that must be answered behind it."""
        probe = status_request(secret=self.secret)
        self.send(probe)
        verify_reply(probe, await self.receive(), self.secret)


class ScriptedCore:
    """A core that holds every login until the test decides it."""

    def __init__(self) -> None:
        self.logins: list[Login] = []
        self.conversations: list[Conversation] = []
        self.answers: list[asyncio.Future[Decision]] = []
        self.withdrawn: list[int] = []
        self.at_once: Decision | None = None
        self.works = True

    def decide_at_once(self, login: Login) -> Decision | None:
        """Leave every login to the test, unless it has said otherwise."""
        return self.at_once

    async def provider_works(self) -> bool:
        """Do as the test says."""
        return self.works

    async def authenticate(self, login: Login, conversation: Conversation) -> Decision:
        """Wait for the test, or for being cancelled."""
        number = len(self.logins)
        answer: asyncio.Future[Decision] = asyncio.get_running_loop().create_future()
        self.logins.append(login)
        self.conversations.append(conversation)
        self.answers.append(answer)
        try:
            return await answer
        except asyncio.CancelledError:
            self.withdrawn.append(number)
            raise

    def decide(self, number: int, decision: Decision) -> None:
        """Decide a login by its number."""
        self.answers[number].set_result(decision)


class DeskBench:
    """A desk without sockets, on a clock that the test moves, in front of a core that it decides."""

    def __init__(self, client: Client, *, capacity: int = 1000, **changes: object) -> None:
        self.client, self.clock, self.core, self.counters = client, FakeClock(), ScriptedCore(), Counters()
        drops = DropLog(self.counters)
        self.desk = Desk(options(**changes).desk, self.core, self.clock, self.counters, drops)
        self.table: DuplicateTable[Exchange] = DuplicateTable(capacity)
        self.link = RecordingLink()
        self.source = client.network[1]

    def receive(
        self,
        *packets: bytes,
        link: RecordingLink | None = None,
        client: Client | None = None,
        signed: bool = True,
    ) -> None:
        """Take packets in, as they are found together in a socket."""
        for packet in packets:
            request = Request(parse(packet), client or self.client, signed, self.source)
            self.desk.receive(link or self.link, self.table, request, self.clock.now())

    async def send(self, *packets: bytes, **how: Any) -> None:
        """Take packets in and let everything run until it waits."""
        self.receive(*packets, **how)
        await self.clock.settle()

    async def decide(self, number: int, decision: Decision) -> None:
        """Decide a login and let the reply leave."""
        self.core.decide(number, decision)
        await self.clock.settle()

    def replies(self, link: RecordingLink | None = None) -> list[tuple[int, int]]:
        """Return code and Identifier of the replies since the last time."""
        sent = (link or self.link).sent
        codes = [(reply[0], reply[1]) for reply in sent]
        sent.clear()
        return codes

    def users(self) -> list[str]:
        """Return whom the core was asked about."""
        return [login.user for login in self.core.logins]

    def leftovers(self) -> dict[str, int]:
        """Return what is held for logins."""
        desk = self.desk
        held = {
            "logins": len(desk.logins.tasks),
            "rejects": len(desk.rejects.tasks),
            "joinable": len(desk.joinable),
            "states": len(desk.states.open),
            "watched": len(desk.watched),
            "in flight": len(self.table.in_flight),
        }
        return {name: count for name, count in held.items() if count}
