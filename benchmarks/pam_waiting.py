"""PAM logins that wait for people: what each costs the daemon in memory, and how fast one is withdrawn."""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.figure import Figure, WrongAnswerError
from benchmarks.pam_daemon import Daemon
from benchmarks.pam_host import OURS, ROOT, USER, Host
from benchmarks.push_service import authority
from benchmarks.usage import Memory

WAITING = (300, 1000)
WARM_UP = 50
WITHDRAWALS = 20
TARGET = 15
SECONDS = 60


def waiting_logins(folder: Path, numbers: tuple[int, ...] = WAITING) -> list[Figure]:
    """Let so many programs wait at once, each a process with a connection of its own; then let everybody approve."""
    figures = []
    for number in numbers:
        place = folder / f"waiting-{number}"
        place.mkdir()
        with Daemon(place, OURS, "held") as daemon:
            memory = measure(daemon, number, daemon.wait_for_pending, lambda daemon=daemon: daemon.held("release"))
        daemon.expect_approved(number + WARM_UP)
        figures.append(Figure(f"PAM daemon, memory of each of {number:,} logins that wait", memory, "KiB", TARGET))
    return figures


def waiting_for_authority(folder: Path, number: int = WAITING[0]) -> list[Figure]:
    """Let programs wait for a push service in another process: each has a connection to it, too."""
    figures = []
    for scheme in ("HTTP", "HTTPS"):
        place = folder / scheme
        place.mkdir()
        memory = memory_for_authority(place, number, tls=scheme == "HTTPS")
        name = f"PAM daemon, memory of each of {number:,} logins that wait for an authority over {scheme}"
        figures.append(Figure(name, memory, "KiB", beside="each with a connection of its own to the authority"))
    return figures


def memory_for_authority(folder: Path, number: int, *, tls: bool) -> float:
    """Tell how many KiB each login takes that waits for a push service."""
    held = authority(folder / "ca", "held", tls=tls)
    with held as service, Daemon(folder, OURS, service.url, *service.ca) as daemon:

        def wait(pending: int) -> None:
            give_up = time.monotonic() + SECONDS
            while (waiting := service.waiting()) != pending:
                if time.monotonic() > give_up:
                    raise WrongAnswerError(f"{waiting} questions wait, not {pending}")
                time.sleep(0.05)

        memory = measure(daemon, number, wait, service.release, service.hold)
    daemon.expect_approved(number + WARM_UP)
    return memory


def measure(
    daemon: Daemon,
    number: int,
    wait: Callable[[int], None],
    release: Callable[[], object],
    hold: Callable[[], object] = lambda: None,
) -> float:
    """Tell how many KiB each login takes above idle, which is what a daemon in service needs."""
    with Waiters(daemon.folder, WARM_UP) as waiters:
        wait(WARM_UP)
        release()
        waiters.expect_approved()
    hold()
    idle = Memory.of(daemon.pid).now
    with Waiters(daemon.folder, number) as waiters:
        wait(number)
        grown = Memory.of(daemon.pid).now - idle
        release()
        waiters.expect_approved()
    return grown / number


class Waiters:
    """Programs that wait, for the time of a ``with`` block."""

    def __init__(self, folder: Path, number: int) -> None:
        self.number = number
        program = str(ROOT / "benchmarks" / "pam_waiters.py")
        command = [sys.executable, "-IS", program, str(folder / "pam.sock"), str(number)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)

    def __enter__(self) -> "Waiters":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def expect_approved(self) -> None:
        """Wait for the end.

        Raises:
            WrongAnswerError: unless every program was let in.
        """
        output, _ = self.process.communicate(timeout=SECONDS)
        if not output.endswith(f"\n{self.number}\n".encode()):
            raise WrongAnswerError(f"of {self.number} logins {output[-10:]!r} approved")


def withdrawals(folder: Path, number: int = WITHDRAWALS) -> list[Figure]:
    """Interrupt programs that wait, as Ctrl-C does, and look when the daemon takes the question back."""
    host = Host(folder)
    with Daemon(folder, OURS, "held") as daemon:
        milliseconds = [withdrawal(host, daemon) for _ in range(number)]
    most = max(milliseconds)
    beside = f"the slowest of {number}: {most:.1f} ms"
    return [Figure("PAM, from Ctrl-C to the withdrawal", statistics.median(milliseconds), "ms", 100, beside)]


def withdrawal(host: Host, daemon: Daemon) -> float:
    """Interrupt one program; milliseconds until the withdrawal."""
    command = ["pamtester", OURS, USER, "authenticate"]
    with subprocess.Popen(command, env=host.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        daemon.wait_for_pending(1)
        start = time.monotonic_ns()
        one.send_signal(signal.SIGINT)
        word, at = daemon.read().split()
        one.wait(10)
    if word != "withdrawn" or one.returncode == 0:
        raise WrongAnswerError(f"an interrupted login ended with {one.returncode}, and the daemon said {word}")
    return (int(at) - start) / 1e6
