"""A NAS that waits for its answer, for whole logins against a running gate."""

import os
import re
import socket
from dataclasses import dataclass
from typing import Self

from radius_server.nas import build_request, verify_reply
from radius_server.wire import (
    ACCESS_CHALLENGE,
    CALLING_STATION_ID,
    REPLY_MESSAGE,
    STATE,
    parse,
)


@dataclass(frozen=True)
class Answer:
    """A reply whose authenticators are right."""

    code: int
    message: str
    state: bytes
    attributes: tuple[tuple[int, bytes], ...]

    @property
    def number(self) -> str:
        """The two digits in the text."""
        [digits] = re.findall(r"\b[0-9]{2}\b", self.message)
        return str(digits)


class BlockingNas:
    """Sends one login at a time from one port, and waits."""

    def __init__(
        self,
        port: int,
        secret: bytes,
        *,
        server: str = "127.0.0.1",
        source: str = "127.0.0.1",
        patience: float = 15.0,
    ) -> None:
        self.secret, self.identifier = secret, 0
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(patience)
        self.socket.bind((source, 0))
        self.socket.connect((server, port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(
        self,
        user: str,
        typed: str,
        state: bytes = b"",
        *,
        origin: str = "203.0.113.7",
        attributes: tuple[tuple[int, bytes], ...] = (),
    ) -> bytes:
        """Send a login, or the answer to a challenge; return the packet."""
        self.identifier = (self.identifier + 1) & 0xFF
        sent = [*attributes, *([(CALLING_STATION_ID, origin.encode())] if origin else [])]
        if state:
            sent.append((STATE, state))
        packet = build_request(user, typed, self.secret, self.identifier, sent, authenticator=os.urandom(16))
        self.socket.send(packet)
        return packet

    def receive(self, request: bytes) -> Answer:
        """Wait for the reply to a packet."""
        reply = self.socket.recv(4096)
        code = verify_reply(request, reply, self.secret)
        packet = parse(reply)
        texts, states = packet.values(REPLY_MESSAGE), packet.values(STATE)
        assert (code == ACCESS_CHALLENGE) == bool(states)
        text = texts[0].decode() if texts else ""
        return Answer(code, text, states[0] if states else b"", packet.attributes)

    def ask(self, user: str, typed: str, state: bytes = b"", *, origin: str = "203.0.113.7") -> Answer:
        """Send a login, or the answer to a challenge, and wait for the reply."""
        return self.receive(self.send(user, typed, state, origin=origin))
