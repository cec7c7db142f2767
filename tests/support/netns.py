"""Private network namespaces: machines of a test's own, with fixed ports and real addresses.

A person's machine, an appliance (NAS) and the server stand in a row, and nothing leads out of there:

    person 192.0.2.10 —— 192.0.2.9 NAS 192.0.2.1 —— 192.0.2.2 server

Needs root.
"""

import ctypes
import os
import secrets
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")

FOLDER = Path("/run/netns")
PREFIX = "pushgate-"
PERSON, NAS_TO_PERSON, NAS, SERVER = "192.0.2.10", "192.0.2.9", "192.0.2.1", "192.0.2.2"
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True)
class Machine:
    """One network namespace."""

    name: str

    @property
    def path(self) -> Path:
        """The file that stands for the namespace."""
        return FOLDER / self.name

    def command(self, *argv: str | Path, mounts: Mapping[Path, Path] | None = None) -> list[str]:
        """Return the command line that runs a program here, as the process itself and not as a child of it.

        Args:
            argv: The program.
            mounts: Files and folders which this program alone sees at the paths that are the keys.
        """
        within = ["nsenter", f"--net={self.path}", "--"]
        if mounts:
            script = "".join('mount --bind "$1" "$2" && shift 2 && ' for _ in mounts) + 'exec "$@"'
            pairs = [str(path) for target, source in mounts.items() for path in (source, target)]
            within += ["unshare", "--mount", "--", "sh", "-c", script, "sh", *pairs]
        return [*within, *map(str, argv)]

    def run(self, *argv: str | Path, timeout: float = 30, check: bool = True) -> str:
        """Run a program here to its end, and return what it printed."""
        done = subprocess.run(self.command(*argv), capture_output=True, text=True, timeout=timeout, check=False)
        assert done.returncode == 0 or not check, f"{argv}: {done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function whose sockets are to be opened here.

        A thread can be in another network than the rest of its process; it ends with the call.
        """
        outcome: list[T] = []
        failure: list[BaseException] = []

        def work() -> None:
            try:
                enter(self.path)
                outcome.append(function(*arguments))
            except BaseException as error:  # noqa: BLE001 - raised again below, in the caller's thread
                failure.append(error)

        thread = threading.Thread(target=work, name=f"in {self.name}")
        thread.start()
        thread.join()
        if failure:
            raise failure[0]
        return outcome[0]

    def pids(self) -> list[int]:
        """List the processes that run here."""
        done = subprocess.run(["ip", "netns", "pids", self.name], capture_output=True, text=True, check=False)
        return [int(word) for word in done.stdout.split()]


@dataclass(frozen=True)
class Machines:
    """The three."""

    person: Machine
    nas: Machine
    server: Machine


@contextmanager
def three_machines() -> Iterator[Machines]:
    """Make the three machines, and remove them with every process that runs there."""
    label = secrets.token_hex(3)
    with ExitStack() as stack:
        person, nas, server = (stack.enter_context(machine(f"{PREFIX}{label}-{what}")) for what in "pns")
        link(nas, f"{NAS}/30", server, f"{SERVER}/30")
        link(person, f"{PERSON}/30", nas, f"{NAS_TO_PERSON}/30")
        yield Machines(person, nas, server)


@contextmanager
def machine(name: str) -> Iterator[Machine]:
    """Make a network namespace that has loopback only."""
    made = Machine(name)
    try:
        ip("netns", "add", name)
        ip("-netns", name, "link", "set", "lo", "up")
        yield made
    finally:
        if made.path.exists():
            kill_all(made)
            ip("netns", "delete", name)


def link(one: Machine, address_of_one: str, two: Machine, address_of_two: str) -> None:
    """Lay a cable between two machines; each end is named after the other machine."""
    ends = ((one, interface_to(two), address_of_one), (two, interface_to(one), address_of_two))
    (_, first, _), (_, second, _) = ends
    ip("-netns", one.name, "link", "add", first, "type", "veth", "peer", "name", second, "netns", two.name)
    for host, interface, address in ends:
        ip("-netns", host.name, "address", "add", address, "dev", interface)
        ip("-netns", host.name, "link", "set", interface, "up")


def interface_to(machine: Machine) -> str:
    """Name the end of a cable that leads to a machine."""
    return f"to-{machine.name[-8:]}"


def ip(*arguments: str) -> None:
    """Run iproute2."""
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"


def enter(path: Path) -> None:
    """Move the calling thread into a network namespace."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), f"setns {path}")
    finally:
        os.close(descriptor)


def kill_all(host: Machine, within: float = 5.0) -> None:
    """End what still runs on a machine; daemons among it may have left their parents."""
    give_up = time.monotonic() + within
    while (pids := host.pids()) and time.monotonic() < give_up:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)
