"""Decisions for which nobody is asked: how many a second, and what each costs, in turn with FreeRADIUS."""

import secrets
import statistics
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, WrongAnswerError
from benchmarks.radius_daemon import EXEMPT, Daemon
from benchmarks.radius_load import Load, all_right, send
from benchmarks.radius_peers import freeradius
from benchmarks.usage import cpu_seconds

ROUNDS, REQUESTS = 6, 20_000
WINDOW = 100
"""Requests in flight: a socket buffer of the default size, as FreeRADIUS has it, loses some of 200."""
SECRET = secrets.token_hex(16)


@dataclass(frozen=True)
class Round:
    """What one load came to."""

    per_second: float
    microseconds: float
    """Processor time of the server for each request."""


def static_decisions(folder: Path, rounds: int = ROUNDS, requests: int = REQUESTS) -> list[Figure]:
    """Let a user in who needs no second factor, with audit; FreeRADIUS finds the same user in its file ``users``."""
    (folder / "peer").mkdir()
    with Daemon(folder, SECRET) as daemon, freeradius(folder / "peer", "files", SECRET) as peer:
        # A round of each comes before the measured ones.
        pairs = [
            (measured(daemon.port, daemon.pid, requests), measured(peer.port, peer.pid, requests))
            for _ in range(rounds + 1)
        ][1:]
        records = daemon.records()
    exempt = sum(record["accept"] is True and record["reason"] == "exempt" for record in records)
    if exempt != len(records) or exempt != (rounds + 1) * requests:
        raise WrongAnswerError(f"{exempt} of {len(records)} records let an exempt user in, not one a request")
    rates = [ours.per_second for ours, _ in pairs]
    peer_rate = statistics.median(theirs.per_second for _, theirs in pairs)
    peer_cost = statistics.median(theirs.microseconds for _, theirs in pairs)
    return [
        Figure(
            "decisions at once, audited, one process",
            statistics.median(rates),
            "/s",
            at_least=12_000,
            beside=f"{min(rates):,.0f} to {max(rates):,.0f} in {rounds} rounds; FreeRADIUS files {peer_rate:,.0f}, "
            "as much as the load can do",
        ),
        Figure(
            "the same, CPU of each",
            statistics.median(ours.microseconds for ours, _ in pairs),
            "us",
            beside=f"FreeRADIUS files {peer_cost:.0f} us",
        ),
        Figure(
            "the same, CPU as a ratio to FreeRADIUS files",
            statistics.median(ours.microseconds / theirs.microseconds for ours, theirs in pairs),
            "times",
        ),
    ]


def measured(port: int, pid: int, requests: int) -> Round:
    """Send one load to a server, which must let everybody in."""
    before = cpu_seconds(pid)
    report = all_right(send(Load(port, SECRET, requests, users=(EXEMPT,), window=WINDOW)))
    return Round(requests / report.seconds, (cpu_seconds(pid) - before) * 1e6 / requests)
