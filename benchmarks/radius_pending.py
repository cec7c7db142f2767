"""Many logins that wait for people at once: in one process of ours, and in FreeRADIUS with modules that ask people."""

import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from benchmarks.figure import Figure, WrongAnswerError
from benchmarks.radius_daemon import Daemon
from benchmarks.radius_load import Load, Report, Sending, all_right, none_wrong, send
from benchmarks.radius_peers import Kind, freeradius
from benchmarks.usage import Memory

PENDING, STORM, CHALLENGES = 10_000, 5_000, 5_000
PEOPLE = ("yes-{}", "no-{}")
"""Everybody logs in once; every second person denies."""
THINKING = 10.0
"""Seconds until people answer."""
STORM_THINKING, STORM_AGAIN, STORM_COPIES = 8.0, 2.0, 4
SECRET = secrets.token_hex(16)


@dataclass(frozen=True)
class Setup:
    """A FreeRADIUS that waits for people, and how many log in there at once."""

    name: str
    kind: Kind
    threads: int
    logins: int


PEERS = (
    Setup("rlm_rest, 32 threads", "rest", 32, 1_000),
    Setup("rlm_rest, 512 threads", "rest", 512, 5_000),
    Setup("rlm_python3", "python3", 32, 100),
)


def pending_logins(folder: Path, logins: int = PENDING, thinking: float = THINKING) -> list[Figure]:
    """Let all be pending at the same moment, then let everybody answer."""
    with Daemon(folder, SECRET) as daemon:
        # Idle is what a daemon in service needs.
        warm_up = Load(daemon.port, SECRET, 100, ("early-{}",))
        all_right(hold(daemon, warm_up, 0)[0])
        idle = Memory.of(daemon.pid)
        report, waiting = hold(daemon, Load(daemon.port, SECRET, logins, PEOPLE), thinking)
        peak = Memory.of(daemon.pid).peak
        expect_sessions(daemon, warm_up.logins + logins)
    name = f"{logins:,} pending at once"
    return [
        Figure(
            f"{name}, answered right within 60 s",
            none_wrong(report).right * 100 / logins,
            "%",
            at_least=100,
            beside=within(report),
        ),
        Figure(f"{name}, memory of each above idle", (waiting.now - idle.now) / logins, "KiB", at_most=15),
        Figure(f"{name}, peak RSS (VmHWM)", peak / 1024, "MiB", beside=f"idle {idle.now / 1024:.0f} MiB"),
    ]


def waiting_peers(folder: Path, setups: tuple[Setup, ...] = PEERS, thinking: float = THINKING) -> list[Figure]:
    """Send the same kind of load to FreeRADIUS; all set-ups side by side, because their threads only sleep."""
    with ThreadPoolExecutor(len(setups)) as pool:
        return list(
            pool.map(lambda setup: waiting_peer(folder / f"{setup.kind}-{setup.threads}", setup, thinking), setups)
        )


def waiting_peer(folder: Path, setup: Setup, thinking: float) -> Figure:
    """Count who is answered right; a peer may be wrong."""
    folder.mkdir()
    with freeradius(folder, setup.kind, SECRET, setup.threads, thinking) as peer:
        report = send(Load(peer.port, SECRET, setup.logins, PEOPLE))
        peak = Memory.of(peer.pid).peak / 1024
    return Figure(
        f"FreeRADIUS {setup.name}: {setup.logins:,} at once, answered right within 60 s",
        report.right * 100 / setup.logins,
        "%",
        beside=f"{within(report)}; {sum(report.wrong.values())} wrong; peak RSS {peak:.0f} MiB",
    )


def storm(folder: Path, logins: int = STORM, thinking: float = STORM_THINKING) -> list[Figure]:
    """Send every packet four times, again and again while it is pending, and once more when it is answered."""
    with Daemon(folder, SECRET) as daemon:
        load = Load(
            daemon.port,
            SECRET,
            logins,
            PEOPLE,
            send_again_every=STORM_AGAIN,
            copies=STORM_COPIES,
            ask_answered_again=True,
        )
        report = all_right(hold(daemon, load, thinking)[0])
        expect_sessions(daemon, logins)
    beside = f"{report.packets:,} packets for {logins:,} pending logins; every reply verified, repeated ones equal"
    return [
        Figure("4x retransmit storm, sessions that nobody needs", 0, "", at_most=0, beside=beside),
        Figure("4x retransmit storm, wrong answers", 0, "", at_most=0),
    ]


def challenges(folder: Path, logins: int = CHALLENGES) -> list[Figure]:
    """Let the NAS lose its patience: everybody gets a challenge, answers the push, and presses Enter."""
    with Daemon(folder, SECRET, "hybrid") as daemon:
        load = Load(daemon.port, SECRET, logins, PEOPLE, expect_challenge=True)
        asked = all_right(send(load))
        daemon.wait_for_pending(logins)
        daemon.release()
        answer = Load(daemon.port, SECRET, logins, PEOPLE, password="", states=asked.states)
        report = all_right(send(answer))
        expect_sessions(daemon, logins)
    beside = f"last challenge after {asked.seconds:.1f} s, last reply {report.seconds:.1f} s after the first Enter"
    return [
        Figure(
            f"{logins:,} logins in mode hybrid, challenged and answered right",
            report.right * 100 / logins,
            "%",
            at_least=100,
            beside=beside,
        )
    ]


def hold(daemon: Daemon, load: Load, thinking: float) -> tuple[Report, Memory]:
    """Send a load, and let people answer so many seconds after all were sent; also the memory while all wait."""
    with Sending(load) as nas:
        nas.wait_until_sent()
        answer_at = time.monotonic() + thinking
        daemon.wait_for_pending(load.logins)
        memory = Memory.of(daemon.pid)
        time.sleep(max(0.0, answer_at - time.monotonic()))
        daemon.release()
        return nas.report(), memory


def expect_sessions(daemon: Daemon, logins: int) -> None:
    """Check that nobody was asked twice, and that nobody is still asked.

    Raises:
        WrongAnswerError: if somebody was or is.
    """
    held = daemon.held()
    if (held.begun, held.pending) != (logins, 0):
        raise WrongAnswerError(f"{logins} logins made {held.begun} sessions, of which {held.pending} are pending")


def within(report: Report) -> str:
    """Say when the right answers had come."""
    marks = report.answered_within
    if not marks:
        return "none answered"
    return f"{' / '.join(f'{count:,}' for count in marks.values())} within {' / '.join(marks)} s"
