"""What a login costs through the PAM module and the daemon, with nobody to wait for, beside one through pam_permit."""

import shutil
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.figure import Figure, WrongAnswerError
from benchmarks.pam_daemon import Daemon
from benchmarks.pam_host import LOCAL, OURS, PERMIT, REMOTE, USER, Host, overhead, slowest_tenth
from benchmarks.push_service import authority
from benchmarks.usage import Memory

ROUNDS, AUTHORITY_ROUNDS, PAIRS, GROWTH_ROUNDS = 500, 200, 100, 1000
NOT_COUNTED = 20
COUNTING = "sum(range(20_000))"
"""About as much work as a login is for the daemon."""
SUCCESS = "successfully authenticated"


def module_and_daemon(
    folder: Path, rounds: int = ROUNDS, pairs: int = PAIRS, growth: int = GROWTH_ROUNDS
) -> list[Figure]:
    """Log in with a provider that approves at once; every login must be in the audit."""
    host = Host(folder)
    with Daemon(folder, OURS, "instant") as daemon:
        alone = machine_alone()
        remote = host.log_in(REMOTE, rounds, OURS, PERMIT)
        local = host.log_in(LOCAL, rounds, OURS, PERMIT)
        single = single_logins(host, pairs)
        daemon_before = Memory.of(daemon.pid).now
        grown = host.log_in(REMOTE, growth, OURS).memory
        daemon_after = Memory.of(daemon.pid).now
    daemon.expect_approved(2 * (rounds + NOT_COUNTED) + pairs + 1 + growth + NOT_COUNTED)
    given, looked_up = "address given as by sshd", "address looked up as for sudo"
    memory = max(0, grown[2] - grown[1])
    beside = f"the daemon {daemon_after - daemon_before} KiB meanwhile"
    return [
        overhead(given, remote, p50=0.6),
        slowest_tenth(given, remote, p90=1.5, beside=alone),
        overhead(looked_up, local, p50=0.6),
        slowest_tenth(looked_up, local, p90=1.5, beside=alone),
        single,
        Figure(f"PAM module, memory grown by {growth:,} logins in one process", memory, "KiB", 0, beside),
    ]


def machine_alone(rounds: int = ROUNDS) -> str:
    """Send a byte to a process that only counts and sends it back: so far others on this machine hold up a daemon."""
    ours, theirs = socket.socketpair()
    milliseconds = []
    program = f"import socket; s = socket.socket(fileno={theirs.fileno()})\nwhile b := s.recv(1): {COUNTING}; s.send(b)"
    command = [sys.executable, "-IS", "-c", program]
    with ours, theirs, subprocess.Popen(command, pass_fds=[theirs.fileno()]):
        theirs.close()
        for _ in range(rounds):
            start = time.perf_counter()
            ours.send(b"x")
            ours.recv(1)
            milliseconds.append((time.perf_counter() - start) * 1000)
        ours.close()
    slowest = statistics.quantiles(milliseconds, n=10)[-1]
    return f"a process that only counts answers in p50 {statistics.median(milliseconds):.2f}, p90 {slowest:.2f} ms"


def single_logins(host: Host, pairs: int) -> Figure:
    """Log in once in a process, as people do; starting a process takes longer than the login and varies more."""
    if shutil.which("pamtester") is None:
        raise WrongAnswerError("pamtester is missing: make test as root installs it")
    seconds = [(timed(host, OURS), timed(host, PERMIT)) for _ in range(pairs + 1)][1:]
    ours, peer = (statistics.median(each) * 1000 for each in zip(*seconds, strict=True))
    value = statistics.median(ours - peer for ours, peer in seconds) * 1000
    beside = f"whole process: {ours:.2f} ms, {peer:.2f} ms with pam_permit"
    return Figure("PAM over pam_permit, the first login of a process", value, "ms", beside=beside)


def timed(host: Host, service: str) -> float:
    """Run pamtester; seconds that it took."""
    command = ["pamtester", "-I", REMOTE[0], "-I", REMOTE[1], service, USER, "authenticate"]
    start = time.perf_counter()
    result = subprocess.run(command, env=host.environment(), capture_output=True, text=True, timeout=60)
    seconds = time.perf_counter() - start
    if result.returncode != 0 or SUCCESS not in result.stdout:
        raise WrongAnswerError(f"{service}: {result.stdout[-200:]}{result.stderr[-200:]}")
    return seconds


def with_authority(folder: Path, rounds: int = AUTHORITY_ROUNDS) -> list[Figure]:
    """Log in with a push service in another process over HTTPS: create, a held wait that is answered, claim."""
    host = Host(folder)
    with authority(folder / "ca", "quick") as service, Daemon(folder, OURS, service.url, *service.ca) as daemon:
        logins = host.log_in(REMOTE, rounds, OURS, PERMIT)
    daemon.expect_approved(rounds + NOT_COUNTED)
    return [overhead("asking an authority over HTTPS", logins, p50=3.0)]
