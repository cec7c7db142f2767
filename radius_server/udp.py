"""One UDP socket: drained in batches, and answering from the very address that was asked.

asyncio's own datagram transport hands over one packet per system call and wake-up, and cannot tell the address
that a packet was sent to. Here the kernel does (IP_PKTINFO), so a host with several addresses needs one socket.
"""

import contextlib
import errno
import functools
import ipaddress
import os
import socket
import struct
from collections.abc import Hashable, Iterator
from typing import Literal, NamedTuple

import structlog

from pushgate.errors import PushgateError
from radius_server.clients import IPAddress, plain_address
from radius_server.wire import MAX_PACKET

# From linux/in.h and asm/socket.h; Python 3.11 does not name them.
IP_PKTINFO = 8
SO_RCVBUFFORCE = 33

IPV4_INFO = struct.Struct("=i4s4s")
"""struct in_pktinfo: interface, our address, destination in the header."""
IPV6_INFO = struct.Struct("=16si")
"""struct in6_pktinfo: our address, interface."""

REMEMBERED = 256
"""Addresses of ours whose form for replies is kept."""
BATCH = 1024
"""Packets per wake-up, enough to empty the buffer of a burst; then the loop sees to other work."""
ANCILLARY = socket.CMSG_SPACE(IPV6_INFO.size) + socket.CMSG_SPACE(IPV4_INFO.size)

Ancillary = list[tuple[int, int, bytes]]
log = structlog.get_logger()


class Datagram(NamedTuple):
    """A packet and the way back."""

    octets: bytes
    peer: tuple[str, int] | tuple[str, int, int, int]
    ancillary: Ancillary
    """What makes the kernel send the reply from the address that was asked."""

    def local(self) -> IPAddress | None:
        """Return the address that was asked, if the kernel told it."""
        for level, _, value in self.ancillary:
            if level == socket.IPPROTO_IP:
                return plain_address(socket.inet_ntop(socket.AF_INET, value[4:8]))
            return plain_address(socket.inet_ntop(socket.AF_INET6, value[:16]))
        return None


class UdpLink(NamedTuple):
    """The way back for one datagram."""

    socket: "UdpSocket"
    datagram: Datagram

    @property
    def key(self) -> Hashable:
        """Tell apart who asks by socket, address and port."""
        return self.socket, self.datagram.peer

    @property
    def forgeable(self) -> bool:
        """Anybody can write any source address on a datagram."""
        return True

    def send(self, reply: bytes) -> bool:
        """Send a reply from the address that was asked; False if the kernel refuses."""
        return self.socket.send(reply, self.datagram)


class UdpSocket:
    """A bound, non-blocking UDP socket."""

    def __init__(self, host: str, port: int, receive_buffer: int) -> None:
        """Bind.

        Raises:
            PushgateError: if that fails.
        """
        self.reported: set[int | None] = set()
        six = ipaddress.ip_address(host).version == 6
        self.socket = socket.socket(
            socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK
        )
        try:
            if six:
                # "[::]" and "0.0.0.0" are two listeners, so that neither depends on the order of binding.
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
            else:
                self.socket.setsockopt(socket.IPPROTO_IP, IP_PKTINFO, 1)
            ask_for_buffer(self.socket, receive_buffer)
            # No SO_REUSEADDR or SO_REUSEPORT: a second server on the port must fail, not share the packets.
            self.socket.bind((host, port))
        except OSError as error:
            self.socket.close()
            raise cannot_listen(host, port, error) from None
        self.port: int = self.socket.getsockname()[1]

    def fileno(self) -> int:
        """Return the descriptor, for the event loop."""
        return self.socket.fileno()

    def receive(self) -> Iterator[Datagram]:
        """Yield what has arrived, at most one batch."""
        for _ in range(BATCH):
            try:
                octets, ancillary, _, peer = self.socket.recvmsg(MAX_PACKET + 1, ANCILLARY)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno not in self.reported:
                    # Once per kind: an error that lasts comes back at every wake-up.
                    self.reported.add(error.errno)
                    log.warning("radius_receive_failed", port=self.port, error=os.strerror(error.errno or 0))
                return
            yield Datagram(octets, peer, [reply_info(level, kind, value) for level, kind, value in ancillary])

    def send(self, reply: bytes, request: Datagram) -> bool:
        """Send a reply back to where the request came from; False if the kernel refuses, as the NAS will ask again."""
        try:
            self.socket.sendmsg([reply], request.ancillary, 0, request.peer)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close the socket."""
        with contextlib.suppress(OSError):
            self.socket.close()


@functools.lru_cache(REMEMBERED)
def reply_info(level: int, kind: int, value: bytes) -> tuple[int, int, bytes]:
    """Turn what came with a packet into what must go with its reply: our address; the route picks the interface."""
    if level == socket.IPPROTO_IP:
        _, ours, _ = IPV4_INFO.unpack(value[: IPV4_INFO.size])
        return level, kind, IPV4_INFO.pack(0, ours, bytes(4))
    ours, interface = IPV6_INFO.unpack(value[: IPV6_INFO.size])
    # A link-local address means nothing without its interface.
    return level, kind, IPV6_INFO.pack(ours, interface if ipaddress.IPv6Address(ours).is_link_local else 0)


def ask_for_buffer(sock: socket.socket, size: int) -> None:
    """Ask for a receive buffer that holds a burst of logins, and warn if the kernel grants less.

    Linux's default of 208 KiB holds about 256 small packets.
    """
    try:
        sock.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)
    # The kernel doubles the figure for its own book-keeping (socket(7)).
    granted = sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    if granted < size:
        log.warning("radius_receive_buffer", asked=size, granted=granted, hint=f"sysctl -w net.core.rmem_max={size}")


def cannot_listen(
    host: str, port: int, error: OSError, kind: Literal["udp", "tcp"] = "udp", setting: str = "radius.listen"
) -> PushgateError:
    """Say why a port cannot be had, and what to do."""
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    hints = {
        errno.EADDRINUSE: f"another RADIUS server holds the port: ss -l{kind[0]}np sport = :{port}",
        errno.EADDRNOTAVAIL: "this machine has no such address: ip address",
        errno.EACCES: "ports below 1024 need root or CAP_NET_BIND_SERVICE",
    }
    message = f"cannot listen on {shown} ({kind}): {os.strerror(error.errno or 0).lower()}"
    return PushgateError(message, hints.get(error.errno or 0, f"check {setting}"))
