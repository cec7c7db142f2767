"""The way that a reply takes back to the NAS, and one request with all that is known about it."""

import asyncio
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Protocol

from radius_server.clients import Client, IPAddress
from radius_server.duplicates import DuplicateTable, Entry
from radius_server.wire import Packet


class Link(Protocol):
    """Where a packet came from: a UDP socket and peer, or one RadSec connection."""

    @property
    def key(self) -> Hashable:
        """What tells two askers apart that use the same Identifier."""

    @property
    def forgeable(self) -> bool:
        """Whether somebody else can send unsigned packets in the name of the NAS."""
        return True

    def send(self, reply: bytes) -> bool:
        """Send a reply; False if that is not possible, as the NAS will ask again."""


class Waiter(Protocol):
    """The login that a request waits for."""

    task: asyncio.Task[None] | None

    def leave(self, exchange: "Exchange", why: str) -> None:
        """Hear that the NAS does not wait for this request any more."""

    def is_alone(self, exchange: "Exchange") -> bool:
        """Whether nothing else keeps this login going."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose sender is known, with what the transport knows of it."""

    packet: Packet
    client: Client
    signed: bool
    """A right Message-Authenticator showed that the secrets are equal."""
    source: IPAddress
    """Where the packet came from: the NAS, or a proxy in front of it."""
    local: IPAddress | None = None
    """Our own address that was asked, if the kernel told it."""


@dataclass(slots=True, eq=False)
class Exchange:
    """One request that waits for its one reply."""

    link: Link
    table: "DuplicateTable[Exchange]"
    request: Request
    entry: "Entry[Exchange]"
    received: float
    reply_by: float
    """When its NAS must have the reply (``Clock.now``)."""
    sent_at: list[float] = field(default_factory=list)
    """When it arrived: first, and each time it was sent again."""
    waiter: Waiter | None = None
    eap_identifier: int | None = None
    """The Identifier of the EAP message that it carries; None: no EAP."""

    @property
    def client(self) -> Client:
        """Who asks."""
        return self.request.client
