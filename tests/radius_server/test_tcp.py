"""TCP sockets."""

import socket

import pytest

from pushgate.errors import PushgateError
from radius_server.tcp import listen, watch_peer


def test_a_port_is_opened() -> None:
    """A client can connect to the port that was asked for."""
    with listen("127.0.0.1", 0) as listening, socket.create_connection(listening.getsockname()):
        connection, address = listening.accept()
        connection.close()
        assert address[0] == "127.0.0.1"


def test_ipv6_is_apart() -> None:
    """A listener of IPv6 takes no IPv4, so that both can be configured in any order."""
    with listen("::", 0) as six:
        port = six.getsockname()[1]
        with listen("0.0.0.0", port) as four:
            assert four.getsockname()[1] == port


def test_a_taken_port_is_refused() -> None:
    """An administrator whose port is taken is told so, with the command that finds by whom."""
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(PushgateError) as caught:
            listen("127.0.0.1", port)
    assert caught.value.message == f"cannot listen on 127.0.0.1:{port} (tcp): address already in use"
    assert caught.value.hint.endswith(f"ss -ltnp sport = :{port}")


def test_a_strange_address_is_refused() -> None:
    """An administrator who names an address of another machine is told so."""
    with pytest.raises(PushgateError, match=r"192\.0\.2\.1:2083 \(tcp\)"):
        listen("192.0.2.1", 2083)


def test_a_peer_that_vanishes_is_noticed() -> None:
    """A client that loses its power is found out by the kernel within 90 seconds."""
    with socket.socket() as connection:
        watch_peer(connection)
        assert connection.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        options = (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
        idle, interval, count = (connection.getsockopt(socket.IPPROTO_TCP, option) for option in options)
        assert idle + interval * count == 90
        assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
