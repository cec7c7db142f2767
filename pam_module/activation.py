"""The socket that systemd hands over where pushgate.socket is enabled: it stays while one daemon follows another.

sd_listen_fds(3): descriptors from 3 on, for the process that LISTEN_PID names.
"""

import os
import socket
import stat
from collections.abc import MutableMapping
from pathlib import Path

from pushgate.errors import PushgateError

FIRST = 3
VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def inherited_socket(path: Path, environment: MutableMapping[str, str]) -> socket.socket | None:
    """Take over the socket that systemd listens with for us, or return None where it does not.

    The variables are taken out, so that no process of ours takes them for its own.

    Raises:
        PushgateError: it listens elsewhere than the configuration says, or others may connect to it.
    """
    pid, count, _ = (environment.pop(name, "") for name in VARIABLES)
    if pid != str(os.getpid()) or count in ("", "0"):
        return None
    os.set_inheritable(FIRST, False)
    listening = socket.socket(fileno=FIRST)
    if count != "1" or not listens_at(listening, path):
        listening.close()
        hint = "name the same path in pam.socket and in ListenStream= of pushgate.socket"
        raise PushgateError(f"{path}: systemd passed a socket that listens elsewhere", hint)
    if not private(path):
        listening.close()
        hint = "set SocketMode=0600 in pushgate.socket, then: systemctl restart pushgate.socket"
        raise PushgateError(f"{path}: the socket is gone, or others than its owner may connect", hint)
    listening.setblocking(False)
    return listening


def listens_at(listening: socket.socket, path: Path) -> bool:
    """Say whether this is a unix stream socket that takes connections at a path."""
    return (
        listening.family == socket.AF_UNIX
        and listening.type == socket.SOCK_STREAM
        and listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) == 1
        and listening.getsockname() == os.fspath(path)
    )


def private(path: Path) -> bool:
    """Say whether a socket is there, and only we can connect to it."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return False
    ours = stat.S_ISSOCK(status.st_mode) and status.st_uid == os.geteuid()
    return ours and not stat.S_IMODE(status.st_mode) & 0o077
