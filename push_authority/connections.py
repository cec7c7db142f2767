"""What a plane allows whoever connects: a bounded number of connections, and none of their bytes in the log."""

import asyncio
import logging
import resource
from collections.abc import Callable
from typing import cast

import structlog
from aiohttp import web
from typing_extensions import override

log = structlog.get_logger()


class Refusal(asyncio.Protocol):
    """A connection for which there is no room."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


def bounded(server: web.Server, limit: int, plane: str) -> Callable[[], asyncio.Protocol]:
    """Return what makes the protocol of each new connection; beyond ``limit`` they are closed at once.

    Without a bound any user of this machine could take all descriptors and the memory of the whole daemon.
    """
    full = False

    def connect() -> asyncio.Protocol:
        nonlocal full
        was_full, full = full, len(server.connections) >= limit
        if full and not was_full:
            log.warning("connections_full", plane=plane, limit=limit)
        return Refusal() if full else server()

    return connect


def affordable(wanted: int, part: int) -> int:
    """Return ``wanted``, or one ``part``-th of the file descriptors that this process may have if that is less.

    A plane that could take all of them would make the other one look unreachable: some services let people in then.
    """
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if descriptors == resource.RLIM_INFINITY else min(wanted, descriptors // part)


class WithoutBytes(logging.Filter):
    """Leaves of an exception only its kind: aiohttp quotes the header that it cannot read, be it an API key."""

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and record.exc_info[0]:
            record.msg, record.args = f"{record.getMessage()}: {record.exc_info[0].__name__}", ()
            record.exc_info = record.exc_text = None
        return True


http_log = logging.getLogger("push_authority.http")
"""For aiohttp, of which we neither write nor know all messages."""
http_log.addFilter(WithoutBytes())
