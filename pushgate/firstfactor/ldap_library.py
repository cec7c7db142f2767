"""ldap3, and the two of its parts that we exchange: TLS, and what becomes of a socket that did not connect."""

import socket
import ssl
import warnings
from typing import Any

from typing_extensions import override

with warnings.catch_warnings():
    # ldap3 2.9.1 asks pyasn1 0.6 for names that are deprecated there; pyproject.toml keeps to versions that have them.
    warnings.simplefilter("ignore", DeprecationWarning)
    from ldap3 import DEREF_NEVER, NONE, SUBTREE, SYNC, Connection, Server, Tls
    from ldap3.core.exceptions import LDAPExceptionError
    from ldap3.operation.search import parse_filter
    from ldap3.utils.conv import escape_filter_chars
    from ldap3.utils.dn import parse_dn

__all__ = [
    "DEREF_NEVER",
    "NONE",
    "SUBTREE",
    "SYNC",
    "LDAPExceptionError",
    "OwnConnection",
    "OwnTls",
    "Server",
    "escape_filter_chars",
    "parse_dn",
    "parse_filter",
]


class OwnTls(Tls):  # type: ignore[misc] # ldap3 has no types
    """TLS by our context: ldap3 2.9.1 compares host names itself, with a function that Python 3.12 has not."""

    def __init__(self, context: ssl.SSLContext, host: str) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.context, self.host = context, host
        self.refused = ""

    @override
    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        # Else each request waits for the acknowledgement of the TLS handshake's last packet: 40 ms a login.
        connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Wrapped first and shaken then: while it shakes, abort() must find the socket that is in use.
        connection.socket = self.context.wrap_socket(
            connection.socket, server_hostname=self.host, do_handshake_on_connect=False
        )
        try:
            connection.socket.do_handshake()
        except ssl.SSLEOFError:
            raise  # the connection was cut: nobody refused anything
        except ssl.SSLError as error:
            self.refused = getattr(error, "verify_message", "") or error.reason or "TLS failed"
            raise


class OwnConnection(Connection):  # type: ignore[misc] # ldap3 has no types
    """A connection that closes the socket it lets go: ldap3 tries a host's next address and forgets the one before."""

    held: Any = None

    @property
    def socket(self) -> Any:
        """Return the socket in use."""
        return self.held

    @socket.setter
    def socket(self, new: Any) -> None:
        old, self.held = self.held, new
        if old is not None and old is not new:
            # Of a socket that TLS has wrapped nothing is left to close.
            old.close()
