"""A load of RADIUS logins, sent by a process of its own, and what came back."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.figure import WrongAnswerError

ROOT = Path(__file__).parent.parent
REJECTED = "no"
"""Users whose name begins so must get an Access-Reject, all others an Access-Accept."""


@dataclass(frozen=True)
class Load:
    """What to send."""

    port: int
    secret: str
    logins: int
    users: Sequence[str] = ("alice",)
    """Taken in turn; ``{}`` becomes the number of the login."""
    window: int = 0
    """Logins in flight at once, the next as soon as one is answered; 0 sends all at once."""
    per_second: int = 10_000
    """Packets at most, where all are sent at once: what a buffer of some MiB and one core can follow."""
    send_again_every: float = 5.0
    """Seconds after which a NAS sends an unanswered packet again."""
    give_up_after: float = 60.0
    copies: int = 1
    """How often each packet is sent each time."""
    ask_answered_again: bool = False
    """Send every packet once more when all are answered: the replies must be the same octets."""
    password: str = "push"
    states: Sequence[str] = ()
    """Of the challenges that are answered, by the number of the login; none where logins begin."""
    expect_challenge: bool = False
    """Every login must get a challenge."""


@dataclass
class Report:
    """What came back."""

    right: int = 0
    wrong: dict[str, int] = field(default_factory=dict)
    """Replies that no NAS may take, by what is wrong with them."""
    unanswered: int = 0
    packets: int = 0
    """Sent, with all copies."""
    seconds: float = 0.0
    """From the first packet to the last reply."""
    answered_within: dict[str, int] = field(default_factory=dict)
    """Right answers by the seconds after which they had come."""
    percentiles: dict[str, float] = field(default_factory=dict)
    """Milliseconds from a login's first packet to its reply."""
    states: list[str] = field(default_factory=list)
    """Of the challenges, by the number of the login; empty for one that got none."""


class Sending:
    """The process that sends a load, for the time of a ``with`` block."""

    def __init__(self, load: Load) -> None:
        self.load = load

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "benchmarks.radius_sender"]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(asdict(self.load)))
        self.process.stdin.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    def wait_until_sent(self) -> None:
        """Wait until each login's first packet is under way; only where all are sent at once."""
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "sent\n":
            raise WrongAnswerError("the NASes ended before they had sent their logins")

    def report(self) -> Report:
        """Wait until every login is answered or given up, and every reply verified."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                return Report(**json.loads(line))
        raise WrongAnswerError("the NASes ended without a report")


def send(load: Load) -> Report:
    """Send a load and wait for what comes back."""
    with Sending(load) as sending:
        return sending.report()


def none_wrong(report: Report) -> Report:
    """Return a report without wrong answers.

    Raises:
        WrongAnswerError: if there are some.
    """
    if report.wrong:
        raise WrongAnswerError(", ".join(f"{count} times {fault}" for fault, count in report.wrong.items()))
    return report


def all_right(report: Report) -> Report:
    """Return a report in which every login was answered, and right.

    Raises:
        WrongAnswerError: if it is not so.
    """
    if none_wrong(report).unanswered:
        raise WrongAnswerError(f"{report.unanswered} logins were not answered, {report.right} were")
    return report
