"""HTTP between a terminal device and its authority: bounded, no redirects, no proxies, one error map."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from pushgate.clock import Clock
from pushgate.errors import PushgateError
from pushgate.text import clean

CONNECT_TIMEOUT = 5.0
READ_TIMEOUT = 15.0
TOTAL_TIMEOUT = 30.0
"""Seconds for one whole answer, however slowly it trickles."""
EVENT_TIMEOUT = 45.0
"""Seconds of silence that end an event stream: the authority sends a comment every 15."""
MAX_ANSWER = 1024 * 1024
MAX_EVENT_LINE = 256 * 1024
"""Bytes; more than the longest ``ctx`` with each of its characters escaped once more."""


class UnreachableError(PushgateError):
    """The authority could not be asked; trying again later may help."""


class RefusedError(PushgateError):
    """The authority answered, and the answer is no; ``status`` is its HTTP status, ``body`` its JSON object."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"the authority answered {status}{_message(body)}")
        self.status = status
        self.body = body


def server_address(address: str) -> str:
    """Return an authority's address as ``scheme://host[:port]``.

    Raises:
        PushgateError: unless it is ``https://``, or ``http://`` to this machine: answers must not be read on the way.
    """
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    local = parts.scheme == "http" and parts.hostname in ("localhost", "127.0.0.1")
    if not parts.hostname or not (local or parts.scheme == "https"):
        raise PushgateError(
            f"{clean(address, 100)!r} is not an address of an authority",
            "use https://…, or http://localhost:PORT on this machine",
        )
    if parts.username is not None or parts.path not in ("", "/") or parts.query or parts.fragment:
        raise PushgateError("the authority's address has more than scheme, host and port", "leave the rest out")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port is not None else "")


class Server:
    """One authority."""

    def __init__(self, address: str, clock: Clock) -> None:
        self.address = server_address(address)
        self.clock = clock
        self.session = requests.Session()
        # The environment may name a proxy, or a .netrc entry that replaces our Authorization header.
        self.session.trust_env = False

    def call(self, method: str, target: str, body: bytes, headers: dict[str, str]) -> dict[str, Any]:
        """Send one request and return the JSON object of a 200 answer (an empty answer is an empty object).

        Raises:
            UnreachableError: if there was no complete answer, or one of the 5xx kind.
            RefusedError: for every other status.
        """
        deadline = self.clock.now() + TOTAL_TIMEOUT
        try:
            with self._open(method, target, body, headers, READ_TIMEOUT) as response:
                content = _read(response, self.clock, deadline)
                status = response.status_code
        except (requests.RequestException, OSError):
            raise self._unreachable() from None
        if status != 200:
            raise self._no(status, content)
        return _json_object(content)

    def events(self, target: str, headers: dict[str, str]) -> Iterator[None]:
        """Yield once when the event stream is open, then at every event, until it ends.

        What an event says is not looked at: it is a hint to ask again (docs/authority.md).
        """
        try:
            with self._open("GET", target, b"", {**headers, "Accept": "text/event-stream"}, EVENT_TIMEOUT) as response:
                if response.status_code != 200:
                    deadline = self.clock.now() + TOTAL_TIMEOUT
                    raise self._no(response.status_code, _read(response, self.clock, deadline))
                yield None
                for line in _event_lines(response):
                    if line.startswith(b"event:"):
                        yield None
        except (requests.RequestException, OSError):
            raise self._unreachable() from None

    def _open(
        self, method: str, target: str, body: bytes, headers: dict[str, str], read_timeout: float
    ) -> requests.Response:
        if body:
            headers = {**headers, "Content-Type": "application/json"}
        return self.session.request(
            method,
            self.address + target,
            data=body,
            headers={"Accept": "application/json", **headers, "Accept-Encoding": "identity"},
            timeout=(CONNECT_TIMEOUT, read_timeout),
            allow_redirects=False,
            stream=True,
        )

    def _no(self, status: int, content: bytes) -> PushgateError:
        if status >= 500:
            return UnreachableError(f"the authority at {self.address} answered {status}", "see the authority's log")
        return RefusedError(status, _json_object(content))

    def _unreachable(self) -> UnreachableError:
        return UnreachableError(
            f"the authority at {self.address} cannot be reached",
            "check that it runs, and the address you enrolled with",
        )


def _read(response: requests.Response, clock: Clock, deadline: float) -> bytes:
    content = b""
    while chunk := _chunk(response):
        content += chunk
        if len(content) > MAX_ANSWER or clock.now() > deadline:
            raise requests.RequestException("too large or too slow")
    return content


def _chunk(response: requests.Response) -> bytes:
    """Return what has arrived: ``iter_content`` would wait for whole chunks, each byte extending the time-out."""
    try:
        chunk: bytes = response.raw.read1(16 * 1024)
    except urllib3.exceptions.HTTPError:
        raise requests.ConnectionError from None
    return chunk


def _event_lines(response: requests.Response) -> Iterator[bytes]:
    buffer = b""
    while chunk := _chunk(response):
        *lines, buffer = (buffer + chunk).split(b"\n")
        if len(buffer) > MAX_EVENT_LINE:
            raise requests.RequestException("too long a line")
        yield from lines


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content or b"{}")
    except (ValueError, RecursionError):
        answer = None
    return answer if isinstance(answer, dict) else {}


def _message(body: dict[str, Any]) -> str:
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else None
    text = first.get("message") if isinstance(first, dict) else None
    return f": {clean(text, 200)}" if isinstance(text, str) else ""
