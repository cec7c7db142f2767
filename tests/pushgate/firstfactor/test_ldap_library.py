"""What we exchange in ldap3."""

import socket

from pushgate.firstfactor.ldap_library import NONE, OwnConnection, Server


def test_a_socket_that_is_let_go_is_closed() -> None:
    """A directory whose first address does not answer leaves no open socket behind."""
    connection = OwnConnection(Server("localhost", get_info=NONE))
    first, second = socket.socket(), socket.socket()
    connection.socket = first
    connection.socket = second
    assert (first.fileno(), connection.socket) == (-1, second)
    connection.socket = second
    assert second.fileno() != -1
    connection.socket = None
    assert second.fileno() == -1
