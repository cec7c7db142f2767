"""Serve until a signal comes; set up what the daemon says."""

import asyncio
import contextlib
import gc
import logging
import resource
import signal
import sys
from asyncio import sslproto
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

from pushgate.build import begin, start_parts, status_of
from pushgate.clock import SystemClock
from pushgate.control import Control
from pushgate.errors import where
from pushgate.reload import Reloader
from pushgate.sections.daemon import LogSettings
from pushgate.settings import Settings
from pushgate.unlock import Unlocker

log = structlog.get_logger()

TLS_BUFFER_SIZE = 16 * 1024
"""What a TLS connection keeps for reading; asyncio keeps 256 KiB, and a record has 16 KiB (RFC 8446 section 5.1)."""


class LogStream:
    """Standard error, but for its faults: a full disk or a closed pipe must not make a log line end a login."""

    def write(self, text: str) -> None:
        """Write, or lose the line."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        """Hand over what was written, or lose it."""
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()


def set_up_logging(settings: LogSettings) -> None:
    """Write events to standard error, as text or JSON lines; libraries are heard from warning on."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    logging.basicConfig(stream=sys.stderr, level=max(level, logging.WARNING), format="%(name)s: %(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Tracebacks without the values of variables: those can be passwords.
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer()
            if settings.format == "json"
            else structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, LogStream())),
        cache_logger_on_first_use=False,
    )


def raise_descriptor_limit() -> None:
    """Use all the file descriptors that we may have: each waiting login holds one or two, and 1024 is the default."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle_memory() -> None:
    """Let the collector of garbage leave alone what the start has made, and look seldom at what logins make.

    A pending login is a few dozen objects that all live on: looked through at the default rate, 10,000 of them take
    twice the time to come in. What one leaves behind is in no circle, so it goes without the collector.

    asyncio has no parameter for the buffer that each TLS connection holds, and each login that waits for a provider
    holds a connection.
    """
    sslproto.SSLProtocol.max_size = TLS_BUFFER_SIZE
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def report_fault(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what asyncio found without its text, which asyncio's own handler would print: it may quote a secret."""
    error = context.get("exception")
    found = {"error": type(error).__name__, "where": where(error)} if isinstance(error, BaseException) else {}
    log.error("unexpected_error", problem=context["message"], **found)


async def serve(path: Path, settings: Settings) -> None:
    """Run every part that the configuration names until SIGTERM or SIGINT; then withdraw what is pending.

    SIGHUP takes the changed file over.

    Args:
        path: The configuration file.
        settings: What it says.

    Raises:
        PushgateError: if a part cannot start.
    """
    raise_descriptor_limit()
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(report_fault)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with AsyncExitStack() as stack:
        clock = SystemClock()
        parts = await start_parts(settings, clock, stack)
        reloader = Reloader(path, settings, parts, clock)
        stack.push_async_callback(reloader.close)
        loop.add_signal_handler(signal.SIGHUP, reloader.reload_in_background)
        if settings.control is not None:
            unlocker = Unlocker(parts.authenticator) if parts.authenticator else None
            control = Control(settings.control.socket, reloader.reload, lambda: status_of(parts), unlocker)
            await begin(stack, control.start, control.stop)
            if unlocker is not None:
                stack.push_async_callback(unlocker.close)
        log.info(
            "ready",
            radius=parts.radius.ports if parts.radius else None,
            radsec=parts.radsec.ports if parts.radsec else None,
            pam=str(settings.pam.socket) if settings.pam else None,
            page=parts.authority.page_url if parts.authority else None,
        )
        settle_memory()
        await stopping.wait()
        log.info("stopping")
