"""The unix socket that the module connects to."""

import asyncio
import contextlib
import errno
import fcntl
import functools
import os
import socket
import stat
import struct
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from pam_module.accounts import FileAccounts, NssAccounts
from pam_module.activation import inherited_socket
from pam_module.codes import PamCode
from pam_module.connection import Authenticate, Desk, PamConnection
from pam_module.identify import AccountSources
from pam_module.openssh import OpenSshVersions
from pam_module.options import ServiceOptions
from pam_module.requesters import Requesters
from pushgate.clock import Clock
from pushgate.conversation import Conversation
from pushgate.decision import Decision
from pushgate.errors import PushgateError, where
from pushgate.files import check_folders
from pushgate.login import Login
from pushgate.text import clean

log = structlog.get_logger()

BACKLOG = 1024
ACCEPT_PAUSE_SECONDS = 0.5
LOOKUP_THREADS = 8
MAX_PATH = 107
"""Bytes in ``sun_path`` without its closing NUL."""


@dataclass(frozen=True, slots=True)
class PamOptions:
    """How the PAM front end listens."""

    socket: Path
    allowed_peer_uids: frozenset[int]
    """Users that may connect beside root."""
    services: Mapping[str, ServiceOptions]
    """Services that the configuration names; a login to another one is the core's to refuse."""
    timeout: float
    """Seconds that the daemon may take; less than the module's own limit."""
    max_pending: int
    """Connections at the same time."""


class PamListener:
    """Accepts the module's connections and serves each in a task of its own."""

    def __init__(self, options: PamOptions, authenticate: Authenticate, clock: Clock) -> None:
        self.options, self.authenticate, self.clock = options, authenticate, clock
        self.connections: set[asyncio.Task[None]] = set()
        self.accepting: asyncio.Task[None] | None = None
        self.listening: socket.socket | None = None
        self.inode: tuple[int, int] | None = None
        """Of the socket that was made here."""
        threads = ThreadPoolExecutor(LOOKUP_THREADS, thread_name_prefix="pam-lookup")
        accounts = AccountSources(FileAccounts(), NssAccounts(), threads)
        self.desk = Desk(self.ask_core, clock, accounts, Requesters(clock), OpenSshVersions())

    async def start(self) -> None:
        """Make the socket, open to root alone from its first moment, or take systemd's; accept.

        Raises:
            PushgateError: the folder is unsafe, or another daemon answers at the socket.
        """
        path = self.options.socket
        prepare_folder(path)
        self.listening = inherited_socket(path, os.environ)
        if self.listening is None:
            with starting_alone(path):
                remove_stale_socket(path)
                self.listening = listen_privately(path)
                status = path.lstat()
            self.inode = (status.st_dev, status.st_ino)
        self.accepting = asyncio.create_task(self.accept(self.listening))
        log.info("pam_listening", socket=str(path))

    async def stop(self) -> None:
        """Close the socket and withdraw every login that still waits."""
        if self.accepting and self.listening:
            self.accepting.cancel()
            await asyncio.wait([self.accepting])
            self.listening.close()
        for task in tuple(self.connections):
            task.cancel()
        if self.connections:
            await asyncio.wait(tuple(self.connections))
        self.desk.accounts.threads.shutdown(wait=False, cancel_futures=True)
        # A newer daemon may have put its own socket there; systemd's stays, with those who wait in its queue.
        with contextlib.suppress(FileNotFoundError):
            status = self.options.socket.lstat()
            if (status.st_dev, status.st_ino) == self.inode:
                self.options.socket.unlink()

    async def accept(self, listening: socket.socket) -> None:
        """Take connections for ever."""
        while True:
            try:
                # Not sock_accept(): cancelled in the step in which it ends, it would lose the connection it has taken.
                await readable(listening)
                connection, _ = listening.accept()
                connection.setblocking(False)
            except BlockingIOError:
                continue
            except OSError as error:
                # Out of descriptors or memory: those who wait in the queue are served when some are free again.
                log.error("pam_accept_failed", problem=error.strerror)
                await self.clock.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            task = asyncio.create_task(self.serve(connection))
            self.connections.add(task)
            # Closed here and not in the task: one that is cancelled before its first step never runs at all.
            task.add_done_callback(functools.partial(self.ended, connection))

    async def serve(self, connection: socket.socket) -> None:
        """Answer one login, if its sender may be here and there is room for it."""
        pid, uid = peer_of(connection)
        if uid != 0 and uid not in self.options.allowed_peer_uids:
            log.warning("pam_refused_peer", pid=pid, uid=uid)
            return
        login = PamConnection(connection, self.desk, self.options.services, self.options.timeout)
        if len(self.connections) > self.options.max_pending:
            log.warning("pam_overloaded", pid=pid, max_pending=self.options.max_pending)
            login.send_result(PamCode.SERVICE_ERR)
            return
        try:
            await login.serve(pid)
        except Exception as error:  # noqa: BLE001 - whatever it is, that login is refused and the others go on
            log.error("pam_internal_error", error=type(error).__name__, where=where(error))

    def ended(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        """Forget a connection that has been served."""
        self.connections.discard(task)
        connection.close()

    def replace_services(self, services: Mapping[str, ServiceOptions]) -> None:
        """Take other services over, as a reload brings them; logins that are pending go on."""
        self.options = replace(self.options, services=services)

    async def ask_core(self, login: Login, conversation: Conversation) -> Decision:
        """Ask the core, with a hint in the log where the administrator has forgotten a line."""
        if login.service not in self.options.services:
            hint = "name it under pam.services if its logins are meant to come here"
            log.warning("pam_service_not_configured", service=clean(login.service, 64), hint=hint)
        return await self.authenticate(login, conversation)


async def readable(listening: socket.socket) -> None:
    """Wait until somebody may be there."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    loop.add_reader(listening, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(listening)


def peer_of(connection: socket.socket) -> tuple[int, int]:
    """Tell pid and user id of the process at the other end; the kernel's word."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _ = struct.unpack("3i", credentials)
    return pid, uid


def prepare_folder(path: Path) -> None:
    """Make the socket's folder if it is missing, and refuse one in which others could swap the socket.

    Raises:
        PushgateError: it is unsafe or cannot be made.
    """
    if len(os.fsencode(path)) > MAX_PATH:
        raise PushgateError(f"{path}: longer than {MAX_PATH} bytes", "choose a shorter path for pam.socket")
    try:
        path.parent.mkdir(mode=0o755, exist_ok=True)
        check_folders(path.parent)
    except OSError as error:
        reason = (error.strerror or "error").lower()
        raise PushgateError(f"{path.parent}: {reason}", "make the folder, owned by root, mode 0755") from None


@contextlib.contextmanager
def starting_alone(path: Path) -> Generator[None]:
    """Hold a lock, so that two daemons that start together do not remove each other's socket.

    The lock is a file that only its owner can open. Everybody can open the folder, so a lock on that would let any
    user keep the daemon from starting.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path.with_name(path.name + ".lock"), flags, 0o600)
    except OSError as error:
        raise PushgateError(f"{path}.lock: {(error.strerror or 'error').lower()}", "remove it") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise PushgateError(f"{path}: another daemon is starting here", "wait until it runs, or stop it") from None
    finally:
        os.close(descriptor)


def remove_stale_socket(path: Path) -> None:
    """Remove a socket that a dead daemon left behind.

    Raises:
        PushgateError: somebody answers there, or it is no socket.
    """
    try:
        status = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise PushgateError(f"{path}: exists and is not a socket", "remove it, or choose another path for pam.socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        refused = probe.connect_ex(os.fspath(path)) == errno.ECONNREFUSED
    # Any other result, also "try again" of a full queue, means that somebody listens.
    if not refused:
        raise PushgateError(f"{path}: another daemon answers there", "stop it, or choose another path for pam.socket")
    path.unlink()


def listen_privately(path: Path) -> socket.socket:
    """Listen at a socket that only its owner can connect to.

    Linux gives the file the mode of the unbound socket: so there is no moment at which it is open to others, and no
    umask, which would hold for all threads, is changed.
    """
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        os.fchmod(listening.fileno(), 0o600)
        listening.setblocking(False)
        listening.bind(os.fspath(path))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        raise PushgateError(f"{path}: {(error.strerror or 'error').lower()}", "check the folder's owner") from None
    return listening
