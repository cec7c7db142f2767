"""What becomes of RadSec connections: counted, and logged so that a flood cannot multiply the lines."""

from collections import Counter

import structlog

from pushgate.text import clean
from radius_server.clients import IPAddress
from radius_server.counters import STRANGER_LINES, LineLimit

log = structlog.get_logger()

ORDINARY = frozenset({"closed_by_peer", "idle", "lifetime", "stopping"})
"""Ends of a connection that nobody has to look at."""

HINTS = {
    "unknown_address": "no client under radius.radsec may connect from this address",
    "no_certificate": "the client must have a certificate of an authority in client_ca_file",
    "certificate_refused": "detail says why: expired, for servers, or of an authority that is not in client_ca_file",
    "tls_version": "the client must speak TLS 1.2 or 1.3",
    "not_tls": "something that does not speak TLS at all; RADIUS over TCP must be configured as TLS",
    "handshake_timeout": "the client connected and then said nothing, or something between holds its packets back",
    "unknown_certificate": "if it is a client of yours, configure one of the names in detail for it",
    "ambiguous_certificate": "it bears the names of two clients: tell them apart by certificate_fingerprint",
    "other_network": "its certificate is right, but it may not connect from there: see the client's address",
    "too_many_connections": "raise max_connections, or find out who connects so often",
    "too_many_of_client": "raise max_connections_per_client, or find out why it connects so often",
    "too_many_handshakes": "somebody connects without ever finishing the handshake",
    "client_does_not_read": "the client, or its network, is stuck",
    "length_out_of_range": "what it sends is not RADIUS",
    "wrong_message_authenticator": "the client's shared secret for TLS must be radsec",
}


class RadsecLog:
    """Counts connections and why they were refused or ended."""

    def __init__(self) -> None:
        self.opened: int = 0
        self.refused: Counter[str] = Counter()
        self.closed: Counter[str] = Counter()
        self.lines = LineLimit()
        # Apart, because whoever has no certificate can come from a thousand addresses.
        self.stranger_lines = LineLimit(STRANGER_LINES)

    def open(self, client: str, source: IPAddress, version: str | None, now: float) -> None:
        """Note a connection whose client is known."""
        self.opened += 1
        if self.lines.allows(f"{client} {source}", "opened", now):
            log.info("radsec_connected", client=client, source=str(source), tls=version)

    def refuse(self, source: IPAddress, reason: str, detail: str, now: float, *, certified: bool = False) -> None:
        """Note a connection that never became one; ``certified``: of somebody with a certificate that we believe."""
        self.refused[reason] += 1
        lines = self.lines if certified else self.stranger_lines
        if lines.allows(str(source), reason, now):
            hint = HINTS.get(reason, "")
            log.warning("radsec_refused", source=str(source), reason=reason, detail=clean(detail, 256), hint=hint)

    def close(self, client: str, source: IPAddress, reason: str, now: float) -> None:
        """Note the end of a connection."""
        self.closed[reason] += 1
        if not self.lines.allows(f"{client} {source}", reason, now):
            return
        if reason in ORDINARY:
            log.info("radsec_closed", client=client, source=str(source), reason=reason)
        else:
            hint = HINTS.get(reason, "")
            log.warning("radsec_closed", client=client, source=str(source), reason=reason, hint=hint)
