"""A RadSec client for tests, and a listener in front of a core that does what the test says."""

import asyncio
import contextlib
import ssl
import warnings
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pushgate.clock import FakeClock
from radius_server.certificates import CertificateTable, Mark, RadsecClient
from radius_server.clients import Client, ClientTable
from radius_server.framing import PacketReader
from radius_server.nas import build_request, verify_reply
from radius_server.radsec import RadsecLimits, RadsecListener, RadsecRules
from radius_server.server import RadiusServer
from radius_server.tls import TlsFiles, load_tls
from radius_server.wire import (
    CALLING_STATION_ID,
    STATUS_SERVER,
    encode_request,
)
from tests.support.certificates import CertificationAuthority, Issued
from tests.support.radius import PATIENCE, ScriptedCore, options

SECRET = b"radsec"
SERVER_NAME = "radius.example.org"
BRANCH = "branch.example.org"
LIMITS = RadsecLimits(max_connections=20, max_connections_per_client=10, idle_timeout=600, max_lifetime=86400)


def client(name: str = "branch", **changes: Any) -> Client:
    """Return a client; its network and secret play no part here."""
    return replace(Client(name, ip_network("0.0.0.0/0"), b"-"), **changes)


def request(user: str = "alice", identifier: int = 1, *attributes: tuple[int, bytes]) -> bytes:
    """Build an Access-Request."""
    return build_request(user, "", SECRET, identifier, ((CALLING_STATION_ID, b"203.0.113.7"), *attributes))


def status(identifier: int = 255) -> bytes:
    """Build a Status-Server probe."""
    return encode_request(STATUS_SERVER, identifier, bytes(range(16)), SECRET)


class Certificates:
    """An authority, the server's certificate, and the branch's."""

    def __init__(self, folder: Path) -> None:
        self.ca = CertificationAuthority(folder)
        self.server = self.ca.issue("radius", SERVER_NAME, server=True, days=30)
        self.branch = self.ca.issue("branch", BRANCH)

    @property
    def files(self) -> TlsFiles:
        """What the server is configured with."""
        return TlsFiles(self.server.certificate, self.server.key, self.ca.path)

    def context(self, own: Issued | None = None) -> ssl.SSLContext:
        """Return what a client speaks TLS with; without ``own`` it shows no certificate."""
        context = ssl.create_default_context(cafile=str(self.ca.path))
        if own is not None:
            context.load_cert_chain(own.certificate, own.key)
        return context


def make_rules(files: TlsFiles, clients: Sequence[RadsecClient], limits: RadsecLimits = LIMITS) -> RadsecRules:
    """Load files and clients."""
    return RadsecRules(load_tls(files, datetime.now(UTC)), CertificateTable(clients), limits)


class RadsecSender:
    """One connection of a client."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.packets = PacketReader()

    def send(self, *packets: bytes) -> None:
        """Send packets in one segment and wait for nothing."""
        self.writer.write(b"".join(packets))

    async def receive(self) -> bytes:
        """Wait for the next packet.

        Raises:
            ConnectionError: the connection ended.
        """
        async with asyncio.timeout(PATIENCE):
            while (packet := self.packets.next()) is None:
                octets = await self.reader.read(65536)
                if not octets:
                    raise ConnectionResetError("the server closed the connection")
                self.packets.feed(octets)
        return packet

    async def ask(self, packet: bytes) -> int:
        """Send a request and return the code of the reply, whose authenticators are verified."""
        self.send(packet)
        return verify_reply(packet, await self.receive(), SECRET)

    async def expect_silence(self) -> None:
        """Check that nothing has been answered, by a probe that must be answered behind it."""
        assert await self.ask(status()) == 2

    async def expect_end(self) -> None:
        """Check that the server ends the connection and sends nothing more."""
        try:
            packet = await self.receive()
        except (OSError, asyncio.IncompleteReadError) as error:
            assert not isinstance(error, TimeoutError), "the connection is still open"  # noqa: PT017
            return
        raise AssertionError(f"the server sent {packet!r}")

    async def close(self) -> None:
        """Say good-bye."""
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()

    def vanish(self) -> None:
        """Drop the connection without a word."""
        self.writer.transport.abort()


@dataclass
class RadsecGate:
    """A server with RadSec, the core behind it and its clock."""

    listener: RadsecListener
    server: RadiusServer
    core: ScriptedCore
    clock: FakeClock
    certificates: Certificates
    senders: list[RadsecSender]

    async def connect(self, own: Issued | None = None, *, context: ssl.SSLContext | None = None) -> RadsecSender:
        """Connect as the branch or somebody else; with TLS 1.3 a client hears of a refusal only when it reads."""
        context = context or self.certificates.context(own or self.certificates.branch)
        before = self.settled()
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", self.listener.ports[0], ssl=context, server_hostname=SERVER_NAME
        )
        sender = RadsecSender(reader, writer)
        self.senders.append(sender)
        # The client's side of a handshake ends before the server's.
        await self.until(lambda: self.settled() > before, "the connection to be admitted or refused")
        return sender

    def settled(self) -> int:
        """Return how many connections have been admitted or refused so far."""
        return self.listener.log.opened + self.listener.log.refused.total()

    async def closed(self, **reasons: int) -> None:
        """Wait until connections have ended for these reasons, each so often."""
        log = self.listener.log
        await self.until(lambda: log.closed.total() == sum(reasons.values()), f"{reasons}, not {log.closed}")
        assert log.closed == reasons

    async def connect_raw(self) -> RadsecSender:
        """Connect without TLS."""
        sender = RadsecSender(*await asyncio.open_connection("127.0.0.1", self.listener.ports[0]))
        self.senders.append(sender)
        return sender

    async def until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that comes over a socket; the clock stands still."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not condition():  # noqa: ASYNC110 - what is waited for comes over a socket
                    await asyncio.sleep(0.001)
        except TimeoutError:
            raise AssertionError(f"it did not come to pass: {what}") from None

    async def logins(self, count: int) -> None:
        """Wait until the core has been asked so often."""
        await self.until(lambda: len(self.core.logins) == count, f"{count} logins")


@asynccontextmanager
async def running(
    certificates: Certificates,
    clients: Sequence[RadsecClient] | None = None,
    limits: RadsecLimits = LIMITS,
    **changes: object,
) -> AsyncIterator[RadsecGate]:
    """Run a server with RadSec for the branch, on a clock that stands still."""
    clock, core = FakeClock(), ScriptedCore()
    clock.wall_start = datetime.now(UTC) - timedelta(seconds=clock.now())
    server = RadiusServer(options(**changes), ClientTable([]), core, clock)
    wanted = [RadsecClient(client(), Mark.of_name(BRANCH))] if clients is None else clients
    listener = RadsecListener([("127.0.0.1", 0)], make_rules(certificates.files, wanted, limits), server)
    server.radsec.append(listener)
    await server.start()
    gate = RadsecGate(listener, server, core, clock, certificates, [])
    try:
        yield gate
    finally:
        for sender in gate.senders:
            sender.vanish()
        await server.stop()


def old_context(certificates: Certificates) -> ssl.SSLContext:
    """Return the context of a client that speaks nothing newer than TLS 1.1."""
    context = certificates.context(certificates.branch)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context
