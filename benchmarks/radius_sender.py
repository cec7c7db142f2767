"""NASes in a process of their own: ``python -m benchmarks.radius_sender`` reads a ``Load`` and writes a ``Report``.

Every packet is built and signed before the clock starts, and every reply is verified after it has stopped, so that one
core sends and receives far more than the server under test can take. A line ``sent`` says that every login is under
way.
"""

import json
import secrets
import select
import socket
import statistics
import sys
import time
from collections import Counter, deque
from dataclasses import asdict, dataclass, field

from benchmarks.radius_load import REJECTED, Load, Report
from pushgate.errors import BadMessageError
from radius_server.nas import build_request, verify_reply
from radius_server.wire import (
    ACCESS_ACCEPT,
    ACCESS_CHALLENGE,
    ACCESS_REJECT,
    CALLING_STATION_ID,
    NAS_IP_ADDRESS,
    NAS_PORT,
    STATE,
    parse,
)

IDENTIFIERS = 256
"""Packets in flight from one port: the identifier is one octet."""
PORTS = 8
"""Ports of a steady load."""
STUCK = 0.5
"""Seconds without any reply after which a steady load sends again what is in flight."""
TRIES, PATIENCE = 3, 2.0
"""How often an answered packet is sent again, and seconds at most for the replies."""
RECEIVE_BUFFER = 1 << 20
MARKS = (15, 30, 60)
"""Seconds after which it is counted who has been answered."""


@dataclass(slots=True)
class Flight:
    """One login on its way."""

    packet: bytes
    expected: int
    socket: socket.socket
    sent: float = 0.0
    answered: float = 0.0
    reply: bytes = b""
    others: list[bytes] = field(default_factory=list)
    """Further replies."""
    replies_before: int = 0
    """How many of them had come when the answered packet was sent once more."""

    @property
    def answered_again(self) -> bool:
        """Whether the answered packet got its reply once more."""
        return len(self.others) > self.replies_before


class Sockets:
    """Ports of the NAS, and which login each identifier of each of them belongs to."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.epoll = select.epoll()
        self.sockets: list[socket.socket] = []
        self.by_descriptor: dict[int, tuple[socket.socket, list[Flight | None]]] = {}
        self.packets = 0
        self.strays = 0

    def open(self) -> socket.socket:
        """Open one more port."""
        fresh = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        fresh.connect(("127.0.0.1", self.load.port))
        self.epoll.register(fresh.fileno(), select.EPOLLIN)
        self.sockets.append(fresh)
        self.by_descriptor[fresh.fileno()] = (fresh, [None] * IDENTIFIERS)
        return fresh

    def is_free(self, flight: Flight) -> bool:
        """Say whether the login that had this identifier before is answered."""
        before = self.by_descriptor[flight.socket.fileno()][1][flight.packet[1]]
        return before is None or bool(before.answered)

    def send(self, flight: Flight) -> None:
        """Send a login's packet, the first time or again; a full buffer loses it, as a network might."""
        self.by_descriptor[flight.socket.fileno()][1][flight.packet[1]] = flight
        for _ in range(self.load.copies):
            self.packets += 1
            try:
                flight.socket.send(flight.packet)
            except (BlockingIOError, ConnectionRefusedError):
                continue
        flight.sent = flight.sent or time.perf_counter()

    def receive(self, timeout: float) -> list[Flight]:
        """Note what has come in; returns the logins that are answered now."""
        answered = []
        for descriptor, _ in self.epoll.poll(timeout):
            sock, flights = self.by_descriptor[descriptor]
            while True:
                try:
                    reply = sock.recv(4096)
                except (BlockingIOError, ConnectionRefusedError):
                    break
                flight = flights[reply[1]]
                if flight is None:
                    self.strays += 1
                elif flight.answered:
                    flight.others.append(reply)
                else:
                    flight.answered, flight.reply = time.perf_counter(), reply
                    answered.append(flight)
        return answered

    def close(self) -> None:
        """Close every port."""
        self.epoll.close()
        for sock in self.sockets:
            sock.close()


def prepare(load: Load, sockets: Sockets) -> list[Flight]:
    """Build every packet: a steady load spreads over a few ports, a burst has a port for each 256."""
    secret = load.secret.encode()
    ports = [sockets.open() for _ in range(PORTS if load.window else -(-load.logins // IDENTIFIERS))]
    flights = []
    for number in range(load.logins):
        user = load.users[number % len(load.users)].format(number)
        attributes = [
            (NAS_IP_ADDRESS, bytes((192, 0, 2, 1))),
            (NAS_PORT, number.to_bytes(4, "big")),
            (CALLING_STATION_ID, b"203.0.113.%d" % (number % 250 + 1)),
        ]
        if load.states:
            attributes.append((STATE, load.states[number].encode()))
        identifier, authenticator = number // len(ports) % IDENTIFIERS, secrets.token_bytes(16)
        packet = build_request(user, load.password, secret, identifier, attributes, authenticator=authenticator)
        flights.append(Flight(packet, expected_code(user, load), ports[number % len(ports)]))
    return flights


def expected_code(user: str, load: Load) -> int:
    """Say what a login must get."""
    if load.expect_challenge:
        return ACCESS_CHALLENGE
    return ACCESS_REJECT if user.startswith(REJECTED) else ACCESS_ACCEPT


def send_steadily(load: Load, sockets: Sockets, flights: list[Flight]) -> None:
    """Keep a window of logins in flight until all are answered or the NAS gives up."""
    waiting = deque(flights)
    flying: set[int] = set()
    number = {id(flight): index for index, flight in enumerate(flights)}
    give_up = time.perf_counter() + load.give_up_after
    while (waiting or flying) and time.perf_counter() < give_up:
        while waiting and len(flying) < load.window and sockets.is_free(waiting[0]):
            flight = waiting.popleft()
            flying.add(number[id(flight)])
            sockets.send(flight)
        answered = sockets.receive(STUCK)
        flying.difference_update(number[id(flight)] for flight in answered)
        if not answered:
            for index in flying:
                sockets.send(flights[index])


def send_at_once(load: Load, sockets: Sockets, flights: list[Flight]) -> None:
    """Send all logins, and each again at its intervals, until all are answered or the NAS gives up."""
    due = deque((0.0, flight) for flight in flights)
    unsent = pending = len(flights)
    pace = Pace(load)
    give_up = time.perf_counter() + load.give_up_after
    while pending and time.perf_counter() < give_up:
        while due and pace.allows() and due[0][0] <= time.perf_counter():
            flight = due.popleft()[1]
            if flight.answered:
                continue
            unsent -= not flight.sent
            sockets.send(flight)
            due.append((time.perf_counter() + load.send_again_every, flight))
            if not unsent:
                print("sent", flush=True)
                unsent = -1
        pending -= len(sockets.receive(pace.INTERVAL))


def ask_again(load: Load, sockets: Sockets, flights: list[Flight]) -> None:
    """Send every answered packet once more, and again what gets no reply, for some seconds."""
    silent = [flight for flight in flights if flight.answered]
    for flight in silent:
        flight.replies_before = len(flight.others)
    pace = Pace(load)
    for _ in range(TRIES):
        for flight in silent:
            while not pace.allows():
                sockets.receive(pace.INTERVAL)
            sockets.send(flight)
        until = time.perf_counter() + PATIENCE
        while silent and time.perf_counter() < until:
            sockets.receive(0.1)
            silent = [flight for flight in silent if not flight.answered_again]


class Pace:
    """Spreads packets over time."""

    INTERVAL = 0.002
    """Seconds between two looks at the clock."""

    def __init__(self, load: Load) -> None:
        self.gap = load.copies / load.per_second
        self.next = time.perf_counter()

    def allows(self) -> bool:
        """Whether one more login's packets may leave now; if so, they count as sent."""
        now = time.perf_counter()
        if self.next > now:
            return False
        self.next = max(self.next, now - self.INTERVAL * 2) + self.gap
        return True


def judge(load: Load, sockets: Sockets, flights: list[Flight]) -> Report:
    """Verify every reply."""
    wrong: Counter[str] = Counter({"reply to nothing": sockets.strays})
    took = []
    for flight in flights:
        fault = fault_of(flight, load) if flight.answered else None
        if fault:
            wrong[fault] += 1
        elif flight.answered:
            took.append(flight.answered - flight.sent)
    report = Report(len(took), dict(+wrong), sum(not flight.answered for flight in flights), sockets.packets)
    report.states = [state_of(flight) for flight in flights] if load.expect_challenge else []
    if took:
        report.seconds = max(flight.answered for flight in flights) - min(flight.sent for flight in flights)
        report.answered_within = {str(mark): sum(each <= mark for each in took) for mark in MARKS}
        cuts = statistics.quantiles(took, n=100) if len(took) > 1 else took * 99
        report.percentiles = {f"p{rank}": cuts[rank - 1] * 1000 for rank in (50, 90, 99)}
    return report


def fault_of(flight: Flight, load: Load) -> str | None:
    """Say what is wrong with a login's replies; None if nothing is."""
    try:
        code = verify_reply(flight.packet, flight.reply, load.secret.encode())
    except BadMessageError as error:
        return error.reason
    if code != flight.expected:
        return f"code {code} instead of {flight.expected}"
    if any(other != flight.reply for other in flight.others):
        return "another reply to the same packet"
    if load.ask_answered_again and not flight.answered_again:
        return "not answered again"
    return None


def state_of(flight: Flight) -> str:
    """Return the State of a challenge; empty if there is none."""
    states = parse(flight.reply).values(STATE) if flight.answered else []
    return states[0].decode("ascii") if states else ""


def run(load: Load) -> Report:
    """Send the load and judge what comes back."""
    sockets = Sockets(load)
    try:
        flights = prepare(load, sockets)
        (send_steadily if load.window else send_at_once)(load, sockets, flights)
        if load.ask_answered_again:
            ask_again(load, sockets, flights)
        return judge(load, sockets, flights)
    finally:
        sockets.close()


if __name__ == "__main__":
    print(json.dumps(asdict(run(Load(**json.load(sys.stdin))))), flush=True)
