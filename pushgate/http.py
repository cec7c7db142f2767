"""One request over HTTPS or a unix socket that is answered by JSON: deadline, size cap, no redirects, one error map."""

import errno
import json
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from pushgate import __version__
from pushgate.clock import Clock
from pushgate.observing import Exchange, bare_path, looking
from pushgate.outcome import FailureKind

MAX_BODY = 64 * 1024
CONNECT_SECONDS = 5.0
LONGEST_RETRY_AFTER = 99_999.0
LATE_SECONDS = 0.5
"""A time-out that comes so late is ours: this machine stood still, and the reply may lie there unread."""
# Shorter than the authority's 10 s, so that a request never meets a connection that the server is just closing.
KEEP_ALIVE_SECONDS = 5.0
OUR_FAULT = {
    *(errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.EADDRNOTAVAIL),
    *(errno.EACCES, errno.EPERM, errno.ENOTCONN),
}
"""No descriptor, memory or port left, or no right to connect: who can bring that about must not make doors open.

ENOTCONN: of a unix socket whose queue is full asyncio takes the connection for made.
"""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: the status and the JSON value (None for an empty body)."""

    status: int
    body: Any = field(repr=False)
    """It can hold tokens."""
    retry_after: float | None = None
    """Seconds that the server asked us to wait, whether it gave seconds or a date; None if it did not say."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False, compare=False)
    """The reply's headers, whatever their case; they can hold secrets."""


class RequestFailedError(Exception):
    """No usable reply.

    ``sent`` is False only if the request surely never reached the server: name look-up, connect, TLS handshake.
    ``status`` is that of a reply whose body was of no use.
    """

    def __init__(self, kind: FailureKind, *, sent: bool, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.kind, self.sent, self.detail, self.status = kind, sent, detail, status


class JsonClient:
    """A client for one server, kept connected; no cookies, no proxy from the environment, no redirects."""

    def __init__(self, url: str, clock: Clock, headers: Mapping[str, str], ca_file: Path | None = None) -> None:
        """Take ``https://host``, ``http://host`` or ``unix:/path``; must be called inside the running loop."""
        self.clock, self.server, self.observer = clock, url, looking.get()
        trace = aiohttp.TraceConfig()
        trace.on_request_headers_sent.append(mark_sent)
        trace.on_connection_create_start.append(refuse_again)
        trace.on_connection_reuseconn.append(refuse_again)
        connector: aiohttp.BaseConnector
        if url.startswith("unix:"):
            self.base = "http://localhost"
            connector = aiohttp.UnixConnector(url.removeprefix("unix:"), limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS)
        else:
            self.base = url.rstrip("/")
            context = ssl.create_default_context(cafile=ca_file)
            # limit=0: the default of 100 connections would make the 101st waiting login miss its deadline.
            connector = aiohttp.TCPConnector(limit=0, ssl=context, keepalive_timeout=KEEP_ALIVE_SECONDS)
        self.session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": f"pushgate/{__version__}", **headers},
            trace_configs=[trace],
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS),
            read_bufsize=MAX_BODY,
        )

    async def request(
        self,
        method: str,
        path: str,
        *,
        deadline: float,
        body: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Send one request and read its JSON reply, whatever the status; ``deadline`` is in seconds of the clock.

        Args:
            method: The verb.
            path: What follows host and port, with its query, encoded.
            deadline: When to give up.
            body: Sent as JSON; None: no body.
            form: Sent as a form, in place of ``body``.
            headers: Beside those of every request.

        Raises:
            RequestFailedError: with its kind (docs/providers/logintc.md), for everything that is not a reply.
        """
        began = self.clock.now()
        sending, data = encode_body(body, form)
        reply: Reply | None = None
        failure = "given up"
        try:
            reply = await self.exchange(method, path, deadline, data, {**sending, **(headers or {})})
        except RequestFailedError as error:
            failure = f"{error.kind}: {error.detail}"
            raise
        finally:
            self.note(method, path, began, reply, failure)
        return reply

    def note(self, method: str, path: str, began: float, reply: Reply | None, failure: str) -> None:
        """Tell whoever looks on what came of a request."""
        if self.observer is not None:
            seconds = self.clock.now() - began
            status, failure = (None, failure) if reply is None else (reply.status, "")
            self.observer(Exchange(self.server, method, bare_path(path), seconds, status, failure))

    async def exchange(
        self, method: str, path: str, deadline: float, data: bytes | None, headers: Mapping[str, str]
    ) -> Reply:
        """Send what is written out already and read the reply.

        Raises:
            RequestFailedError: as ``request``.
        """
        mark = SentMark(once=method == "PUT")
        try:
            async with (
                self.clock.timeout_at(deadline),
                self.session.request(
                    method,
                    URL(self.base + path, encoded=True),
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                    trace_request_ctx=mark,
                ) as response,
            ):
                after = retry_after(response, self.clock.wall())
                return Reply(response.status, await read_json(response), after, response.headers)
        except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as error:
            if isinstance(error, TimeoutError) and self.clock.now() - deadline > LATE_SECONDS:
                # No outage: who can slow this machine down, as every user can, must not make doors open.
                detail = "timed out late: this machine is too slow"
                raise RequestFailedError(FailureKind.RATE_LIMITED, sent=mark.sent, detail=detail) from None
            raise classify(error, sent=mark.sent) from None

    async def close(self) -> None:
        """Close all connections."""
        await self.session.close()


def encode_body(body: Any, form: Mapping[str, str] | None) -> tuple[dict[str, str], bytes | None]:
    """Return the header that names the type of what is sent, and its bytes; neither for no body."""
    if form is not None:
        return {"Content-Type": "application/x-www-form-urlencoded"}, urlencode(form).encode("ascii")
    return ({}, None) if body is None else ({"Content-Type": "application/json"}, json.dumps(body).encode())


@dataclass(slots=True)
class SentMark:
    """Whether the request's head has left; one per request, carried through aiohttp's tracing."""

    once: bool
    """It must not leave again: a code would be used up twice."""
    sent: bool = False


async def refuse_again(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    """Keep aiohttp from sending a PUT once more: it does so by itself when a connection breaks.

    Raises:
        ServerDisconnectedError: what broke the first time.
    """
    if context.trace_request_ctx.once and context.trace_request_ctx.sent:
        raise aiohttp.ServerDisconnectedError


async def mark_sent(_session: aiohttp.ClientSession, context: SimpleNamespace, _params: object) -> None:
    """Note that from now on the server may have seen the request."""
    context.trace_request_ctx.sent = True


async def read_json(response: aiohttp.ClientResponse) -> Any:
    """Read at most 64 KiB, counted after decompression.

    Raises:
        RequestFailedError: PROTOCOL, for a larger body or, with a 2xx status, one that is not JSON.
    """
    content = bytearray()
    while chunk := await response.content.read(MAX_BODY + 1 - len(content)):
        content += chunk
        if len(content) > MAX_BODY:
            response.close()
            detail = "reply larger than 64 KiB"
            raise RequestFailedError(FailureKind.PROTOCOL, sent=True, detail=detail, status=response.status)
    if not content.strip():
        return None
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        if 200 <= response.status < 300:
            detail = "reply is not JSON"
            raise RequestFailedError(FailureKind.PROTOCOL, sent=True, detail=detail, status=response.status) from None
        return None  # error pages of proxies: the status says enough


def retry_after(response: aiohttp.ClientResponse, now: datetime) -> float | None:
    """Return the seconds of a Retry-After header in either form (RFC 9110 section 10.2.3); None for anything else."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit() and len(value) < 6:
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, OverflowError):  # the second for a year or zone of twenty digits
        return None
    # A date without a zone is of no use to anybody; HTTP has none but GMT.
    return min(max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds()), LONGEST_RETRY_AFTER)


def classify(error: Exception, *, sent: bool) -> RequestFailedError:
    """Name the kind of a transport failure (docs/providers/logintc.md)."""
    name = type(error).__name__
    cause = error.os_error if isinstance(error, aiohttp.ClientConnectorError) else error
    match error:
        case _ if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError) and cause.errno in OUR_FAULT:
            kind, name = FailureKind.CONFIG, f"{name}: {os.strerror(cause.errno or 0).lower()}"
        case _ if isinstance(cause, ssl.SSLEOFError):
            kind = FailureKind.UNAVAILABLE  # the connection was cut during the handshake
        case aiohttp.ClientConnectorCertificateError() | ssl.SSLError() | aiohttp.ClientSSLError():
            kind = FailureKind.CONFIG  # a certificate or TLS alert is never "unreachable": that could fail open
        case TimeoutError() | OSError() | aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError():
            kind = FailureKind.UNAVAILABLE
        case _:
            kind = FailureKind.PROTOCOL
    return RequestFailedError(kind, sent=sent, detail=name)
