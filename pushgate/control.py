"""The daemon's own unix socket: whoever may open it can reload the configuration and read the counters."""

import contextlib
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog
from aiohttp import web

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_socket_folder

log = structlog.get_logger()

BACKLOG = 8
MAX_BODY = 8192
KEEPALIVE_SECONDS = 5.0
SHUTDOWN_SECONDS = 1.0

Report = Mapping[str, Any]


class Unlocking(Protocol):
    """Letting people in for a while without asking; each call raises ``PushgateError`` and has changed nothing then."""

    async def unlock(self, asked: Mapping[str, Any]) -> Report:
        """Ask the person once, then open what was asked for; cancelled when nobody waits for it any more."""

    def lock(self, asked: Mapping[str, Any]) -> Report:
        """Forget what a user has allowed."""

    def show_open(self) -> Report:
        """List what is open."""


class Control:
    """Serves a few calls over HTTP; each answers with a JSON object.

    ``POST /reload``, ``GET /status``, ``POST /unlock``, ``POST /lock``, ``GET /unlocked``.
    """

    def __init__(
        self,
        path: Path,
        reload: Callable[[], Awaitable[Report]],
        status: Callable[[], Report],
        unlocking: Unlocking | None = None,
    ) -> None:
        """Take the socket's path and what answers the calls.

        Args:
            path: Created 0600: only the daemon's user and root may connect.
            reload: Reads the configuration anew; raises ``ConfigurationError`` and has changed nothing then.
            status: Says how things stand.
            unlocking: Opens for a while; None where this daemon asks nobody.
        """
        self.path, self.reload, self.status, self.unlocking = path, reload, status, unlocking
        self.runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            PushgateError: the socket cannot be had, or its folder is not ours alone.
        """
        check_socket_folder(self.path)
        application = web.Application(client_max_size=MAX_BODY)
        application.router.add_post("/reload", self.answer_reload)
        application.router.add_get("/status", self.answer_status, allow_head=False)
        application.router.add_post("/unlock", self.answer_unlock)
        application.router.add_post("/lock", self.answer_lock)
        application.router.add_get("/unlocked", self.answer_unlocked, allow_head=False)
        self.runner = web.AppRunner(
            application,
            handle_signals=False,
            # Ctrl-C in `pushgate unlock` closes the connection, and that withdraws the question.
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=KEEPALIVE_SECONDS,
            shutdown_timeout=SHUTDOWN_SECONDS,
        )
        await self.runner.setup()
        await web.SockSite(self.runner, open_socket(self.path), backlog=BACKLOG).start()

    async def stop(self) -> None:
        """Stop listening and remove the socket."""
        if self.runner is not None:
            await self.runner.cleanup()
            self.path.unlink(missing_ok=True)

    async def answer_reload(self, _: web.Request) -> web.Response:
        """Reload, and say what has changed or what is wrong."""
        try:
            return web.json_response({"ok": True, **await self.reload()})
        except ConfigurationError as error:
            return refusal(error.problems)

    async def answer_status(self, _: web.Request) -> web.Response:
        """Say how things stand."""
        return web.json_response(self.status())

    async def answer_unlock(self, request: web.Request) -> web.Response:
        """Ask the person, then open; or say why not."""
        try:
            return web.json_response({"ok": True, **await self.wanted().unlock(await read_object(request))})
        except PushgateError as error:
            return refusal([error])

    async def answer_lock(self, request: web.Request) -> web.Response:
        """Forget what a user has allowed."""
        try:
            return web.json_response({"ok": True, **self.wanted().lock(await read_object(request))})
        except PushgateError as error:
            return refusal([error])

    async def answer_unlocked(self, _: web.Request) -> web.Response:
        """List what is open."""
        try:
            return web.json_response({"ok": True, **self.wanted().show_open()})
        except PushgateError as error:
            return refusal([error])

    def wanted(self) -> Unlocking:
        """Return what opens.

        Raises:
            PushgateError: this daemon asks nobody, so nothing can be opened.
        """
        if self.unlocking is None:
            raise PushgateError("this daemon asks nobody, so it can unlock nothing", "ask the one that has a provider")
        return self.unlocking


def refusal(problems: Sequence[PushgateError]) -> web.Response:
    """Answer that nothing was done, and why."""
    shown = [{"message": problem.message, "hint": problem.hint} for problem in problems]
    return web.json_response({"ok": False, "problems": shown}, status=409)


async def read_object(request: web.Request) -> Mapping[str, Any]:
    """Read the JSON object of a request.

    Raises:
        PushgateError: it is none.
    """
    try:
        body = await request.json()
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise PushgateError("the request holds no JSON object", "use pushgate unlock")
    return body


def open_socket(path: Path) -> socket.socket:
    """Bind the socket, 0600 from its first moment; one that a dead daemon left is replaced.

    Raises:
        PushgateError: another daemon answers there, or the file system refuses.
    """
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        # Before it has a name: Linux gives the file the mode of the socket, less the umask.
        os.fchmod(listener.fileno(), 0o600)
        remove_dead(path)
        listener.bind(str(path))
    except OSError as error:
        listener.close()
        hint = "stop the other daemon, or give this one another control.socket"
        raise PushgateError(f"{path}: cannot listen ({os.strerror(error.errno or 0).lower()})", hint) from None
    return listener


def remove_dead(path: Path) -> None:
    """Remove a socket that nobody serves any more."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(FileNotFoundError):
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            # Also what connecting to a plain file says.
            if stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
