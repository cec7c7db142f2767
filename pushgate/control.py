"""The daemon's own unix socket: whoever may open it can reload the configuration and read the counters."""

import contextlib
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_socket_folder

log = structlog.get_logger()

BACKLOG = 8
MAX_BODY = 1024
KEEPALIVE_SECONDS = 5.0
SHUTDOWN_SECONDS = 1.0

Report = Mapping[str, Any]


class Control:
    """Serves two calls over HTTP: ``POST /reload`` and ``GET /status``; each answers with a JSON object."""

    def __init__(self, path: Path, reload: Callable[[], Awaitable[Report]], status: Callable[[], Report]) -> None:
        """Take the socket's path and what answers the calls.

        Args:
            path: Created 0600: only the daemon's user and root may connect.
            reload: Reads the configuration anew; raises ``ConfigurationError`` and has changed nothing then.
            status: Says how things stand.
        """
        self.path, self.reload, self.status = path, reload, status
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
        self.runner = web.AppRunner(
            application,
            handle_signals=False,
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
            problems = [{"message": problem.message, "hint": problem.hint} for problem in error.problems]
            return web.json_response({"ok": False, "problems": problems}, status=409)

    async def answer_status(self, _: web.Request) -> web.Response:
        """Say how things stand."""
        return web.json_response(self.status())


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
