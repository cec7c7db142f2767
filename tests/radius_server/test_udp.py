"""The socket, on loopback."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest
from structlog.testing import capture_logs
from typing_extensions import override

from pushgate.errors import PushgateError
from radius_server.udp import BATCH, SO_RCVBUFFORCE, Datagram, UdpSocket, ask_for_buffer, cannot_listen, reply_info
from radius_server.wire import MAX_PACKET
from tests.support.radius import RadiusSender

BUFFER = 4 * 1024 * 1024


@pytest.fixture
def listener() -> Iterator[UdpSocket]:
    """A socket on every IPv4 address."""
    opened = UdpSocket("0.0.0.0", 0, BUFFER)
    yield opened
    opened.close()


class OrdinarySocket(socket.socket):
    """A socket as a user who is not root has it."""

    @override
    def setsockopt(self, level: int, option: int, value: int) -> None:  # type: ignore[override]
        if option == SO_RCVBUFFORCE:
            raise PermissionError(1, "Operation not permitted")
        super().setsockopt(level, option, value)


@pytest.mark.parametrize("asked", ["127.0.0.1", "127.0.0.2", "127.9.8.7"])
async def test_reply_leaves_from_the_address_asked(listener: UdpSocket, asked: str) -> None:
    """A NAS that asks one of many addresses gets its reply from that one."""
    with RadiusSender(listener.port, asked) as nas:
        nas.send(b"question")
        [datagram] = listener.receive()
        assert datagram.local() == ip_address(asked)
        assert listener.send(b"answer", datagram)
        assert await nas.receive_from() == (b"answer", asked)


async def test_ipv6() -> None:
    """A NAS with IPv6 is answered over IPv6, from the address that it asked."""
    listener = UdpSocket("::", 0, BUFFER)
    try:
        with RadiusSender(listener.port, "::1") as nas:
            nas.send(b"question")
            [datagram] = listener.receive()
            assert (datagram.local(), datagram.peer[0]) == (ip_address("::1"), "::1")
            assert listener.send(b"answer", datagram)
            assert await nas.receive_from() == (b"answer", "::1")
    finally:
        listener.close()


def test_ipv6_leaves_ipv4_alone() -> None:
    """Listeners on every IPv6 and every IPv4 address stand on one port side by side."""
    six = UdpSocket("::", 0, BUFFER)
    try:
        UdpSocket("0.0.0.0", six.port, BUFFER).close()
    finally:
        six.close()


def test_batches(listener: UdpSocket) -> None:
    """One wake-up hands over at most 1,024 packets in their order, and leaves the others for the next."""
    with RadiusSender(listener.port) as nas:
        for number in range(BATCH + 8):
            nas.send(number.to_bytes(2, "big"))
        first, second = list(listener.receive()), list(listener.receive())
    assert [int.from_bytes(datagram.octets, "big") for datagram in first + second] == list(range(BATCH + 8))
    assert (len(first), len(second), len(list(listener.receive()))) == (BATCH, 8, 0)


def test_huge_datagram(listener: UdpSocket) -> None:
    """Of a datagram of any size no more is kept than a packet can have."""
    with RadiusSender(listener.port) as nas:
        nas.send(bytes(60_000))
        nas.send(b"")
        sizes = [len(datagram.octets) for datagram in listener.receive()]
    assert sizes == [MAX_PACKET + 1, 0]


def test_port_taken(listener: UdpSocket) -> None:
    """A second server on the port does not start, and the error says how to find the first."""
    with pytest.raises(PushgateError) as caught:
        UdpSocket("127.0.0.1", listener.port, BUFFER)
    assert caught.value.message == f"cannot listen on 127.0.0.1:{listener.port} (udp): address already in use"
    assert caught.value.hint == f"another RADIUS server holds the port: ss -lunp sport = :{listener.port}"


def test_foreign_address() -> None:
    """An address that this machine does not have cannot be listened on."""
    with pytest.raises(PushgateError) as caught:
        UdpSocket("192.0.2.1", 0, BUFFER)
    assert caught.value.hint == "this machine has no such address: ip address"


@pytest.mark.parametrize(("number", "hint"), [(13, "ports below 1024"), (105, "check radius.listen")])
def test_other_errors(number: int, hint: str) -> None:
    """Every other failure to listen has a hint too."""
    error = cannot_listen("::1", 1812, OSError(number, "no"))
    assert error.message.startswith("cannot listen on [::1]:1812 (udp): ")
    assert hint in error.hint


def test_send_failure(listener: UdpSocket) -> None:
    """A reply that the kernel refuses is reported, not raised."""
    assert not listener.send(b"answer", Datagram(b"", ("192.0.2.1", 0), []))


def test_receive_failure(listener: UdpSocket) -> None:
    """A socket that keeps failing yields nothing and says so once."""
    listener.close()
    with capture_logs() as logs:
        for _ in range(3):
            assert list(listener.receive()) == []
    assert logs == [
        {
            "event": "radius_receive_failed",
            "log_level": "warning",
            "port": listener.port,
            "error": "Bad file descriptor",
        }
    ]


def test_small_buffer_is_reported() -> None:
    """A kernel that grants less than was asked is named with the setting to change."""
    asked = 1 << 30
    with OrdinarySocket(socket.AF_INET, socket.SOCK_DGRAM) as sock, capture_logs() as logs:
        ask_for_buffer(sock, asked)
        granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    assert granted < asked
    assert logs == [
        {
            "event": "radius_receive_buffer",
            "log_level": "warning",
            "asked": asked,
            "granted": granted,
            "hint": "sysctl -w net.core.rmem_max=1073741824",
        }
    ]


def test_granted_buffer_is_silent() -> None:
    """A buffer within the kernel's limit is granted without a word."""
    with OrdinarySocket(socket.AF_INET, socket.SOCK_DGRAM) as sock, capture_logs() as logs:
        ask_for_buffer(sock, BUFFER)
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) == 2 * BUFFER
    assert logs == []


def test_link_local_keeps_its_interface() -> None:
    """The interface goes back with a link-local address and with no other."""
    kept = [
        reply_info(socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, ip_address(text).packed + (3).to_bytes(4, "little"))[2][16]
        for text in ("fe80::1", "2001:db8::1")
    ]
    assert kept == [3, 0]
