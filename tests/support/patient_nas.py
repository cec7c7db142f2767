"""A NAS that waits for each answer as appliances do: it sends the same packet again until it is answered."""

import asyncio
import socket
from typing import Self

from radius_server.nas import verify_reply
from tests.support.lossy import arrived
from tests.support.radius import access_request

IDENTIFIERS = 256
"""Per port: RFC 2865 section 3."""


class PatientNas:
    """Sends from as many ports as its logins need; every reply is verified, also the late and repeated ones."""

    def __init__(self, port: int, secret: bytes, *, every: float = 0.3, tries: int = 100) -> None:
        """Set it up.

        Args:
            port: Of the server, on loopback.
            secret: Shared with it.
            every: Seconds between two sends of a packet.
            tries: How often it sends one.
        """
        self.server, self.secret = ("127.0.0.1", port), secret
        self.every, self.tries = every, tries
        self.sockets: list[socket.socket] = []
        self.logins = 0
        self.replies: dict[tuple[socket.socket, int], asyncio.Future[bytes]] = {}
        self.packets_sent = 0
        self.repeated_replies = 0
        self.wrong_replies: list[bytes] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for sock in self.sockets:
            asyncio.get_running_loop().remove_reader(sock.fileno())
            sock.close()

    async def log_in(self, user: str) -> int:
        """Log in, and return the code of the answer.

        Raises:
            TimeoutError: if there is none.
        """
        identifier = self.logins % IDENTIFIERS
        if identifier == 0:
            self._open()
        self.logins += 1
        sock = self.sockets[-1]
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.replies[sock, identifier] = reply
        request = access_request(user, identifier=identifier, secret=self.secret)
        for _ in range(self.tries):
            sock.sendto(request, self.server)
            self.packets_sent += 1
            await asyncio.wait([reply], timeout=self.every)
            if reply.done():
                return verify_reply(request, reply.result(), self.secret)
        raise TimeoutError(f"no answer for {user}")

    def _open(self) -> None:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        opened.bind(("127.0.0.1", 0))
        asyncio.get_running_loop().add_reader(opened.fileno(), self._receive, opened)
        self.sockets.append(opened)

    def _receive(self, sock: socket.socket) -> None:
        for octets, _ in arrived(sock):
            reply = self.replies[sock, octets[1]]
            if not reply.done():
                reply.set_result(octets)
            elif octets == reply.result():
                self.repeated_replies += 1
            else:
                self.wrong_replies.append(octets)
