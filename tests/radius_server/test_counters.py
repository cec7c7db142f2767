"""Counters and the limit on log lines."""

from collections import Counter
from dataclasses import replace

import pytest

from radius_server.counters import MAX_LINES, Counters, LineLimit
from tests.radius_server.vectors import BROKEN


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("unknown_client", Counters(invalid_requests=1)),
        ("attribute_overrun", Counters(malformed_access_requests=1)),
        ("wrong_message_authenticator", Counters(bad_authenticators=1)),
        ("unexpected_code", Counters(unknown_types=1)),
        ("message_authenticator_missing", Counters(packets_dropped=1)),
        ("two_credentials", Counters(packets_dropped=1)),
    ],
)
def test_drops(reason: str, expected: Counters) -> None:
    """A dropped packet is counted once, under the name that RFC 4669 gives it."""
    counters = Counters()
    counters.count_drop(reason)
    assert counters == replace(expected, dropped=Counter({reason: 1}))


def test_shapes_are_malformed() -> None:
    """Everything wrong with the shape of a packet counts as malformed."""
    counters = Counters()
    for broken in BROKEN:
        counters.count_drop(broken.reason)
    counts = replace(counters, dropped=Counter())
    assert counts == Counters(malformed_access_requests=16, bad_authenticators=1, unknown_types=7, packets_dropped=6)
    assert len(BROKEN) == 16 + 1 + 7 + 6


def test_replies() -> None:
    """Accepts and rejects are counted apart."""
    counters = Counters()
    for code in (2, 3, 3):
        counters.count_reply(code)
    assert counters == Counters(access_accepts=1, access_rejects=2)


def test_one_line_a_minute() -> None:
    """A sender's reason is logged once a minute; other senders and reasons are not held back."""
    lines = LineLimit()
    written = [
        lines.allows("vpn", "cut", 60.0),
        lines.allows("vpn", "cut", 119.0),
        lines.allows("vpn", "other", 119.0),
        lines.allows("ssh", "cut", 119.0),
        lines.allows("vpn", "cut", 120.0),
    ]
    assert written == [True, False, True, True, True]


def test_flood_of_senders() -> None:
    """A flood from forged addresses writes a bounded number of lines and keeps a bounded memory."""
    lines = LineLimit()
    written = [lines.allows(f"10.0.{number >> 8}.{number & 255}", "unknown_client", 0.0) for number in range(5000)]
    assert sum(written) == MAX_LINES == len(lines.written)
