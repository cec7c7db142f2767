"""Answering Status-Server: the probe of proxies and NASes that asks whether we live (RFC 5997)."""

from dataclasses import dataclass

from radius_server.clients import Client
from radius_server.wire import ACCESS_ACCEPT, Packet, encode_reply

RATE, BURST = 5.0, 20.0
"""Answers per second and client, and at once; FreeRADIUS probes every 30 s."""


@dataclass(slots=True)
class Allowance:
    """What a client has left, and when that was reckoned."""

    left: float
    since: float


class StatusResponder:
    """Answers each probe once, beside all pending logins and outside their limits."""

    def __init__(self) -> None:
        # One per configured client: bounded by the configuration.
        self.allowances: dict[str, Allowance] = {}

    def answer(self, packet: Packet, client: Client, now: float) -> bytes | None:
        """Build the reply, with nothing but the Message-Authenticator; None if the client asks too often."""
        # RFC 5997 section 3: other attributes are ignored, Proxy-State too.
        return encode_reply(ACCESS_ACCEPT, packet, client.secret) if self.allows(client, now) else None

    def allows(self, client: Client, now: float) -> bool:
        """Whether one more probe of this client is answered; if so, it counts as answered."""
        allowance = self.allowances.setdefault(client.name, Allowance(BURST, now))
        allowance.left = min(BURST, allowance.left + (now - allowance.since) * RATE)
        allowance.since = now
        if allowance.left < 1:
            return False
        allowance.left -= 1
        return True
