import asyncio
import contextlib
import gc
import os
import socket
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import pytest_asyncio

from pam_module.listener import starting_alone
from pam_module.protocol import Frame
from pushgate.errors import PushgateError
from tests.support.pamclient import APPROVED, ListenerUnderTest, request_frame, running_listener

# Gives up root, connects, and prints what it gets; kept to built-in modules, so that nobody may run it.
STRANGER = """
import os, socket, sys
client = socket.socket(socket.AF_UNIX)
os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    client.connect(sys.argv[1])
    print(client.recv(10))
except OSError as error:
    print(type(error).__name__)
"""

# Gives up root, locks a folder and the lock in it, prints which of the two it could lock, and waits.
LOCKER = """
import fcntl, os, sys
os.setgroups([]); os.setgid(65534); os.setuid(65534)
locked = []
for path in (sys.argv[1], sys.argv[1] + "/pam.sock.lock"):
    try:
        fcntl.flock(os.open(path, os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)
        locked.append(True)
    except OSError:
        locked.append(False)
print(locked, flush=True)
sys.stdin.read()
"""


@pytest_asyncio.fixture
async def listener(tmp_path: Path) -> ListenerUnderTest:
    """Return a listener that has not started."""
    return ListenerUnderTest(tmp_path / "pam.sock", None, 10)


async def run_stranger(path: Path) -> str:
    """Connect as nobody and return what happened."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-IS", "-c", STRANGER, str(path), stdout=subprocess.PIPE
    )
    output, _ = await child.communicate()
    return output.decode().strip()


async def test_socket_is_private_from_the_first_moment(tmp_path: Path) -> None:
    """The socket is open to its owner alone, whatever the umask says, and gone after the end."""
    before = os.umask(0)
    try:
        async with running_listener(tmp_path) as test:
            assert stat.S_IMODE(test.socket.stat().st_mode) == 0o600
    finally:
        os.umask(before)
    assert not test.socket.exists()


@pytest.mark.root
async def test_stranger_cannot_connect() -> None:
    """Another user cannot connect; where somebody has opened the socket's mode, the daemon closes without a byte."""
    with tempfile.TemporaryDirectory() as name:
        async with running_listener(Path(name)) as test:
            os.chmod(name, 0o755)  # noqa: PTH101 - two quick system calls
            assert await run_stranger(test.socket) == "PermissionError"
            test.socket.chmod(0o666)
            assert await run_stranger(test.socket) == "b''"
            assert test.core.logins == []


async def test_stale_socket_is_replaced(tmp_path: Path, listener: ListenerUnderTest) -> None:
    """A socket at which nobody answers is replaced."""
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(listener.socket))
    await listener.listener.start()
    await listener.connect()
    listener.modules[0].close()
    await listener.listener.stop()


async def test_live_socket_is_left_alone(tmp_path: Path, listener: ListenerUnderTest) -> None:
    """A daemon does not take the socket of one that answers, which goes on answering."""
    async with running_listener(tmp_path) as first:
        with pytest.raises(PushgateError, match="another daemon answers there") as caught:
            await listener.listener.start()
        assert caught.value.hint
        await listener.listener.stop()
        module = await first.login()
        first.core.decision.set_result(APPROVED)
        assert await module.receive_all() == [Frame(b"R", b"\0")]


async def test_busy_socket_is_left_alone(tmp_path: Path, listener: ListenerUnderTest) -> None:
    """A socket whose queue is full belongs to somebody too."""
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as client:
        busy.bind(str(listener.socket))
        busy.listen(0)
        client.connect(str(listener.socket))
        with pytest.raises(PushgateError, match="another daemon answers there"):
            await listener.listener.start()
    assert listener.socket.exists()


async def test_the_socket_of_systemd_stays_with_those_who_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login that comes between two daemons waits in the socket that systemd keeps, and the second one serves it."""
    path = tmp_path / "pam.sock"
    with socket.socket(socket.AF_UNIX) as kept:
        kept.bind(str(path))
        kept.listen()
        kept.setblocking(False)
        monkeypatch.setattr("pam_module.listener.inherited_socket", lambda path, environment: kept.dup())
        async with running_listener(tmp_path):
            pass
        assert path.is_socket()
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(request_frame())
        async with running_listener(tmp_path) as second:
            second.core.decision.set_result(APPROVED)
            assert await reader.read() == b"R\0\1\0"
        writer.close()
        await writer.wait_closed()


async def test_other_files_are_left_alone(tmp_path: Path, listener: ListenerUnderTest) -> None:
    """A file that is no socket is not removed, nor is what a link points to."""
    listener.socket.write_text("precious")
    with pytest.raises(PushgateError, match="not a socket"):
        await listener.listener.start()
    listener.socket.rename(tmp_path / "file")
    listener.socket.symlink_to(tmp_path / "file")
    with pytest.raises(PushgateError, match="not a socket"):
        await listener.listener.start()
    assert (tmp_path / "file").read_text() == "precious"


async def test_two_daemons_that_start_together(tmp_path: Path, listener: ListenerUnderTest) -> None:
    """While one daemon is starting, a second one gives up instead of removing the first one's socket."""
    with starting_alone(listener.socket), pytest.raises(PushgateError, match="another daemon is starting"):
        await listener.listener.start()


@pytest.mark.root
async def test_stranger_cannot_keep_the_daemon_from_starting() -> None:
    """A user who locks whatever can be opened in the socket's folder does not stop a daemon from starting there."""
    # A folder that everybody may enter and only root may write, as /run/pushgate is.
    with tempfile.TemporaryDirectory(dir="/var/lib") as name:
        async with running_listener(Path(name)):
            os.chmod(name, 0o755)  # noqa: PTH101 - a quick system call
        locker = await asyncio.create_subprocess_exec(
            sys.executable, "-IS", "-c", LOCKER, name, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert locker.stdout
            assert await locker.stdout.readline() == b"[True, False]\n"
            async with running_listener(Path(name)) as test:
                assert test.socket.exists()
        finally:
            await locker.communicate(b"")


async def test_lock_is_no_link(tmp_path: Path, listener: ListenerUnderTest) -> None:
    """A link in place of the lock is not followed."""
    (tmp_path / "pam.sock.lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(PushgateError, match=r"pam\.sock\.lock: too many levels"):
        await listener.listener.start()
    assert not (tmp_path / "elsewhere").exists()


async def test_newer_socket_survives_the_older_daemon(tmp_path: Path) -> None:
    """A daemon that ends does not remove a socket that is not its own any more."""
    async with running_listener(tmp_path) as test:
        test.socket.unlink()
        with socket.socket(socket.AF_UNIX) as newer:
            newer.bind(str(test.socket))
    assert test.socket.exists()


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o1777])
async def test_unsafe_folder(tmp_path: Path, mode: int) -> None:
    """A folder in which others may write is refused, sticky or not."""
    folder = tmp_path / "run"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(PushgateError, match="writable by others"):
        await ListenerUnderTest(folder / "pam.sock", None, 10).listener.start()


async def test_missing_folder_is_made(tmp_path: Path) -> None:
    """A folder that is missing is made; one whose parent is missing too is an error with a hint."""
    async with running_listener(tmp_path / "run") as test:
        assert stat.S_IMODE(test.socket.parent.stat().st_mode) & 0o022 == 0
    with pytest.raises(PushgateError) as caught:
        await ListenerUnderTest(tmp_path / "a" / "b" / "pam.sock", None, 10).listener.start()
    assert caught.value.hint


async def test_path_that_no_socket_can_have(tmp_path: Path) -> None:
    """A path longer than the kernel allows is an error with a hint."""
    with pytest.raises(PushgateError, match="longer than 107 bytes"):
        await ListenerUnderTest(tmp_path / ("a" * 120), None, 10).listener.start()


async def test_pending_limit(tmp_path: Path) -> None:
    """A connection beyond the limit gets SERVICE_ERR at once; the others are not touched, and room comes back."""
    async with running_listener(tmp_path, max_pending=2) as test:
        waiting = [await test.login(), await test.login()]
        await test.until(lambda: len(test.core.logins) == 2)
        refused = await test.connect()
        assert await refused.receive_all() == [Frame(b"R", b"\x03")]
        waiting[0].close()
        await test.until(lambda: len(test.listener.connections) == 1)
        test.core.asked.clear()
        third = await test.login()
        test.core.decision.set_result(APPROVED)
        assert await third.receive_all() == await waiting[1].receive_all() == [Frame(b"R", b"\0")]


async def test_stop_withdraws(tmp_path: Path) -> None:
    """A daemon that stops withdraws what is pending and closes without an answer, which the module takes for no."""
    async with running_listener(tmp_path) as test:
        module = await test.login()
        await test.listener.stop()
        assert await test.core.withdrawn == "the daemon stops"
        assert await module.receive_all() == []
        assert not test.socket.exists()


@pytest.mark.parametrize("steps", range(8))
async def test_a_connection_that_comes_as_the_listener_stops(tmp_path: Path, steps: int) -> None:
    """A module that connects in whatever step of the listener's end is let go, and no socket is left behind."""
    async with running_listener(tmp_path) as test:
        with socket.socket(socket.AF_UNIX) as module:
            module.connect(str(test.socket))
            for _ in range(steps):
                await asyncio.sleep(0)
            await test.listener.stop()
            module.settimeout(5)
            # Reset, where it was never taken out of the queue.
            with contextlib.suppress(ConnectionResetError):
                assert module.recv(1) == b""
    gc.collect()
