"""What is believed of an upstream server; a real one is in tests/system/test_first_factor_radius.py."""

import asyncio
import hashlib
import hmac
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from pushgate.clock import FakeClock, SystemClock
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.firstfactor.radius import RadiusFirstFactor, Upstream, request_attributes
from pushgate.login import Login, Origin, OriginSource, Secret
from pushgate.outcome import Failed, FailureKind
from pushgate.threads import WAITING_PER_THREAD
from radius_server.wire import check_message_authenticator, decrypt_password, encode_reply, parse

CLOCK = SystemClock()
SECRET = b"a-long-enough-shared-secret"
LOGIN = Login("alice", "vpn", "gateway", Origin("203.0.113.7", OriginSource.NAS))
PASSWORD = Secret(b"wonderland")
ACCEPT, REJECT, RESERVED = 2, 3, 255

Answer = Callable[[bytes], list[bytes]]


@asynccontextmanager
async def upstream(answer: Answer, *, require: bool = True, threads: int = 2) -> AsyncIterator[RadiusFirstFactor]:
    """A first factor whose server answers by script."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as server:
        server.bind(("127.0.0.1", 0))
        loop = asyncio.get_running_loop()

        def serve() -> None:
            datagram, client = server.recvfrom(4096)
            for reply in answer(datagram):
                server.sendto(reply, client)

        loop.add_reader(server, serve)
        where = Upstream("127.0.0.1", server.getsockname()[1], Secret(SECRET), require)
        factor = RadiusFirstFactor([where], CLOCK, timeout=0.5, tries=1, threads=threads, relay=[(0, 25)])
        try:
            yield factor
        finally:
            loop.remove_reader(server)
            await factor.close()


async def check(factor: RadiusFirstFactor, seconds: float = 5.0) -> Checked:
    """Check the password."""
    return await factor.check(LOGIN, PASSWORD, CLOCK.now() + seconds)


def reply(request: bytes, code: int = ACCEPT, secret: bytes = SECRET) -> bytes:
    """A good reply, signed."""
    return encode_reply(code, parse(request), secret, [(25, b"class")])


def unsigned(request: bytes, code: int = ACCEPT) -> bytes:
    """A reply as old servers write it, without Message-Authenticator."""
    head = bytes([code, request[1], 0, 20])
    return head + hashlib.md5(head + request[4:20] + SECRET).digest()


async def test_the_request_is_what_a_strict_server_takes() -> None:
    """A strict server finds the name, the hidden password, both addresses, and a right Message-Authenticator first."""
    seen: list[bytes] = []

    def answer(request: bytes) -> list[bytes]:
        seen.append(request)
        return [reply(request)]

    async with upstream(answer) as factor:
        outcome = await check(factor)
    assert isinstance(outcome, PasswordRight)
    assert outcome.attributes == ((25, b"class"),)
    packet = parse(seen[0])
    assert packet.attributes[0][0] == 80
    assert check_message_authenticator(packet, SECRET, packet.authenticator)
    attributes = dict(packet.attributes)
    assert decrypt_password(attributes.pop(2), packet.authenticator, SECRET).rstrip(b"\0") == PASSWORD.value
    del attributes[80]
    assert attributes == {1: b"alice", 31: b"203.0.113.7", 32: b"gateway"}


async def test_a_reject_is_a_wrong_password() -> None:
    """A person whom the server rejects is rejected."""
    async with upstream(lambda request: [reply(request, REJECT)]) as factor:
        assert await check(factor) == PasswordWrong("")


def flipped(octets: bytes, position: int) -> bytes:
    """Octets with one bit changed."""
    return octets[:position] + bytes([octets[position] ^ 1]) + octets[position + 1 :]


@pytest.mark.parametrize(
    "forge",
    [
        lambda request: reply(request, secret=b"another secret"),
        lambda request: unsigned(request),
        lambda request: flipped(reply(request), 5),  # Response Authenticator
        lambda request: flipped(reply(request), 25),  # Message-Authenticator
        lambda request: flipped(reply(request, REJECT), 0),  # a reject made an accept
        lambda request: flipped(reply(request), 1),  # identifier
        lambda request: reply(request)[:-1],
        lambda request: request,
        lambda request: b"",
        lambda request: b"\x02",
        lambda request: b"\x02" + request[1:2] + b"\xff\xff" + bytes(16),
    ],
)
async def test_a_forged_accept_opens_nothing(forge: Callable[[bytes], bytes]) -> None:
    """An attacker who answers in the server's place without its secret gets nobody in, and crashes nothing."""
    async with upstream(lambda request: [forge(request)]) as factor:
        outcome = await check(factor)
    assert isinstance(outcome, Failed)
    assert not outcome.asked


async def test_a_forged_reply_does_not_keep_the_real_one_out() -> None:
    """An attacker who is faster than the server does not lock people out: the real reply still counts."""
    async with upstream(lambda request: [unsigned(request, REJECT), b"", reply(request)]) as factor:
        assert isinstance(await check(factor), PasswordRight)


async def test_a_signature_added_by_a_stranger_is_verified_also_where_none_is_required() -> None:
    """An attacker cannot use the tolerance for unsigned replies to pass a wrongly signed one."""

    def wrong(request: bytes) -> bytes:
        attributes = bytes([80, 18]) + hmac.digest(b"another", request, "md5")
        head = bytes([ACCEPT, request[1], 0, 20 + len(attributes)])
        return head + hashlib.md5(head + request[4:20] + attributes + SECRET).digest() + attributes

    async with upstream(lambda request: [wrong(request)], require=False) as factor:
        assert isinstance(await check(factor), Failed)
    async with upstream(lambda request: [unsigned(request)], require=False) as factor:
        assert await check(factor) == PasswordRight()


async def test_a_reply_of_another_kind_is_no_answer() -> None:
    """A server that answers with another code, well signed, lets nobody in."""
    async with upstream(lambda request: [reply(request, RESERVED)]) as factor:
        assert await check(factor) == Failed(FailureKind.PROTOCOL, asked=False, detail="reply of code 255")


async def test_what_does_not_fit_into_a_packet_is_not_sent() -> None:
    """A person with a longer password or name than RADIUS carries is refused before anything is sent."""
    sent: list[bytes] = []
    async with upstream(lambda request: [*sent.append(request)]) as factor:
        deadline = CLOCK.now() + 5
        assert isinstance(await factor.check(LOGIN, Secret(b"x" * 129), deadline), PasswordWrong)
        assert isinstance(await factor.check(LOGIN, Secret(b""), deadline), PasswordWrong)
        assert isinstance(await factor.check(Login("é" * 128, "s", "h"), PASSWORD, deadline), PasswordWrong)
    assert sent == []


async def test_a_flood_is_refused_with_a_kind_that_never_opens() -> None:
    """An attacker who fills the queue brings about a limit, which no rule turns into an open door."""
    async with upstream(lambda _: [], threads=1) as factor:
        outcomes = await asyncio.gather(*(check(factor, 1.0) for _ in range(WAITING_PER_THREAD + 2)))
    assert outcomes[-1] == Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many checks at the same time")
    assert all(isinstance(outcome, Failed) for outcome in outcomes)


async def test_no_time_left_asks_no_server(fake_clock: FakeClock) -> None:
    """A login whose deadline has passed ends without a packet."""
    where = Upstream("127.0.0.1", 9, Secret(SECRET))
    factor = RadiusFirstFactor([where], fake_clock, timeout=1, tries=1, threads=1)
    outcome = await factor.check(LOGIN, PASSWORD, fake_clock.now())
    assert outcome == Failed(FailureKind.UNAVAILABLE, asked=False, detail="no time left")
    await factor.close()


async def test_a_host_that_has_no_address_is_no_answer() -> None:
    """A server whose name nobody knows is a server that is down."""
    where = Upstream("nowhere.invalid", 1812, Secret(SECRET))
    factor = RadiusFirstFactor([where], CLOCK, timeout=1, tries=1, threads=1)
    outcome = await check(factor)
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNAVAILABLE
    await factor.close()


def test_a_login_without_host_and_address_has_a_nas_identifier() -> None:
    """A server that demands a NAS-Identifier gets one (RFC 2865 section 4.1)."""
    assert request_attributes(Login("alice", "vpn", "")) == {1: b"alice", 32: b"pushgate"}


def test_no_secret_in_representations() -> None:
    """An administrator can give away what is printed about a server."""
    assert "a-long-enough" not in repr(Upstream("127.0.0.1", 1812, Secret(SECRET)))
