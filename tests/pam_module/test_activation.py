import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pam_module.activation import inherited_socket, private

# Starts as systemd starts a service: with the socket as descriptor 3, and the variables. What it prints is compared.
SERVICE = """
import os, sys
from pathlib import Path
from pam_module.activation import VARIABLES, inherited_socket
from pushgate.errors import PushgateError
os.dup2(int(sys.argv[3]), 3)
os.environ["LISTEN_PID"] = str(os.getpid() + int(sys.argv[2]))
try:
    taken = inherited_socket(Path(sys.argv[1]), os.environ)
    print(taken and (taken.fileno(), taken.getblocking(), taken.get_inheritable()))
except PushgateError as error:
    print(error.message.rpartition(": ")[2])
print(set(VARIABLES) & set(os.environ))
"""
ELSEWHERE = "systemd passed a socket that listens elsewhere"


@pytest.fixture
def path() -> Iterator[Path]:
    """A path for a socket in a folder of our own."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder, "pam.sock")


def listening_at(
    path: Path, *, mode: int = 0o600, kind: int = socket.SOCK_STREAM, listen: bool = True
) -> socket.socket:
    """Make what systemd makes of a socket unit."""
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(os.fspath(path))
    path.chmod(mode)
    if listen:
        made.listen()
    return made


def started(path: Path, passed: socket.socket, *, count: str = "1", pid_off_by: int = 0) -> list[str]:
    """Start a service that gets a socket passed, and return what it found."""
    done = subprocess.run(
        [sys.executable, "-c", SERVICE, path, str(pid_off_by), str(passed.fileno())],
        pass_fds=[passed.fileno()],
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "LISTEN_FDS": count, "LISTEN_FDNAMES": "pushgate.socket"},
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return done.stdout.splitlines()


def test_the_socket_of_systemd_is_taken(path: Path) -> None:
    """A daemon that systemd gives a socket takes it, without a wait and for itself alone; the variables are gone."""
    with listening_at(path) as passed:
        assert started(path, passed) == ["(3, False, False)", "set()"]


@pytest.mark.parametrize(("count", "pid_off_by"), [("1", 1), ("0", 0), ("", 0)])
def test_nothing_is_taken_that_is_for_nobody_or_another(path: Path, count: str, pid_off_by: int) -> None:
    """A daemon that inherits another process's variables, or none at all, makes its own socket."""
    with listening_at(path) as passed:
        assert started(path, passed, count=count, pid_off_by=pid_off_by) == ["None", "set()"]


def test_a_socket_elsewhere_is_refused(path: Path) -> None:
    """An administrator whose socket unit and configuration name two paths is told so; nobody waits at a dead socket."""
    with listening_at(path.with_name("other.sock")) as passed:
        assert started(path, passed) == [ELSEWHERE, "set()"]


def test_several_sockets_are_refused(path: Path) -> None:
    """An administrator whose socket unit has a second address is told so."""
    with listening_at(path) as passed:
        assert started(path, passed, count="2") == [ELSEWHERE, "set()"]


@pytest.mark.parametrize(("kind", "listen"), [(socket.SOCK_STREAM, False), (socket.SOCK_DGRAM, False)])
def test_a_socket_that_takes_no_connections_is_refused(path: Path, kind: int, listen: bool) -> None:
    """An administrator whose socket unit is of another kind is told so."""
    with listening_at(path, kind=kind, listen=listen) as passed:
        assert started(path, passed) == [ELSEWHERE, "set()"]


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_socket_that_others_reach_is_refused(path: Path, mode: int) -> None:
    """An administrator who opens the socket unit to others than root is told so, and the daemon does not start."""
    with listening_at(path, mode=mode) as passed:
        assert started(path, passed) == ["the socket is gone, or others than its owner may connect", "set()"]


def test_a_socket_that_is_gone_or_no_socket_is_not_private(path: Path) -> None:
    """Somebody who removes the socket, or puts a file or a link in its place, keeps the daemon from starting."""
    assert not private(path)
    path.touch(mode=0o600)
    assert not private(path)
    path.unlink()
    with listening_at(path.with_name("real.sock")):
        path.symlink_to("real.sock")
        assert not private(path)
        assert private(path.with_name("real.sock"))


def test_a_daemon_without_systemd_makes_its_own(path: Path) -> None:
    """A daemon that somebody starts by hand gets no socket and no error."""
    assert inherited_socket(path, {}) is None
