"""The module asks nobody but the daemon of the right user, at a socket that only that user can have put there."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from tests.support.pam import module_line
from tests.support.pam_bench import APPROVE, AUTHINFO_UNAVAIL, NOBODY, SUCCESS, Bench

pytestmark = pytest.mark.system


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777])
def test_writable_folder(bench: Bench, mode: int) -> None:
    """In a folder where others may write, the socket could be anybody's: not even an approval counts."""
    bench.start_daemon(APPROVE)
    bench.folder.chmod(mode)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_folder_that_is_a_link(bench: Bench) -> None:
    """A link is no folder: whoever may change the link chooses the daemon."""
    bench.start_daemon(APPROVE)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        link = Path(name) / "run"
        link.symlink_to(bench.folder)
        line = module_line(link / "pam.sock", f"daemon_uid={bench.daemon_uid}", module=bench.module)
        assert bench.authenticate(line=line) == [AUTHINFO_UNAVAIL]


def test_socket_that_is_a_link(bench: Bench) -> None:
    """A link to the right socket is not the socket."""
    bench.start_daemon(APPROVE)
    bench.socket.rename(bench.folder / "real.sock")
    bench.socket.symlink_to(bench.folder / "real.sock")
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_file_instead_of_a_socket(bench: Bench) -> None:
    """A file is no socket."""
    bench.socket.write_text("")
    if bench.as_uid is not None:
        os.chown(bench.socket, bench.as_uid, -1)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_full_listen_queue(bench: Bench) -> None:
    """A daemon whose queue is full costs 2 s, not for ever."""
    bench.start_daemon(queue=0)
    start = time.monotonic()
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]
    assert 1.5 < time.monotonic() - start < 4


def test_daemon_of_another_user(bench: Bench) -> None:
    """A daemon that is not the expected user's is refused, although it approves."""
    bench.start_daemon(APPROVE)
    line = module_line(bench.socket, f"daemon_uid={bench.daemon_uid + 1}", module=bench.module)
    assert bench.authenticate(line=line) == [AUTHINFO_UNAVAIL]


@pytest.mark.root
def test_wrong_owner_of_the_socket(root_bench: Bench) -> None:
    """A socket that belongs to nobody is refused, although root serves it."""
    root_bench.start_daemon(APPROVE)
    os.chown(root_bench.socket, NOBODY, NOBODY)
    assert root_bench.authenticate() == [AUTHINFO_UNAVAIL]
    os.chown(root_bench.socket, 0, 0)
    assert root_bench.authenticate() == [SUCCESS]


@pytest.mark.root
def test_wrong_owner_of_the_folder(root_bench: Bench) -> None:
    """A folder that belongs to nobody is refused, although root's socket lies in it."""
    root_bench.start_daemon(APPROVE)
    os.chown(root_bench.folder, NOBODY, NOBODY)
    assert root_bench.authenticate() == [AUTHINFO_UNAVAIL]


@pytest.mark.root
def test_wrong_user_behind_the_socket(root_bench: Bench) -> None:
    """A daemon that nobody runs is refused, although its socket and folder belong to root."""
    os.chown(root_bench.folder, NOBODY, NOBODY)
    root_bench.start_daemon(APPROVE, uid=NOBODY)
    os.chown(root_bench.folder, 0, 0)
    os.chown(root_bench.socket, 0, 0)
    assert root_bench.authenticate() == [AUTHINFO_UNAVAIL]
