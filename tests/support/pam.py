"""The PAM module in tests: build it, put it into a stack, drive it with pamtester, answer it."""

import asyncio
import functools
import os
import secrets
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pam_module.listener import PamListener, PamOptions
from pam_module.options import ServiceOptions
from pushgate.clock import SystemClock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from tests.support.processes import wait_until

Answer = Callable[[Login, Conversation], Awaitable[Decision]]

MODULE_FOLDER = Path(__file__).parents[2] / "pam_module"
PAM_FOLDER = Path("/etc/pam.d")
PAM_WRAPPER = "libpam_wrapper.so"
SERVICES = {"sshd": ServiceOptions(), "sudo": ServiceOptions()}
PERMIT_THE_REST = ("account required pam_permit.so", "session required pam_permit.so")
ACCEPTED = "pamtester: successfully authenticated"


@functools.cache
def built_module() -> Path:
    """Build the module if its source is newer, and return its path."""
    subprocess.run(["make", "--silent", "-C", MODULE_FOLDER], check=True, env=dict(os.environ, MAKEFLAGS=""))
    return MODULE_FOLDER / "build" / "pam_pushgate.so"


def module_line(socket: Path, *options: str, module: Path | None = None) -> str:
    """Write the line of a stack that loads the module."""
    return " ".join(("auth required", str(module or built_module()), f"socket={socket}", *options))


@contextmanager
def pam_service(*auth_lines: str, folder: Path = PAM_FOLDER) -> Iterator[str]:
    """Write a PAM service of a name that nobody else has, give its name, and remove it."""
    name = f"pushgate-test-{secrets.token_hex(4)}"
    path = folder / name
    path.write_text("\n".join((*auth_lines, *PERMIT_THE_REST)) + "\n")
    path.chmod(0o644)
    try:
        yield name
    finally:
        path.unlink()


def pamtester(
    service: str,
    user: str,
    *,
    typed: str = "",
    typed_after: float = 0.0,
    environment: dict[str, str] | None = None,
    as_uid: int | None = None,
    options: tuple[str, ...] = (),
) -> str:
    """Run one real PAM conversation, and return what a person would see; the last line is PAM's verdict."""
    process = subprocess.Popen(
        # Line by line, so that texts and the verdict, which go to two streams, stay in order.
        ["stdbuf", "--output=L", "pamtester", *options, service, user, "authenticate"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"PATH": "/usr/bin:/bin:/usr/sbin", "LC_ALL": "C", **(environment or {})},
        user=as_uid,
        group=as_uid,
        extra_groups=None if as_uid is None else [],
        cwd="/",
    )
    time.sleep(typed_after)
    return process.communicate(typed, timeout=60)[0]


def approve(after: float = 0.0) -> Answer:
    """Approve every login after some seconds."""
    return decide(Decision(True, Reason.APPROVED, "audit-approved"), after)


def deny(after: float = 0.0) -> Answer:
    """Deny every login after some seconds."""
    return decide(Decision(False, Reason.DENIED, "audit-denied"), after)


def ignore(seconds: float) -> Answer:
    """Leave every login unanswered until its deadline."""
    return decide(Decision(False, Reason.EXPIRED, "audit-expired"), seconds)


def decide(decision: Decision, after: float) -> Answer:
    """Announce the push, wait, decide."""

    async def answer(login: Login, conversation: Conversation) -> Decision:
        await conversation.tell("Push sent. Please approve it.")
        await asyncio.sleep(after)
        return decision

    return answer


@dataclass
class Cancellation:
    """A login that was withdrawn, and why."""

    login: Login
    reason: str


class PamDaemon:
    """The real listener in a thread, with a scripted core behind it."""

    def __init__(
        self,
        socket: Path,
        answer: Answer,
        *,
        timeout: float = 60.0,
        allowed_peer_uids: frozenset[int] = frozenset(),
        max_pending: int = 1000,
        services: Mapping[str, ServiceOptions] | None = None,
    ) -> None:
        self.options = PamOptions(socket, allowed_peer_uids, services or SERVICES, timeout, max_pending)
        self.answer = answer
        self.logins: list[Login] = []
        self.cancelled: list[Cancellation] = []
        self.ready = threading.Event()
        self.thread = threading.Thread(target=lambda: asyncio.run(self.run()), name="pam-daemon")
        self.loop: asyncio.AbstractEventLoop | None = None
        self.ending: asyncio.Event | None = None

    def __enter__(self) -> "PamDaemon":
        self.thread.start()
        assert self.ready.wait(10), "the listener did not start"
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop the listener, as a daemon does that is told to end."""
        if not self.thread.is_alive():
            return
        assert self.loop is not None
        assert self.ending is not None
        self.loop.call_soon_threadsafe(self.ending.set)
        self.thread.join(10)
        assert not self.thread.is_alive(), "the listener did not stop"

    async def run(self) -> None:
        """Serve until the test is done."""
        self.loop, self.ending = asyncio.get_running_loop(), asyncio.Event()
        listener = PamListener(self.options, self.authenticate, SystemClock())
        await listener.start()
        self.ready.set()
        await self.ending.wait()
        await listener.stop()

    async def authenticate(self, login: Login, conversation: Conversation) -> Decision:
        """Stand where the core stands: note the login, answer as scripted, note a withdrawal."""
        self.logins.append(login)
        try:
            return await self.answer(login, conversation)
        except asyncio.CancelledError as error:
            self.cancelled.append(Cancellation(login, str(error)))
            raise

    def wait_for_login(self, within: float = 10.0) -> Login:
        """Wait for the first login."""
        wait_until(lambda: bool(self.logins), within, "a login")
        return self.logins[0]

    def wait_for_cancellation(self, within: float) -> Cancellation:
        """Wait for the first withdrawal."""
        wait_until(lambda: bool(self.cancelled), within, "a withdrawal")
        return self.cancelled[0]
