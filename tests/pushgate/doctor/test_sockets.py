"""The daemon's sockets are looked at, and connected to."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pushgate.doctor.sockets import check_control_socket, check_pam_socket
from tests.support.doctor import told, wrong


@contextmanager
def listening(path: Path, mode: int = 0o600) -> Iterator[socket.socket]:
    """Listen at a path."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        path.chmod(mode)
        listener.listen()
        yield listener


def test_a_socket_of_ours(private_folder: Path) -> None:
    """A daemon that listens privately has nothing wrong, and is really connected to."""
    path = private_folder / "pam.sock"
    with listening(path) as listener:
        assert told(list(check_pam_socket(path))) == {"ok": ["socket-mode", "socket-peer"]}
        listener.setblocking(False)
        listener.accept()[0].close()
    assert wrong(list(check_pam_socket(path))) == ["socket-missing"]


def test_nothing_there(private_folder: Path) -> None:
    """A socket that is missing is an error, and so is a file in its place."""
    path = private_folder / "pam.sock"
    assert wrong(list(check_pam_socket(path))) == ["socket-missing"]
    assert wrong(list(check_control_socket(path))) == ["control-socket"]
    path.touch(mode=0o600)
    assert wrong(list(check_pam_socket(path))) == ["socket-mode"]


@pytest.mark.parametrize("mode", [0o660, 0o666, 0o601])
def test_a_socket_that_others_can_connect_to(private_folder: Path, mode: int) -> None:
    """A socket that is open to others is an error, of either kind."""
    path = private_folder / "pam.sock"
    with listening(path, mode):
        assert wrong(list(check_pam_socket(path))) == ["socket-mode"]
        assert wrong(list(check_control_socket(path))) == ["control-socket"]


def test_a_folder_that_others_can_write(private_folder: Path) -> None:
    """A folder in which others could swap the socket is an error."""
    folder = private_folder / "run"
    folder.mkdir()
    folder.chmod(0o777)
    with listening(folder / "pam.sock"):
        assert wrong(list(check_pam_socket(folder / "pam.sock"))) == ["socket-mode"]


def test_a_link_is_not_followed(private_folder: Path) -> None:
    """A link to a socket is none, as the module itself says."""
    path = private_folder / "pam.sock"
    with listening(path):
        (private_folder / "link").symlink_to(path)
        assert wrong(list(check_pam_socket(private_folder / "link"))) == ["socket-mode"]


def test_a_daemon_of_another_user(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that a stranger runs is refused by the kernel's word, whoever owns the socket's file."""

    class Stranger(socket.socket):
        """Connects to a daemon that the kernel says is another user's."""

        def getsockopt(self, *_: int) -> bytes:  # type: ignore[override]
            return struct.pack("3i", 1, os.geteuid() + 1, 0)

    path = private_folder / "pam.sock"
    with listening(path):
        monkeypatch.setattr("pushgate.doctor.sockets.socket.socket", Stranger)
        assert wrong(list(check_pam_socket(path))) == ["socket-peer"]


def test_the_control_socket(private_folder: Path) -> None:
    """A private control socket has nothing wrong."""
    with listening(private_folder / "control.sock"):
        assert told(list(check_control_socket(private_folder / "control.sock"))) == {"ok": ["control-socket"]}
