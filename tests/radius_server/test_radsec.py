"""RadSec on loopback with real TLS, a core that does what the test says and a clock that the test moves."""

import asyncio
import errno
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pushgate.errors import PushgateError
from radius_server import radsec as module
from radius_server.certificates import CertificateTable, Mark, RadsecClient
from radius_server.nas import verify_reply
from radius_server.radsec import MAX_HANDSHAKES_PER_ADDRESS, RadsecListener
from radius_server.tls import TlsFiles
from radius_server.wire import (
    encode_request,
)
from tests.support.certificates import CertificationAuthority, Issued
from tests.support.radius import ACCEPT, RadiusSender, access_request
from tests.support.radsec import (
    BRANCH,
    LIMITS,
    SECRET,
    SERVER_NAME,
    Certificates,
    RadsecGate,
    RadsecSender,
    client,
    make_rules,
    old_context,
    request,
    running,
    status,
)


@pytest.fixture(scope="module")
def certificates() -> Iterator[Certificates]:
    """One authority for all tests here."""
    with tempfile.TemporaryDirectory(prefix="pushgate-") as folder:
        yield Certificates(Path(folder))


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    """What was logged."""
    with capture_logs() as entries:
        yield entries


async def refused(gate: RadsecGate, reason: str, connecting: Any) -> None:
    """Check that a connection is refused for this reason, whenever its client hears of it."""
    before, asked = gate.listener.log.refused[reason], gate.server.counters.status_requests
    try:
        sender: RadsecSender = await connecting
        sender.send(status())
        await sender.expect_end()
    except OSError as error:
        assert not isinstance(error, TimeoutError)  # noqa: PT017
    await gate.until(lambda: gate.listener.log.refused[reason] > before, reason)
    assert gate.server.counters.status_requests == asked
    await gate.until(lambda: not gate.listener.handshakes, "the handshake to be over")
    assert not gate.listener.connections


async def test_a_login_by_tls(certificates: Certificates, logs: list[Any]) -> None:
    """A person's answer goes back to the proxy; the core knows the client by its certificate."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        packet = request()
        branch.send(packet)
        await gate.logins(1)
        assert gate.core.logins[0].service == "branch"
        gate.core.decide(0, ACCEPT)
        assert verify_reply(packet, await branch.receive(), SECRET) == 2
        assert await branch.ask(status()) == 2
    assert [entry["event"] for entry in logs] == ["radsec_connected", "radsec_closed"]
    assert logs[0]["tls"] == "TLSv1.3"


async def test_tls_1_2_is_enough(certificates: Certificates) -> None:
    """A client that speaks no TLS 1.3 is served by TLS 1.2."""
    async with running(certificates) as gate:
        context = certificates.context(certificates.branch)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        assert await (await gate.connect(context=context)).ask(status()) == 2


async def test_older_tls_is_refused(certificates: Certificates) -> None:
    """A client that speaks nothing newer than TLS 1.1 is refused."""
    async with running(certificates) as gate:
        await refused(gate, "tls_version", gate.connect(context=old_context(certificates)))


async def test_sessions_are_not_resumed(certificates: Certificates) -> None:
    """A client that comes again with its session of TLS 1.3 has its certificate verified again."""
    async with running(certificates) as gate:
        context = certificates.context(certificates.branch)
        sessions = [await asyncio.to_thread(ask_once, context, gate)]
        sessions.append(await asyncio.to_thread(ask_once, context, gate, sessions[0].session))
        assert [each.reused for each in sessions] == [False, False]


async def test_a_resumed_session_is_checked(certificates: Certificates) -> None:
    """A client that resumes a session of TLS 1.2 is refused when its certificate has expired or is nobody's now.

    After a reload sessions from before cannot be resumed at all.
    """
    async with running(certificates) as gate:
        context = certificates.context(certificates.branch)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        first = await asyncio.to_thread(ask_once, context, gate)
        assert (await asyncio.to_thread(ask_once, context, gate, first.session)).reused
        gate.clock.time += 2 * 86400
        await refused(gate, "certificate_expired", asyncio.to_thread(ask_once, context, gate, first.session))
        gate.clock.time -= 2 * 86400
        someone_else = CertificateTable([RadsecClient(client(), Mark.of_name("other.example"))])
        gate.listener.rules = replace(gate.listener.rules, certificates=someone_else)
        await refused(gate, "unknown_certificate", asyncio.to_thread(ask_once, context, gate, first.session))
        gate.listener.replace_rules(make_rules(certificates.files, [RadsecClient(client(), Mark.of_name(BRANCH))]))
        assert not (await asyncio.to_thread(ask_once, context, gate, first.session)).reused


@dataclass
class Session:
    """What is left of a connection."""

    session: ssl.SSLSession | None
    reused: bool


def ask_once(context: ssl.SSLContext, gate: RadsecGate, session: ssl.SSLSession | None = None) -> Session:
    """Connect, perhaps with a session from before, ask a probe, and say good-bye.

    Raises:
        OSError: the server answers nothing.
    """
    with (
        socket.create_connection(("127.0.0.1", gate.listener.ports[0])) as plain,
        context.wrap_socket(plain, server_hostname=SERVER_NAME, session=session) as connection,
    ):
        connection.sendall(status())
        if not connection.recv(4096):
            raise ConnectionResetError("the server closed the connection")
        found = Session(connection.session, bool(connection.session_reused))
        # Without a good-bye OpenSSL would forget the session by itself.
        connection.unwrap()
        return found


async def test_without_a_certificate(certificates: Certificates, logs: list[Any]) -> None:
    """A client that shows no certificate is refused, and the log says what is missing."""
    async with running(certificates) as gate:
        await refused(gate, "no_certificate", gate.connect(context=certificates.context()))
    assert (logs[0]["event"], logs[0]["source"]) == ("radsec_refused", "127.0.0.1")
    assert logs[0]["hint"]


async def test_a_certificate_of_another_authority(certificates: Certificates, private_folder: Path) -> None:
    """A client whose certificate bears the right name, but was issued by somebody else, is refused."""
    other = CertificationAuthority(private_folder, "test CA")
    async with running(certificates) as gate:
        context = certificates.context(other.issue("branch", BRANCH))
        await refused(gate, "certificate_refused", gate.connect(context=context))


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({"days": -1}, "certificate_refused"),
        ({"server": True}, "certificate_refused"),
        ({"name": "other.example.org"}, "unknown_certificate"),
        ({"name": "*.example.org"}, "unknown_certificate"),
        ({"name": f"{BRANCH}.attacker.example"}, "unknown_certificate"),
        ({"name": f"x{BRANCH}"}, "unknown_certificate"),
    ],
    ids=["expired", "for servers only", "other name", "wildcard", "longer name", "suffix"],
)
async def test_a_wrong_certificate(certificates: Certificates, case: dict[str, Any], reason: str) -> None:
    """A client whose certificate has expired, is for servers, or does not bear exactly the name is refused."""
    issued = certificates.ca.issue("wrong", case.pop("name", BRANCH), **case)
    async with running(certificates) as gate:
        await refused(gate, reason, gate.connect(issued))


async def test_a_certificate_as_its_own_authority(certificates: Certificates) -> None:
    """A client cannot vouch for itself: a certificate that its own certificate has issued is refused."""
    child = issued_by(certificates.branch, certificates)
    async with running(certificates) as gate:
        await refused(gate, "certificate_refused", gate.connect(child))


def issued_by(parent: Issued, certificates: Certificates) -> Issued:
    """Let a client's certificate issue another one, as if it were an authority's."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    ca = object.__new__(CertificationAuthority)
    ca.folder, ca.path = certificates.ca.folder, parent.certificate
    ca.key = load_pem_private_key(parent.key.read_bytes(), None)  # type: ignore[assignment]
    ca.name = x509.load_pem_x509_certificate(parent.certificate.read_bytes()).subject
    issued = ca.issue("child", BRANCH)
    with issued.certificate.open("ab") as file:
        file.write(parent.certificate.read_bytes())
    return issued


async def test_another_certificate_than_the_pinned_one(certificates: Certificates) -> None:
    """A client known by fingerprint is served with that certificate and refused with a newer one of its name."""
    pinned = [RadsecClient(client(), Mark.of_fingerprint(certificates.branch.fingerprint))]
    newer = certificates.ca.issue("newer", BRANCH)
    async with running(certificates, pinned) as gate:
        await refused(gate, "unknown_certificate", gate.connect(newer))
        assert await (await gate.connect()).ask(status()) == 2


async def test_a_self_signed_certificate_may_be_pinned(certificates: Certificates, private_folder: Path) -> None:
    """A client without an authority is served when its own certificate stands in client_ca_file."""
    own = self_signed(private_folder)
    files = replace(certificates.files, client_ca=own.certificate)
    pinned = [RadsecClient(client(), Mark.of_fingerprint(own.fingerprint))]
    async with running(certificates, pinned) as gate:
        gate.listener.replace_rules(make_rules(files, pinned))
        assert await (await gate.connect(own)).ask(status()) == 2
        await asyncio.sleep(0)
        await (gate.senders.pop()).close()
        await gate.until(lambda: not gate.listener.connections, "the end")
        await refused(gate, "certificate_refused", gate.connect())


def self_signed(folder: Path) -> Issued:
    """Make a certificate that nobody has issued, as openssl req -x509 does."""
    import subprocess

    issued = Issued(folder / "own.pem", folder / "own.key")
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    command += ["-subj", "/CN=own", "-keyout", str(issued.key), "-out", str(issued.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return issued


async def test_a_certificate_that_expires_ends_its_connection(certificates: Certificates) -> None:
    """A connection ends with the certificate that it was opened with, however long it might live."""
    issued = certificates.ca.issue("short", BRANCH, days=1)
    async with running(certificates) as gate:
        short = await gate.connect(issued)
        assert await short.ask(status()) == 2
        [connection] = gate.listener.connections
        assert connection.ends_at - gate.clock.now() == pytest.approx(86400, abs=60)
        gate.clock.time = connection.ends_at
        gate.listener.look_around(gate.clock.now())
        await short.expect_end()
        assert connection.ended == "lifetime"


async def test_a_stranger_does_not_get_as_far_as_tls(certificates: Certificates) -> None:
    """An address from which no client may connect is closed before TLS is spoken."""
    known = [RadsecClient(client(), Mark.of_name(BRANCH), (ip_network("192.0.2.0/24"),))]
    async with running(certificates, known) as gate:
        sender = await gate.connect_raw()
        await sender.expect_end()
        assert gate.listener.log.refused == {"unknown_address": 1}


async def test_a_right_certificate_from_another_client_s_address(certificates: Certificates) -> None:
    """A certificate is of no use from an address that only another client may connect from."""
    known = [
        RadsecClient(client("branch"), Mark.of_name(BRANCH), (ip_network("192.0.2.0/24"),)),
        RadsecClient(client("local"), Mark.of_name("other.example"), (ip_network("127.0.0.0/8"),)),
    ]
    async with running(certificates, known) as gate:
        await refused(gate, "other_network", gate.connect())


async def test_no_tls_at_all(certificates: Certificates) -> None:
    """A client that speaks RADIUS over plain TCP, or HTTP, is refused without an answer to it."""
    async with running(certificates) as gate:
        for octets in (request(), b"GET / HTTP/1.1\r\n\r\n"):
            sender = await gate.connect_raw()
            sender.writer.write(octets)
            await sender.expect_end()
        await gate.until(lambda: gate.listener.log.refused.total() == 2, "two refusals")
        assert gate.core.logins == []


async def test_a_handshake_that_never_ends(certificates: Certificates) -> None:
    """A client that connects and says nothing, or half of a hello, is cut after ten seconds."""
    async with running(certificates) as gate:
        silent, slow = await gate.connect_raw(), await gate.connect_raw()
        slow.writer.write(b"\x16\x03\x01\x02\x00\x01")
        await gate.until(lambda: len(gate.listener.handshakes) == 2, "two handshakes")
        await gate.clock.advance(9)
        assert len(gate.listener.handshakes) == 2
        await gate.clock.advance(1)
        await silent.expect_end()
        await slow.expect_end()
        assert gate.listener.log.refused == {"handshake_timeout": 2}


async def test_a_handshake_that_is_broken_off(certificates: Certificates) -> None:
    """A client that goes away during the handshake leaves nothing behind."""
    async with running(certificates) as gate:
        sender = await gate.connect_raw()
        await gate.until(lambda: len(gate.listener.handshakes) == 1, "a handshake")
        sender.vanish()
        await gate.until(lambda: not gate.listener.handshakes, "its end")
        assert gate.listener.log.refused.total() == 1


async def test_a_flood_of_handshakes(certificates: Certificates, logs: list[Any]) -> None:
    """An address that opens many connections and finishes none holds few of them, and a client there is still served.

    It is served as soon as one of them is over; who has connected before is served all the time.
    """
    async with running(certificates) as gate:
        branch = await gate.connect()
        flood = [await gate.connect_raw() for _ in range(3 * MAX_HANDSHAKES_PER_ADDRESS)]
        await gate.until(
            lambda: gate.listener.log.refused["too_many_handshakes"] == 2 * MAX_HANDSHAKES_PER_ADDRESS, "refusals"
        )
        assert len(gate.listener.handshakes) == MAX_HANDSHAKES_PER_ADDRESS
        assert await branch.ask(status()) == 2
        flood[0].vanish()
        await gate.until(lambda: len(gate.listener.handshakes) < MAX_HANDSHAKES_PER_ADDRESS, "room")
        assert await (await gate.connect()).ask(status(7)) == 2
    assert sum(entry.get("reason") == "too_many_handshakes" for entry in logs) == 1


@pytest.mark.parametrize(
    ("address", "stands_for"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::", "2001:db8:1:2::"),
        ("2001:db8:1:3::6", "2001:db8:1:3::"),
    ],
)
def test_one_site_is_one_place(address: str, stands_for: str) -> None:
    """An attacker with all addresses of an IPv6 network holds no more handshakes than one with a single address."""
    assert module.neighbourhood(ip_address(address)) == ip_address(stands_for)


async def test_a_flood_from_one_network(certificates: Certificates) -> None:
    """An attacker who takes another address of one IPv6 network each time is refused like one who takes the same."""
    async with running(certificates) as gate:
        waiting = [asyncio.create_task(asyncio.sleep(60)) for _ in range(MAX_HANDSHAKES_PER_ADDRESS)]
        taken = {task: ip_address(f"2001:db8::{number:x}") for number, task in enumerate(waiting, 1)}
        gate.listener.handshakes.update(taken)
        assert gate.listener.refusal(ip_address("2001:db8::ffff")) == "too_many_handshakes"
        assert gate.listener.refusal(ip_address("2001:db8:0:1::ffff")) == ""
        for task in waiting:
            task.cancel()
            del gate.listener.handshakes[task]


async def test_handshakes_are_bounded_in_all(certificates: Certificates, monkeypatch: pytest.MonkeyPatch) -> None:
    """Many addresses together cannot hold more handshakes than the server bears."""
    monkeypatch.setattr(module, "MAX_HANDSHAKES", 3)
    async with running(certificates) as gate:
        for _ in range(5):
            await gate.connect_raw()
        await gate.until(lambda: gate.listener.log.refused["too_many_handshakes"] == 2, "refusals")
        assert len(gate.listener.handshakes) == 3


async def test_connections_of_a_client_are_bounded(certificates: Certificates) -> None:
    """A client that opens connection after connection is refused beyond its limit; the others have room."""
    other = certificates.ca.issue("other", "other.example.org")
    known = [
        RadsecClient(client(), Mark.of_name(BRANCH)),
        RadsecClient(client("other"), Mark.of_name("other.example.org")),
    ]
    async with running(certificates, known, replace(LIMITS, max_connections_per_client=2)) as gate:
        first = await gate.connect()
        await gate.connect()
        await (await gate.connect()).expect_end()
        assert gate.listener.log.refused == {"too_many_of_client": 1}
        assert await (await gate.connect(other)).ask(status()) == 2
        await first.close()
        await gate.until(lambda: len(gate.listener.connections) == 2, "one end")
        assert await (await gate.connect()).ask(status(9)) == 2


async def test_connections_are_bounded_in_all(certificates: Certificates) -> None:
    """Beyond max_connections nobody gets as far as TLS."""
    async with running(certificates, limits=replace(LIMITS, max_connections=2)) as gate:
        for _ in range(2):
            await gate.connect()
        await (await gate.connect_raw()).expect_end()
        assert gate.listener.log.refused == {"too_many_connections": 1}


async def test_a_packet_with_the_end_of_the_handshake(certificates: Certificates) -> None:
    """A client whose first packet arrives in the same segment as the end of its handshake gets its answer."""
    async with running(certificates) as gate:
        context, port = certificates.context(certificates.branch), gate.listener.ports[0]
        assert len(await asyncio.to_thread(finish_with, context, port, status())) > 20


def finish_with(context: ssl.SSLContext, port: int, packet: bytes) -> bytes:
    """Speak TLS 1.3, send a packet together with the last octets of the handshake, and return what is answered."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=SERVER_NAME)
    with socket.create_connection(("127.0.0.1", port)) as plain:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                plain.sendall(outgoing.read())
                incoming.write(plain.recv(65536))
        tls.write(packet)
        plain.sendall(outgoing.read())
        while True:
            try:
                return tls.read()
            except ssl.SSLWantReadError:
                incoming.write(plain.recv(65536))


async def test_packets_split_at_every_octet(certificates: Certificates) -> None:
    """A client that sends each octet in a TLS record of its own is understood."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        packet = request()
        for octet in packet:
            branch.send(bytes([octet]))
            await asyncio.sleep(0)
        await gate.logins(1)
        gate.core.decide(0, ACCEPT)
        assert verify_reply(packet, await branch.receive(), SECRET) == 2


async def test_every_identifier_is_answered(certificates: Certificates) -> None:
    """A client with 256 requests in flight gets 256 replies, each to its own request, decided in any order."""
    async with running(certificates, max_pending=300, max_pending_per_client=300) as gate:
        branch = await gate.connect()
        packets = [request(f"user{number}", number) for number in range(256)]
        branch.send(*packets)
        await gate.logins(256)
        for number in reversed(range(256)):
            gate.core.decide(number, ACCEPT)
        replies = {reply[1]: reply for reply in [await branch.receive() for _ in packets]}
        assert [verify_reply(packet, replies[packet[1]], SECRET) for packet in packets] == [2] * 256


async def test_a_client_that_never_reads(certificates: Certificates) -> None:
    """A client that asks and never reads is held to what the kernel and 64 KiB hold, and then cut."""
    state = (24, b"x" * 200)
    async with running(certificates) as gate:
        branch = await gate.connect()
        branch.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        branch.writer.transport.pause_reading()  # type: ignore[attr-defined]
        [connection] = gate.listener.connections
        proxy = [(33, bytes([number]) * 250) for number in range(14)]
        packet = request("alice", 1, state, *proxy)
        branch.writer.transport.set_write_buffer_limits(64 * 1024)
        for _ in range(40):
            branch.send(*[packet] * 50)
            await asyncio.sleep(0.005)
            if connection.stalled_at is not None:
                break
        assert connection.stalled_at is not None
        received = gate.server.counters.access_requests
        await asyncio.sleep(0.05)
        assert gate.server.counters.access_requests == received
        assert connection.transport is not None
        assert connection.transport.get_write_buffer_size() < 64 * 1024 + 8192
        await gate.clock.advance(11)
        await gate.until(lambda: not gate.listener.connections, "the cut")
        await gate.closed(client_does_not_read=1)


async def test_half_a_packet_then_silence(certificates: Certificates) -> None:
    """A client that stops inside a packet is cut after ten seconds."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        branch.send(request()[:30])
        await gate.until(lambda: any(c.begun_at for c in gate.listener.connections), "half a packet")
        await gate.clock.advance(12)
        await branch.expect_end()
        await gate.closed(packet_incomplete=1)


async def test_garbage_inside_tls(certificates: Certificates) -> None:
    """A client that sends no RADIUS is cut, counted and logged; another connection of it goes on."""
    async with running(certificates) as gate:
        good, bad = await gate.connect(), await gate.connect()
        bad.send(b"\x01\x01\x00\x05garbage")
        await bad.expect_end()
        assert gate.server.counters.dropped == {"length_out_of_range": 1}
        assert gate.server.counters.malformed_access_requests == 1
        assert await good.ask(status()) == 2


async def test_octets_that_break_tls(certificates: Certificates) -> None:
    """Somebody in between who changes an octet ends the connection, and the login is withdrawn."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        branch.send(request())
        await gate.logins(1)
        os.write(branch.writer.get_extra_info("socket").fileno(), b"\x17\x03\x03\x00\x20" + bytes(32))
        await branch.expect_end()
        await gate.until(lambda: gate.core.withdrawn == [0], "the withdrawal")
        await gate.closed(connection_lost=1)


async def test_an_unknown_code_is_dropped_alone(certificates: Certificates) -> None:
    """A client that sends accounting gets no answer to it and keeps its connection."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        branch.send(encode_request(4, 1, bytes(16), SECRET))
        await branch.expect_silence()
        assert gate.server.counters.unknown_types == 1


@pytest.mark.parametrize("polite", [True, False], ids=["good-bye", "reset"])
async def test_a_client_that_goes_away(certificates: Certificates, polite: bool) -> None:
    """A client that closes its connection, or loses it, has its pending logins withdrawn at once."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        branch.send(request())
        await gate.logins(1)
        if polite:
            await branch.close()
        else:
            branch.vanish()
        await gate.until(lambda: gate.core.withdrawn == [0], "the withdrawal")
        assert not gate.listener.connections


async def test_another_connection_keeps_a_login(certificates: Certificates) -> None:
    """A client that asked for the same login on a second connection gets its answer there when the first is gone."""
    async with running(certificates) as gate:
        first, second = await gate.connect(), await gate.connect()
        port = (5, b"\0\0\0\x07")
        packet = request("alice", 2, port)
        first.send(request("alice", 1, port))
        await gate.logins(1)
        second.send(packet)
        await gate.until(lambda: gate.server.counters.joins == 1, "the join")
        first.vanish()
        await gate.until(lambda: len(gate.listener.connections) == 1, "the end of the first")
        assert gate.core.withdrawn == []
        gate.core.decide(0, ACCEPT)
        assert verify_reply(packet, await second.receive(), SECRET) == 2


async def test_a_client_is_not_found_by_datagram(certificates: Certificates) -> None:
    """Nobody gets an answer by UDP with the secret that everybody knows."""
    async with running(certificates) as gate:
        with RadiusSender(gate.server.ports[0], secret=SECRET) as nas:
            nas.send(access_request(secret=SECRET))
            await gate.until(lambda: gate.server.counters.invalid_requests == 1, "the drop")
            assert nas.drain() == []


async def test_an_idle_connection_ends(certificates: Certificates) -> None:
    """A connection without packets ends politely after the idle time-out, but not while a person is asked."""
    async with running(certificates) as gate:
        quiet, busy = await gate.connect(), await gate.connect()
        assert await quiet.ask(status()) == 2
        packet = request()
        busy.send(packet)
        await gate.logins(1)
        await gate.clock.advance(601)
        await quiet.expect_end()
        await gate.closed(idle=1)
        gate.core.decide(0, ACCEPT)
        assert verify_reply(packet, await busy.receive(), SECRET) == 2


async def test_stopping_closes_and_withdraws(certificates: Certificates) -> None:
    """A server that stops says good-bye to its clients, withdraws what is pending, and cuts handshakes off."""
    async with running(certificates) as gate:
        branch, raw = await gate.connect(), await gate.connect_raw()
        branch.send(request())
        await gate.logins(1)
        await gate.until(lambda: len(gate.listener.handshakes) == 1, "a handshake")
        port = gate.listener.ports[0]
        await gate.server.stop()
        assert gate.core.withdrawn == [0]
        await branch.expect_end()
        await raw.expect_end()
        await gate.closed(stopping=1)
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


async def test_a_handshake_that_has_not_begun_is_closed(certificates: Certificates) -> None:
    """A server that stops in the moment in which somebody connects leaves no socket open."""
    async with running(certificates) as gate:
        [listening] = gate.listener.listening
        with socket.socket() as stranger:
            stranger.connect(("127.0.0.1", gate.listener.ports[0]))
            gate.listener.accept(listening)
            [task] = gate.listener.handshakes
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await asyncio.sleep(0)
            stranger.settimeout(5)
            assert stranger.recv(1) == b""
        assert gate.listener.handshakes == {}


async def test_a_taken_port(certificates: Certificates) -> None:
    """A server whose RadSec port is taken does not start, and keeps neither that nor the UDP port."""
    async with running(certificates) as gate:
        taken = [("127.0.0.1", 0), ("127.0.0.1", gate.listener.ports[0])]
        second = RadsecListener(taken, gate.listener.rules, gate.server)
        with pytest.raises(PushgateError, match="already in use"):
            await second.start()
        assert second.ports == []


async def test_no_descriptors_left(certificates: Certificates, logs: list[Any]) -> None:
    """A server without a free descriptor says so, lets clients wait, and serves them when one is free again."""
    async with running(certificates) as gate:
        [listening] = gate.listener.listening

        class Exhausted:
            """A socket for which the kernel has no descriptor."""

            def accept(self) -> Any:
                raise OSError(errno.EMFILE, "Too many open files")

        gate.listener.accept(Exhausted())  # type: ignore[arg-type]
        assert listening.fileno() not in asyncio.get_running_loop()._selector.get_map()  # type: ignore[attr-defined]
        waiting = asyncio.create_task(gate.connect())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        await gate.clock.advance(1)
        assert await (await waiting).ask(status()) == 2
    assert logs[0]["event"] == "radsec_accept_failed"


async def test_a_new_server_certificate(certificates: Certificates) -> None:
    """A reload shows the new certificate to those who connect, and connections and logins go on."""
    newer = certificates.ca.issue("newer-server", "radius.example.org", server=True)
    async with running(certificates) as gate:
        branch, packet = await gate.connect(), request()
        branch.send(packet)
        await gate.logins(1)
        files = TlsFiles(newer.certificate, newer.key, certificates.ca.path)
        gate.listener.replace_rules(make_rules(files, [RadsecClient(client(), Mark.of_name(BRANCH))]))
        later = await gate.connect()
        shown = later.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        assert shown == ssl.PEM_cert_to_DER_cert(newer.certificate.read_text())
        gate.core.decide(0, ACCEPT)
        assert verify_reply(packet, await branch.receive(), SECRET) == 2


async def test_a_client_that_was_taken_out(certificates: Certificates) -> None:
    """A reload without a client ends its connection and withdraws its logins; it cannot connect any more."""
    other = certificates.ca.issue("other", "other.example.org")
    known = [
        RadsecClient(client(), Mark.of_name(BRANCH)),
        RadsecClient(client("other"), Mark.of_name("other.example.org")),
    ]
    async with running(certificates, known) as gate:
        branch, stays = await gate.connect(), await gate.connect(other)
        branch.send(request())
        await gate.logins(1)
        gate.listener.replace_rules(make_rules(certificates.files, known[1:]))
        await branch.expect_end()
        await gate.until(lambda: gate.core.withdrawn == [0], "the withdrawal")
        await gate.closed(certificate_removed=1)
        assert await stays.ask(status()) == 2
        await (await gate.connect()).expect_end()


async def test_a_certificate_that_is_another_client_s_now(certificates: Certificates) -> None:
    """A reload that gives a certificate to another client ends the connection, so that it comes again as that one."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        gate.listener.replace_rules(
            make_rules(certificates.files, [RadsecClient(client("renamed"), Mark.of_name(BRANCH))])
        )
        await branch.expect_end()


async def test_a_client_that_was_changed(certificates: Certificates) -> None:
    """A reload that changes a client is in force for the next packet on its connection."""
    async with running(certificates) as gate:
        branch = await gate.connect()
        assert await branch.ask(status()) == 2
        changed = [RadsecClient(client(status_server=False), Mark.of_name(BRANCH))]
        gate.listener.replace_rules(make_rules(certificates.files, changed))
        branch.send(status(7))
        await gate.until(lambda: gate.server.counters.dropped == {"status_server_off": 1}, "the drop")


async def test_an_authority_that_was_taken_out(certificates: Certificates, private_folder: Path) -> None:
    """A reload without an authority ends every connection and handshake, as nobody knows who was vouched for by it."""
    other = CertificationAuthority(private_folder, "other CA")
    async with running(certificates) as gate:
        branch, raw = await gate.connect(), await gate.connect_raw()
        await gate.until(lambda: len(gate.listener.handshakes) == 1, "a handshake")
        both = private_folder / "both.pem"
        both.write_bytes(certificates.ca.path.read_bytes() + other.path.read_bytes())
        clients = [RadsecClient(client(), Mark.of_name(BRANCH))]
        gate.listener.replace_rules(make_rules(replace(certificates.files, client_ca=both), clients))
        assert await branch.ask(status()) == 2
        newcomer = await gate.connect(other.issue("branch", BRANCH))
        assert await newcomer.ask(status(7)) == 2
        gate.listener.replace_rules(make_rules(replace(certificates.files, client_ca=other.path), clients))
        for sender in (branch, raw, newcomer):
            await sender.expect_end()
        await gate.closed(authority_removed=2)
        await refused(gate, "certificate_refused", gate.connect())
