"""What a login costs through the PAM module and the daemon, beside one through pam_permit.

Pairs of pamtester runs, one of each kind, in turn: a busy machine slows both. The stacks are private (libpam_wrapper),
so no file of the machine is touched and root is not needed.
"""

import getpass
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.figure import Figure, WrongAnswerError

PAIRS = 200
LOGINS_IN_ONE = 50
ROOT = Path(__file__).parent.parent
MODULE = ROOT / "pam_module" / "build" / "pam_pushgate.so"
SERVICE, PEER = "bench-pushgate", "bench-permit"
SUCCESS = "successfully authenticated"
REMOTE = ("-I", "rhost=192.0.2.1", "-I", "tty=ssh")
"""What sshd sets."""
LOCAL = ("-I", "tty=/dev/pts/0")
"""Without an address the daemon walks through /proc to the session's connection."""


def run() -> list[Figure]:
    """Measure; every login must succeed, and the daemon must have decided each of ours."""
    for program in ("pamtester", "gcc"):
        if shutil.which(program) is None:
            raise WrongAnswerError(f"{program} is missing: make test as root installs it")
    folder = Path(tempfile.mkdtemp(prefix="pushgate-bench-"))
    try:
        write_stacks(folder)
        with daemon(folder):
            single = paired(folder, REMOTE, 1, PAIRS)
            many = paired(folder, REMOTE, LOGINS_IN_ONE, PAIRS // 10)
            local = paired(folder, LOCAL, 1, PAIRS)
        records = [json.loads(line) for line in (folder / "audit.jsonl").read_text().splitlines()]
    finally:
        shutil.rmtree(folder)
    # One run of each kind comes before the measured ones.
    expected = 2 * (PAIRS + 1) + (PAIRS // 10 + 1) * LOGINS_IN_ONE
    approved = sum(record["accept"] and record["reason"] == "approved" for record in records)
    if approved != expected or len(records) != expected:
        raise WrongAnswerError(f"{approved} of {len(records)} logins approved, {expected} expected")
    return [
        figure("address given as by sshd", single, 1),
        figure("the same, one of 50 in a process", many, LOGINS_IN_ONE),
        figure("address looked up as for sudo", local, 1),
    ]


def figure(name: str, pairs: list[tuple[float, float]], logins: int) -> Figure:
    """Take the median of the differences, each per login."""
    ours = statistics.median((ours - peer) / logins for ours, peer in pairs) * 1000
    peer = statistics.median(peer / logins for _, peer in pairs) * 1000
    total = statistics.median(ours / logins for ours, _ in pairs) * 1000
    beside = f"{total:.2f} ms with pushgate, {peer:.2f} ms with pam_permit"
    return Figure(f"PAM over pam_permit, {name}", ours, "ms", at_most=1.0, beside=beside)


def paired(folder: Path, items: tuple[str, ...], logins: int, pairs: int) -> list[tuple[float, float]]:
    """Run both kinds in turn, after one of each that does not count; seconds of each."""
    measured = [tuple(timed(folder, service, items, logins) for service in (SERVICE, PEER)) for _ in range(pairs + 1)]
    return [(ours, peer) for ours, peer in measured[1:]]


def timed(folder: Path, service: str, items: tuple[str, ...], logins: int) -> float:
    """Log in a number of times in one process; seconds that it took."""
    environment = {
        "PATH": os.environ["PATH"],
        "LD_PRELOAD": "libpam_wrapper.so",
        "PAM_WRAPPER": "1",
        "PAM_WRAPPER_SERVICE_DIR": str(folder / "pam.d"),
    }
    command = ["pamtester", *items, service, getpass.getuser(), *["authenticate"] * logins]
    start = time.perf_counter()
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    seconds = time.perf_counter() - start
    if result.returncode != 0 or result.stdout.count(SUCCESS) != logins:
        raise WrongAnswerError(f"{service}: {result.stdout[-200:]}{result.stderr[-200:]}")
    return seconds


def write_stacks(folder: Path) -> None:
    """Write the two stacks, alike but for the module."""
    (folder / "pam.d").mkdir()
    for service, module in (
        (SERVICE, f"{MODULE} socket={folder}/pam.sock daemon_uid={os.geteuid()}"),
        (PEER, "pam_permit.so"),
    ):
        (folder / "pam.d" / service).write_text(f"auth required {module}\naccount required pam_permit.so\n")


@contextmanager
def daemon(folder: Path) -> Iterator[None]:
    """Run the daemon with the instant provider."""
    command = [sys.executable, "-m", "benchmarks.instant_daemon", str(folder), SERVICE]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise WrongAnswerError("the daemon did not start")
        yield
        # Leaving the block closes its standard input, which ends it.
