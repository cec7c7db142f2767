"""A bad network: a UDP relay that loses, multiplies, delays and so reorders what passes, the same in every run."""

import asyncio
import random
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self

LONGEST = 4097


@dataclass(frozen=True)
class Weather:
    """What happens to each datagram, in either direction."""

    loss: float = 0.0
    """How probable it is that a datagram is lost."""
    copies: int = 1
    """How often one arrives that is not lost."""
    delay: float = 0.0
    """Seconds that each copy is on its way at most; because each has its own delay, they overtake each other."""


@dataclass
class Seen:
    """What the relay has done to the datagrams of one direction."""

    received: int = 0
    lost: int = 0
    delivered: int = 0


@dataclass(eq=False)
class Route:
    """The relay's own socket for one sender, as in an address translator."""

    sender: tuple[str, int]
    socket: socket.socket


@dataclass(eq=False)
class LossyRelay:
    """Stands between senders on loopback and one server there."""

    server: tuple[str, int]
    weather: Weather
    seed: int = 0
    to_server: Seen = field(default_factory=Seen)
    to_senders: Seen = field(default_factory=Seen)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.front = self._open(("127.0.0.1", 0))
        self.routes: dict[tuple[str, int], Route] = {}
        self.closed = False

    async def __aenter__(self) -> Self:
        asyncio.get_running_loop().add_reader(self.front.fileno(), self._from_senders)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.closed = True
        loop = asyncio.get_running_loop()
        for sock in (self.front, *(route.socket for route in self.routes.values())):
            loop.remove_reader(sock.fileno())
            sock.close()

    @property
    def port(self) -> int:
        """Where senders reach the relay."""
        return int(self.front.getsockname()[1])

    def _from_senders(self) -> None:
        for datagram, sender in arrived(self.front):
            route = self.routes.get(sender) or self._new_route(sender)
            self._pass_on(datagram, self.to_server, lambda octets, route=route: route.socket.send(octets))

    def _from_server(self, route: Route) -> None:
        for datagram, _ in arrived(route.socket):
            self._pass_on(datagram, self.to_senders, lambda octets: self.front.sendto(octets, route.sender))

    def _new_route(self, sender: tuple[str, int]) -> Route:
        route = Route(sender, self._open(("127.0.0.1", 0)))
        route.socket.connect(self.server)
        self.routes[sender] = route
        asyncio.get_running_loop().add_reader(route.socket.fileno(), self._from_server, route)
        return route

    def _pass_on(self, datagram: bytes, seen: Seen, send: Callable[[bytes], object]) -> None:
        seen.received += 1
        if self.chance.random() < self.weather.loss:
            seen.lost += 1
            return
        for _ in range(self.weather.copies):
            delay = self.chance.random() * self.weather.delay
            asyncio.get_running_loop().call_later(delay, self._deliver, datagram, seen, send)

    def _deliver(self, datagram: bytes, seen: Seen, send: Callable[[bytes], object]) -> None:
        if not self.closed:
            send(datagram)
            seen.delivered += 1

    @staticmethod
    def _open(address: tuple[str, int]) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        # The relay loses what it is told to lose, not what the kernel has no room for.
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
        opened.bind(address)
        return opened


def arrived(sock: socket.socket) -> list[tuple[bytes, tuple[str, int]]]:
    """Take every datagram that has arrived."""
    datagrams = []
    while True:
        try:
            datagrams.append(sock.recvfrom(LONGEST))
        except BlockingIOError:
            return datagrams
        except ConnectionRefusedError:
            continue
