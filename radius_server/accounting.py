"""Accounting, for appliances that insist on it: each record is proved, acknowledged, and thrown away (RFC 2866).

Off unless addresses are configured. Some appliances end a session whose accounting nobody acknowledges.
"""

import hmac
from collections.abc import Iterable

from pushgate.clock import Clock
from pushgate.errors import BadMessageError
from radius_server.clients import Client
from radius_server.counters import DropLog
from radius_server.status import StatusResponder
from radius_server.udp import Datagram, UdpSocket
from radius_server.wire import (
    HEADER,
    PROXY_STATE,
    STATUS_SERVER,
    Packet,
    check_message_authenticator,
    encode_attributes,
    md5,
    parse,
)

ACCOUNTING_REQUEST, ACCOUNTING_RESPONSE = 4, 5


class AccountingResponder:
    """Answers records and probes on the accounting ports."""

    def __init__(self, status: StatusResponder, drops: DropLog, clock: Clock) -> None:
        self.status, self.drops, self.clock = status, drops, clock

    def receive(self, sock: UdpSocket, datagram: Datagram, client: Client) -> None:
        """Acknowledge a record, or say that we live."""
        now = self.clock.now()
        try:
            packet = parse(datagram.octets)
            if packet.code == STATUS_SERVER:
                reply = self.answer_probe(packet, client, now)
            else:
                check_accounting(packet, client.secret)
                reply = encode_response(packet, client.secret, packet.values(PROXY_STATE))
        except BadMessageError as error:
            self.drops.drop(client.name, error.reason, now, str(datagram.peer[0]))
            return
        sock.send(reply, datagram)

    def answer_probe(self, packet: Packet, client: Client, now: float) -> bytes:
        """Answer Status-Server.

        Raises:
            BadMessageError: it is not signed, or the client asks too often.
        """
        if not check_message_authenticator(packet, client.secret, packet.authenticator):
            raise BadMessageError("message_authenticator_missing")
        if not client.status_server:
            raise BadMessageError("status_server_off")
        if not self.status.allows(client, now):
            raise BadMessageError("status_server_rate")
        # RFC 5997 section 3: no attributes, Proxy-State neither.
        return encode_response(packet, client.secret, ())


def check_accounting(packet: Packet, secret: bytes) -> None:
    """Verify the authenticator of a record: MD5 over the packet with zeros in its place (RFC 2866 section 3).

    Raises:
        BadMessageError: it is no record, or its sender does not know the secret.
    """
    if packet.code != ACCOUNTING_REQUEST:
        raise BadMessageError("unexpected_code")
    expected = md5(packet.raw[:4] + bytes(16) + packet.raw[20:] + secret)
    if not hmac.compare_digest(expected, packet.authenticator):
        raise BadMessageError("wrong_request_authenticator")


def encode_response(packet: Packet, secret: bytes, proxy_states: Iterable[bytes]) -> bytes:
    """Build Accounting-Response.

    Raises:
        BadMessageError: never for a packet that was parsed; its Proxy-States fit into it.
    """
    body = encode_attributes((PROXY_STATE, state) for state in proxy_states)
    length = HEADER.size + len(body)
    head = HEADER.pack(ACCOUNTING_RESPONSE, packet.identifier, length, packet.authenticator)
    return head[:4] + md5(head + body + secret) + body
