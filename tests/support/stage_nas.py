"""The appliances of played logins: they write requests, and put replies into words."""

from collections.abc import Hashable
from ipaddress import ip_address

from typing_extensions import override

from radius_server.clients import Client, IPAddress
from radius_server.link import Link
from radius_server.nas import build_request, verify_reply
from radius_server.wire import (
    CALLING_STATION_ID,
    EAP_MESSAGE,
    NAS_IDENTIFIER,
    NAS_PORT,
    REPLY_MESSAGE,
    STATE,
    Packet,
    encode_request,
    parse,
)
from tests.support.radius import SECRET
from tests.support.stage_people import Seen

ORIGIN = "203.0.113.7"
ACCT_SESSION_ID, SESSION_TIMEOUT = 44, 27
CODES = {2: "accept", 3: "reject", 11: "challenge"}
EAP_KINDS = {"identity": 1, "nak": 3, "md5": 4, "gtc": 6}
EAP_WORDS = {number: word for word, number in EAP_KINDS.items()}
ADDRESSES = {"nas": "192.0.2.1", "twin": "192.0.2.2", "other": "198.51.100.1"}
"""The appliances of the scripts: ``twin`` is of the same client, ``other`` of another one."""


class Nas(Link):
    """One socket of an appliance."""

    def __init__(self, name: str, client: Client, seen: Seen) -> None:
        self.name, self.client, self.seen = name, client, seen
        self.source: IPAddress = ip_address(ADDRESSES[name.partition(".")[0]])
        self.sent: list[bytes] = []
        self.identifier = 0
        self.state: bytes | None = None
        self.eap_identifier = 6

    @property
    @override
    def key(self) -> Hashable:
        return self.name

    @override
    def send(self, reply: bytes) -> bool:
        request = next(packet for packet in reversed(self.sent) if packet[1] == reply[1])
        verify_reply(request, reply, SECRET)
        self.seen.note(self.name, "hears", *self.describe(parse(reply), parse(request)))
        return True

    def describe(self, reply: Packet, request: Packet) -> list[str]:
        """Put a reply into words; what must hold for every reply is checked."""
        code = CODES[reply.code]
        texts, states = reply.values(REPLY_MESSAGE), reply.values(STATE)
        assert len(states) == (code == "challenge")
        if states:
            self.state = states[0]
            assert self.state.isascii()
            assert self.state.decode().isprintable()
        if request.has(EAP_MESSAGE):
            assert texts == []
            return [code, "eap", *self.read_eap(b"".join(reply.values(EAP_MESSAGE)), request)]
        assert len(texts) <= 1
        seconds = [str(int.from_bytes(value, "big")) for value in reply.values(SESSION_TIMEOUT)]
        return [code, *(text.decode() for text in texts), *seconds]

    def read_eap(self, message: bytes, request: Packet) -> list[str]:
        """Put an EAP message into words."""
        asked = b"".join(request.values(EAP_MESSAGE))
        before = asked[1] if asked else 0
        assert len(message) == int.from_bytes(message[2:4], "big")
        if message[0] in (3, 4):
            assert message[1] == before
            return ["success" if message[0] == 3 else "failure"]
        assert (message[0], message[1]) == (1, before + 1)
        self.eap_identifier = message[1]
        return [EAP_WORDS[message[4]], *([message[5:].decode()] if len(message) > 5 else [])]

    def asks(self, typed: str, options: dict[str, str]) -> bytes:
        """Write a request with a password field."""
        user, attributes = self.head(options)
        return build_request(user, typed, SECRET, self.identifier, attributes, authenticator=self.authenticator())

    def answers(self, typed: str, state: bytes | None, options: dict[str, str]) -> bytes:
        """Write the answer to a challenge."""
        assert state is not None
        user, attributes = self.head(options)
        attributes.append((STATE, state))
        return build_request(user, typed, SECRET, self.identifier, attributes, authenticator=self.authenticator())

    def eap(self, kind: str, text: str, state: bytes | None, options: dict[str, str]) -> bytes:
        """Write a request with an EAP message, in pieces of a hundred octets; ``start`` has none."""
        identifier = int(options.pop("identifier", self.eap_identifier))
        user, attributes = self.head(options)
        data = bytes((EAP_KINDS.get(kind, 0),)) + text.encode()
        message = b"" if kind == "start" else bytes((2, identifier)) + (4 + len(data)).to_bytes(2, "big") + data
        attributes += [(EAP_MESSAGE, message[at : at + 100]) for at in range(0, len(message), 100)] or [
            (EAP_MESSAGE, b"")
        ]
        attributes += [(STATE, state)] if state is not None else []
        whole = [(1, user.encode()), *attributes]
        return encode_request(1, self.identifier, self.authenticator(), SECRET, whole)

    def authenticator(self) -> bytes:
        """Return another one for each packet."""
        return len(self.sent).to_bytes(16, "big")

    def head(self, options: dict[str, str]) -> tuple[str, list[tuple[int, bytes]]]:
        """Take the next Identifier; return the user and what the appliance says of the login."""
        self.identifier = int(options.pop("id", self.identifier + 1))
        user, origin = options.pop("user", "alice"), options.pop("from", ORIGIN)
        attributes: list[tuple[int, bytes]] = [(CALLING_STATION_ID, origin.encode())] if origin else []
        numbers = {"port": NAS_PORT, "session": ACCT_SESSION_ID, "host": NAS_IDENTIFIER}
        for name, value in options.items():
            octets = int(value).to_bytes(4, "big") if name == "port" else value.encode()
            attributes.append((numbers[name], octets))
        return user, attributes
