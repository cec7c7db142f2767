"""TCP sockets for RadSec: bound, and told to find out when the other side is gone."""

import ipaddress
import socket

from radius_server.udp import cannot_listen

BACKLOG = 128
KEEPALIVE = ((socket.TCP_KEEPIDLE, 60), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3))
"""Seconds; a client that lost its power is noticed within 90, and its logins are withdrawn."""
UNACKNOWLEDGED = 30_000
"""Milliseconds until octets that nobody acknowledges end a connection."""


def listen(host: str, port: int) -> socket.socket:
    """Bind a TCP port.

    Raises:
        PushgateError: if that fails.
    """
    six = ipaddress.ip_address(host).version == 6
    listening = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        # Connections of the daemon that ran before may still be closing.
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise cannot_listen(host, port, error, "tcp", "radius.radsec.listen") from None
    return listening


def watch_peer(connection: socket.socket) -> None:
    """Let the kernel find out when the other side is gone without a word."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in KEEPALIVE:
        connection.setsockopt(socket.IPPROTO_TCP, option, value)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED)
