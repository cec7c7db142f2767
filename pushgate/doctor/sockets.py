"""Checks of the daemon's sockets: who may connect, and who answers."""

import os
import socket
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from pushgate.doctor.findings import Finding, fine, found, located
from pushgate.doctor.machine import write_fault

SECONDS = 5.0
START = "systemctl start pushgate, and see its log"


def check_pam_socket(path: Path) -> Iterator[Finding]:
    """Check the socket that the module connects to."""
    status = status_of(path)
    if status is None:
        yield found("socket-missing", path, "no such socket", START)
        return
    faults = list(mode_faults("socket-mode", path, status))
    folder = write_fault(path.parent)
    if folder is not None:
        faults.append(located("socket-mode", folder))
    yield from faults
    if not faults:
        yield fine("socket-mode", path, "only root can connect to it or swap it")
        yield from check_peer(path)


def check_control_socket(path: Path) -> Iterator[Finding]:
    """Check the socket of the daemon's own commands."""
    status = status_of(path)
    if status is None:
        yield found("control-socket", path, "no such socket", START)
        return
    faults = list(mode_faults("control-socket", path, status))
    yield from faults
    if not faults:
        yield fine("control-socket", path, "only root and the daemon's user can connect to it")


def status_of(path: Path) -> os.stat_result | None:
    """Look at what stands at a path; None if nothing does, or it cannot be seen."""
    try:
        return path.lstat()
    except OSError:
        return None


def mode_faults(identity: str, path: Path, status: os.stat_result) -> Iterator[Finding]:
    """Find what is wrong with a socket's type, owner and mode."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISSOCK(status.st_mode):
        yield found(identity, path, "is no socket", "remove it, and start the daemon")
    elif status.st_uid not in (0, os.geteuid()):
        yield found(identity, path, f"is owned by user {status.st_uid}", "let root run the daemon")
    elif mode & 0o077:
        yield found(identity, path, f"others than its owner may connect (mode {mode:04o})", f"chmod 600 {path}")


def check_peer(path: Path) -> Iterator[Finding]:
    """Connect, and see whose the daemon is."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
        connection.settimeout(SECONDS)
        try:
            connection.connect(os.fspath(path))
        except OSError as fault:
            reason = (fault.strerror or "it does not answer in time").lower()
            yield found("socket-missing", path, f"nobody listens ({reason})", START)
            return
        size = struct.calcsize("3i")
        _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    if uid not in (0, os.geteuid()):
        yield found("socket-peer", path, f"user {uid} listens there", "let root run the daemon")
    else:
        yield fine("socket-peer", path, f"a daemon of user {uid} listens")
