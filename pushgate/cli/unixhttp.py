"""HTTP over a unix socket, for requests."""

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from typing_extensions import override
from urllib3 import HTTPConnectionPool
from urllib3.connection import HTTPConnection

SECONDS = 10.0


class UnixConnection(HTTPConnection):
    """An HTTP connection over a unix socket."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=SECONDS)
        self.path = path

    @override
    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(SECONDS)
        self.sock.connect(self.path)


class UnixPool(HTTPConnectionPool):
    """The pool that requests wants around a connection."""

    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self.path = path

    @override
    def _new_conn(self) -> UnixConnection:
        return UnixConnection(self.path)


class UnixAdapter(HTTPAdapter):
    """Send every request of a session to one unix socket."""

    def __init__(self, path: str) -> None:
        self.unix_pool = UnixPool(path)
        super().__init__()

    @override
    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> HTTPConnectionPool:
        return self.unix_pool

    @override
    def close(self) -> None:
        self.unix_pool.close()
        super().close()
