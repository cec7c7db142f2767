"""First factor ``radius``: another RADIUS server checks the password, by PAP, through pyrad's client in threads.

The core treats every ``Failed`` of a first factor as a rejection; nothing here ever opens a door. pyrad's client takes
any decoded packet whose authenticators are right; its numbering, its tolerance and its socket options are not for us,
so each check has a client and a connected socket of its own.
"""

import socket
import struct
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from pyrad.client import Client, Timeout
from pyrad.dictionary import Dictionary
from pyrad.packet import AccessAccept, AccessChallenge, AccessReject, AccessRequest, AuthPacket, Packet
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordRight, PasswordWrong
from pushgate.firstfactor.failover import Failover
from pushgate.firstfactor.passwords import refusal
from pushgate.login import Login, Secret
from pushgate.outcome import Failed, FailureKind
from pushgate.text import clean
from pushgate.threads import FullError, Threads

log = structlog.get_logger()

MAX_PASSWORD = 128
"""Octets (RFC 2865 section 5.2)."""
MAX_VALUE = 253
"""Octets (RFC 2865 section 5)."""
MARGIN = 0.25
"""Seconds by which an exchange ends before its caller stops waiting, so that it can say why nothing came."""

USER_NAME, USER_PASSWORD, REPLY_MESSAGE, VENDOR_SPECIFIC = 1, 2, 18, 26
CALLING_STATION_ID, NAS_IDENTIFIER, MESSAGE_AUTHENTICATOR = 31, 32, 80

Attribute = tuple[int, int]
"""Vendor and number; vendor 0 stands for the RFCs."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A RADIUS server that knows the passwords."""

    host: str
    port: int
    secret: Secret
    require_message_authenticator: bool = True

    @property
    def name(self) -> str:
        """The server in a log."""
        return f"{self.host}:{self.port}"


class Request(AuthPacket):  # type: ignore[misc] # pyrad has no types
    """An Access-Request that remembers why a reply to it was not taken."""

    refused = ""

    @override
    def VerifyReply(self, reply: Packet, rawreply: bytes | None = None, enforce_ma: bool = False) -> bool:
        valid = bool(super().VerifyReply(reply, rawreply, enforce_ma=enforce_ma))
        if not valid and reply.id == self.id:
            bare = enforce_ma and MESSAGE_AUTHENTICATOR not in reply
            self.refused = "a reply has no Message-Authenticator" if bare else "a reply is signed by another secret"
        return valid


class OwnClient(Client):  # type: ignore[misc] # pyrad has no types
    """A client whose socket takes datagrams of its server alone."""

    def connect(self) -> None:
        """Open the socket; from now on a closed port at the server is an error at once.

        pyrad sets SO_REUSEADDR: for a UDP port that nobody chose, it lets two sockets, also of other users, have the
        same one, and replies go astray.
        """
        self._SocketOpen()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        self._socket.connect((self.server, self.authport))

    def close(self) -> None:
        """Close the socket."""
        self._CloseSocket()


class Exchange:
    """One request to one server; ``run`` is called once, in a thread."""

    def __init__(
        self, upstream: Upstream, attributes: dict[int, bytes], password: Secret, tries: int, seconds: float
    ) -> None:
        """Take what is sent; ``seconds`` are for all ``tries`` together."""
        self.upstream, self.attributes, self.password = upstream, attributes, password
        self.tries, self.seconds = tries, seconds
        self.started = self.aborted = False

    def run(self) -> Packet | Failed:
        """Send, send again, and return a reply whose authenticators are right."""
        self.started = True
        if self.aborted:
            return failed(FailureKind.UNAVAILABLE, "given up")
        request = Request(
            AccessRequest, secret=self.upstream.secret.value, dict=Dictionary(), message_authenticator=True
        )
        for number, value in self.attributes.items():
            request[number] = [value]
        # Octets, not text: pyrad would encode text as UTF-8.
        request[USER_PASSWORD] = [request.PwCrypt(self.password.value)]
        try:
            return self.send(request)
        except Timeout:
            if request.refused:
                return failed(FailureKind.CONFIG, request.refused)
            return failed(FailureKind.UNAVAILABLE, "no answer: is the secret right, and this machine a client there?")
        except OSError as error:
            return failed(FailureKind.UNAVAILABLE, (error.strerror or type(error).__name__).lower())
        except Exception as error:  # noqa: BLE001 - whatever a broken reply provokes in pyrad, it denies
            return failed(FailureKind.PROTOCOL, type(error).__name__)

    def send(self, request: Request) -> Packet:
        """Send to the first address of the host."""
        address = socket.getaddrinfo(self.upstream.host, self.upstream.port, type=socket.SOCK_DGRAM)[0][4][0]
        client = OwnClient(
            address,
            authport=self.upstream.port,
            secret=self.upstream.secret.value,
            retries=self.tries,
            timeout=self.seconds / self.tries,
            enforce_ma=self.upstream.require_message_authenticator,
        )
        try:
            client.connect()
            return client.SendPacket(request)
        finally:
            client.close()

    def abort(self) -> None:
        """Begin nothing; what has begun ends by its own time-outs, which fit the caller's."""
        self.aborted = True


class RadiusFirstFactor(FirstFactor):
    """Checks passwords at the first upstream server that answers."""

    name = "radius"

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        clock: Clock,
        *,
        timeout: float,
        tries: int,
        relay: Sequence[Attribute] = (),
        threads: int,
    ) -> None:
        """Take the servers; ``timeout`` is after each of the ``tries`` sends, ``relay`` what the NAS gets to see."""
        self.clock, self.timeout, self.tries, self.relay = clock, timeout, tries, tuple(relay)
        self.failover = Failover(upstreams, clock)
        self.threads = Threads("radius", threads, clock)

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        refused = refusal(password, MAX_PASSWORD)
        if refused is not None:
            return refused
        attributes = request_attributes(login)
        if len(attributes[USER_NAME]) > MAX_VALUE:
            return PasswordWrong(f"the user name is longer than {MAX_VALUE} octets")
        outcome: Packet | Failed = failed(FailureKind.UNAVAILABLE, "no time left")
        for upstream, seconds in self.failover.turns(self.timeout * self.tries + MARGIN, deadline):
            exchange = Exchange(upstream, attributes, password, self.tries, max(seconds - MARGIN, seconds / 2))
            try:
                outcome = await self.threads.run(exchange, self.clock.now() + seconds)
            except FullError:
                return failed(FailureKind.RATE_LIMITED, "too many checks at the same time")
            except TimeoutError:
                if not exchange.started:
                    return failed(FailureKind.RATE_LIMITED, "no thread was free in time")
                outcome = failed(FailureKind.UNAVAILABLE, f"no answer within {seconds:.2g} s")
            if not isinstance(outcome, Failed):
                self.failover.note_answer(upstream)
                return self.judge(outcome, upstream)
            self.failover.note_failure(upstream)
            log.warning("first_factor_server_failed", factor=self.name, server=upstream.name, detail=outcome.detail)
        return outcome

    def judge(self, reply: Packet, upstream: Upstream) -> Checked:
        """Turn a verified reply into the port's words."""
        if reply.code == AccessAccept:
            return PasswordRight(attributes=relayed(reply, self.relay))
        if reply.code == AccessReject:
            words = b" ".join(reply.get(REPLY_MESSAGE, [])).decode("utf-8", "replace")
            return PasswordWrong(clean(words, 200))
        if reply.code == AccessChallenge:
            hint = "that server must check the password alone: exempt this machine from its own second factor"
            log.warning("first_factor_dialogue", factor=self.name, server=upstream.name, hint=hint)
            return PasswordWrong("the upstream server asks for more than a password")
        return failed(FailureKind.PROTOCOL, f"reply of code {reply.code}")

    @override
    async def close(self) -> None:
        self.threads.close()


def failed(kind: FailureKind, detail: str) -> Failed:
    """Nobody was asked: a first factor asks no person."""
    return Failed(kind, asked=False, detail=detail)


def request_attributes(login: Login) -> dict[int, bytes]:
    """Tell the upstream server who logs in, at which NAS and from where."""
    attributes = {
        USER_NAME: login.user.encode("utf-8", "replace"),
        NAS_IDENTIFIER: login.host.encode("utf-8", "replace")[:MAX_VALUE] or b"pushgate",
    }
    if login.origin.address:
        attributes[CALLING_STATION_ID] = login.origin.address.encode("ascii", "replace")
    return attributes


def relayed(reply: Packet, relay: Sequence[Attribute]) -> tuple[tuple[int, bytes], ...]:
    """Pick attributes as they stand on the wire, tags included; those of vendors go back into their envelope."""
    picked = []
    for vendor, number in relay:
        for value in reply.get((vendor, number) if vendor else number, []):
            if vendor:
                # RFC 2865 section 5.26.
                picked.append((VENDOR_SPECIFIC, struct.pack("!IBB", vendor, number, len(value) + 2) + value))
            elif value:
                picked.append((number, value))
    return tuple(picked)
