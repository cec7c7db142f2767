"""Runs the C program of the benchmarks that logs in through private PAM stacks; no file of the machine is touched."""

import os
import shutil
import statistics
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.figure import Figure, WrongAnswerError

ROOT = Path(__file__).parent.parent
MODULE = ROOT / "pam_module" / "build" / "pam_pushgate.so"
OURS, PERMIT = "bench-pushgate", "bench-permit"
PERMIT_LINE = "auth required pam_permit.so"
USER = "root"
REMOTE = ("rhost=192.0.2.1", "tty=ssh")
"""What sshd sets."""
LOCAL = ("tty=/dev/pts/0",)
"""Without an address the daemon walks through /proc to the session's connection."""
SECONDS = 120


@dataclass
class Logins:
    """What one run of the program has measured."""

    nanoseconds: dict[str, list[int]] = field(default_factory=dict)
    """Of each login, by service; the n-th ones were made next to each other."""
    memory: list[int] = field(default_factory=list)
    """The program's private KiB, before and after."""

    def over(self, service: str, peer: str = PERMIT) -> list[float]:
        """Tell how many milliseconds each login took more than the peer's login next to it."""
        pairs = zip(self.nanoseconds[service], self.nanoseconds[peer], strict=True)
        return [(ours - other) / 1e6 for ours, other in pairs]

    def median(self, service: str) -> float:
        """Tell the median of a service in milliseconds."""
        return statistics.median(self.nanoseconds[service]) / 1e6


class Host:
    """The program, built for this run, and the stacks that it finds."""

    def __init__(self, folder: Path) -> None:
        """Build the program.

        Raises:
            WrongAnswerError: if a tool is missing.
        """
        if shutil.which("gcc") is None:
            raise WrongAnswerError("gcc is missing: make test as root installs it")
        self.program, self.services = folder / "pam_host", folder / "pam.d"
        source = Path(__file__).with_name("pam_host.c")
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", self.program, source, "-lpam"], check=True)
        self.services.mkdir()
        self.stack(PERMIT, PERMIT_LINE)
        self.stack("other", "auth required pam_deny.so")
        self.stack(OURS, module_line(folder))

    def stack(self, service: str, auth_line: str) -> None:
        """Write the stack of a service."""
        (self.services / service).write_text(f"{auth_line}\naccount required pam_permit.so\n")

    def environment(self) -> dict[str, str]:
        """What lets a program find the stacks here in place of the machine's."""
        wrapper = {"LD_PRELOAD": "libpam_wrapper.so", "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": str(self.services)}
        return {"PATH": os.environ["PATH"], **wrapper}

    def log_in(self, items: tuple[str, ...], rounds: int, *services: str, typed: str = "", user: str = USER) -> Logins:
        """Log in through each service in turn, so many rounds after 20 that do not count.

        Raises:
            WrongAnswerError: if a login fails.
        """
        command = [str(self.program), str(rounds), user, typed, *items, "--", *services]
        result = subprocess.run(command, env=self.environment(), capture_output=True, text=True, timeout=SECONDS)
        if result.returncode != 0:
            raise WrongAnswerError(f"a login failed: {result.stderr[-300:]}")
        logins = Logins()
        for name, value in (line.split() for line in result.stdout.splitlines()):
            if name == "memory":
                logins.memory.append(int(value))
            else:
                logins.nanoseconds.setdefault(name, []).append(int(value))
        return logins


def module_line(folder: Path) -> str:
    """Write the line that loads our module."""
    return f"auth required {MODULE} socket={folder}/pam.sock daemon_uid={os.geteuid()}"


def overhead(name: str, logins: Logins, service: str = OURS, *, p50: float | None = None) -> Figure:
    """Take the median of the differences to pam_permit."""
    beside = f"{logins.median(service):.2f} ms in all, {logins.median(PERMIT):.2f} ms with pam_permit"
    return Figure(f"PAM over pam_permit, {name}", statistics.median(logins.over(service)), "ms", p50, beside)


def slowest_tenth(name: str, logins: Logins, *, p90: float, beside: str = "") -> Figure:
    """Take the 90th percentile of the differences to pam_permit."""
    value = statistics.quantiles(logins.over(OURS), n=10)[-1]
    return Figure(f"PAM over pam_permit, {name}, p90", value, "ms", at_most=p90, beside=beside)
