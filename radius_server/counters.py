"""What was received, dropped and answered, by the names of RFC 4669, and log lines that a flood cannot multiply."""

from collections import Counter
from dataclasses import dataclass, field, fields

import structlog

from radius_server.schemes import Refusal
from radius_server.wire import ACCESS_ACCEPT, ACCESS_CHALLENGE, ACCESS_REJECT

log = structlog.get_logger()

MINUTE = 60.0
MAX_LINES = 1000
"""Log lines of this kind per minute, whoever causes them."""
STRANGER_LINES = 20
"""The same for addresses that no client is configured for: they are easily forged."""

MALFORMED = frozenset(
    {
        "too_short",
        "length_out_of_range",
        "datagram_cut",
        "attribute_cut",
        "attribute_type_zero",
        "attribute_too_short",
        "attribute_overrun",
        "too_many_attributes",
        "two_message_authenticators",
        "message_authenticator_length",
    }
)


@dataclass(slots=True)
class Counters:
    """Counts since the start (RFC 4669 section 6, radiusAuthServ...), and our own at the end."""

    access_requests: int = 0
    invalid_requests: int = 0
    """From an unknown address."""
    dup_access_requests: int = 0
    access_accepts: int = 0
    access_rejects: int = 0
    access_challenges: int = 0
    malformed_access_requests: int = 0
    bad_authenticators: int = 0
    packets_dropped: int = 0
    """For any other reason."""
    unknown_types: int = 0

    status_requests: int = 0
    status_replies: int = 0
    conflicts: int = 0
    """Requests that displaced another one in flight."""
    joins: int = 0
    """Requests that wait for a login which was pending already."""
    dropped: Counter[str] = field(default_factory=Counter)
    """Packets without an answer, by reason."""
    refused: Counter[str] = field(default_factory=Counter)
    """Requests that were rejected before anybody was asked, by reason."""
    cancels: int = 0
    """Logins given up because the NAS asks no more, or because we stop."""

    def report(self) -> dict[str, int | dict[str, int]]:
        """Return every count by its name."""
        # Not dataclasses.asdict: it makes a Counter of a Counter's pairs.
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: dict(value) if isinstance(value, Counter) else value for name, value in values.items()}

    def count_drop(self, reason: str) -> None:
        """Count a packet that gets no answer."""
        self.dropped[reason] += 1
        if reason == "unknown_client":
            self.invalid_requests += 1
        elif reason in MALFORMED:
            self.malformed_access_requests += 1
        elif reason == "wrong_message_authenticator":
            self.bad_authenticators += 1
        elif reason == "unexpected_code":
            self.unknown_types += 1
        else:
            self.packets_dropped += 1

    def count_reply(self, code: int) -> None:
        """Count a reply, not its retransmissions."""
        if code == ACCESS_ACCEPT:
            self.access_accepts += 1
        elif code == ACCESS_REJECT:
            self.access_rejects += 1
        elif code == ACCESS_CHALLENGE:
            self.access_challenges += 1


class LineLimit:
    """Allows one log line per sender, reason and minute, and a bounded number in all."""

    def __init__(self, limit: int = MAX_LINES) -> None:
        self.limit = limit
        self.minute = -1
        self.written: set[tuple[str, str]] = set()

    def allows(self, sender: str, reason: str, now: float) -> bool:
        """Whether this line may be written; if so, it counts as written."""
        minute = int(now // MINUTE)
        if minute != self.minute:
            self.minute = minute
            self.written.clear()
        line = (sender, reason)
        if line in self.written or len(self.written) >= self.limit:
            return False
        self.written.add(line)
        return True


DROP_HINTS = {
    "unknown_client": "name this address under radius.clients, if it is an appliance of yours",
    "wrong_message_authenticator": "the shared secret of the appliance and the one configured here differ",
    "message_authenticator_missing": "let the appliance send Message-Authenticator, or set message_authenticator",
    "backend_down": "the provider cannot be reached; status_server: reflect_backend leaves probes unanswered meanwhile",
    "unknown_nas_identifier": "name it as nas_identifier of a client, or add a client of the network without one",
    "proxy_state_unsigned": "let the proxy send Message-Authenticator, or set limit_proxy_state: false",
}


class DropLog:
    """Counts what gets no answer or no hearing, and logs each kind once per sender and minute."""

    def __init__(self, counters: Counters) -> None:
        self.counters = counters
        self.lines = LineLimit()
        # Apart, because anybody can pretend to be a thousand strangers: they must not silence what clients cause.
        self.stranger_lines = LineLimit(STRANGER_LINES)

    def drop(self, sender: str, reason: str, now: float, source: str = "") -> None:
        """Note a packet that gets no answer."""
        self.counters.count_drop(reason)
        lines = self.stranger_lines if reason == "unknown_client" else self.lines
        if lines.allows(sender, reason, now):
            hint = DROP_HINTS.get(reason, "")
            log.warning("radius_dropped", sender=sender, source=source or sender, reason=reason, hint=hint)

    def note_refusal(self, client: str, refusal: Refusal, now: float) -> None:
        """Note a request that is rejected before anybody was asked."""
        self.counters.refused[refusal.reason] += 1
        if self.lines.allows(client, refusal.reason, now):
            log.warning("radius_refused", client=client, reason=refusal.reason, hint=refusal.hint)

    def note_send_failure(self, client: str, now: float) -> None:
        """Note a reply that the kernel did not take."""
        if self.lines.allows(client, "send_failed", now):
            log.warning("radius_send_failed", client=client)
