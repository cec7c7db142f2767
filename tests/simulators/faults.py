"""What can become of a request on its way: the catalogue of faults."""

import gzip
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pushgate.clock import Clock
from tests.simulators.base import Answer, DropConnection, Recorded
from tests.simulators.tap import Fault, Serve

LONG = 10_000.0
"""Seconds: later than every deadline."""
STATE = re.compile(r"[A-Za-z_ ]{4,40}")


@dataclass(frozen=True)
class Named:
    """A fault, in the words of the table."""

    words: str
    group: str
    """Which kinds of failure it may become (``situations.KINDS``)."""
    fault: Fault
    unserved: bool = False
    """The provider says itself that it did nothing: whoever was to be asked was not."""


def reply(status: int, body: Any = None, headers: Mapping[str, str] | None = None) -> Fault:
    """Answer like this in place of serving."""

    async def fault(_serve: Serve, _request: Recorded, _clock: Clock) -> Answer:
        return Answer(status, body, headers or {})

    return fault


async def drop(_serve: Serve, _request: Recorded, _clock: Clock) -> Answer:
    """Break the connection before anything was done."""
    raise DropConnection


async def drop_served(serve: Serve, request: Recorded, _clock: Clock) -> Answer:
    """Break the connection when everything was done."""
    await serve(request)
    raise DropConnection


async def slow(_serve: Serve, _request: Recorded, clock: Clock) -> Answer:
    """Do nothing for ever."""
    await clock.sleep(LONG)
    return Answer(200, {})


async def slow_served(serve: Serve, request: Recorded, clock: Clock) -> Answer:
    """Do everything, and answer when nobody waits any more."""
    answer = await serve(request)
    await clock.sleep(LONG)
    return answer


def changed(change: Callable[[Any], Any]) -> Fault:
    """Serve the request, and change the JSON value of the reply."""

    async def fault(serve: Serve, request: Recorded, _clock: Clock) -> Answer:
        answer = await serve(request)
        body = json.loads(answer.content() or b"null")
        return Answer(answer.status, change(body), answer.headers)

    return fault


def other_case(value: Any) -> Any:
    """Write every word in the other case; names of fields stay as they are."""
    match value:
        case dict():
            return {key: other_case(inner) for key, inner in value.items()}
        case list():
            return [other_case(inner) for inner in value]
        case str() if STATE.fullmatch(value):
            return value.swapcase()
        case _:
            return value


def other_types(value: Any) -> Any:
    """Put words into lists, and turn yes and no into words."""
    match value:
        case dict():
            return {key: other_types(inner) for key, inner in value.items()}
        case list():
            return [other_types(inner) for inner in value]
        case bool():
            return str(value).lower()
        case str():
            return [value]
        case _:
            return value


@cache
def ten_megabytes() -> bytes:
    """A JSON value of ten megabytes."""
    return b'{"state":"' + b"A" * 10_000_000 + b'"}'


@cache
def bomb() -> bytes:
    """A JSON value of 64 MiB in 64 KB."""
    return gzip.compress(b'{"state":"' + b"A" * (64 << 20) + b'"}', compresslevel=1)


async def big(_serve: Serve, _request: Recorded, _clock: Clock) -> Answer:
    """Answer with ten megabytes."""
    return Answer(200, ten_megabytes())


async def exploding(_serve: Serve, _request: Recorded, _clock: Clock) -> Answer:
    """Answer with a gzip bomb."""
    return Answer(200, bomb(), {"Content-Encoding": "gzip"})


ERRORS = {"errors": []}
LOST = (
    Named("the connection breaks before it is served", "outage", drop),
    Named("the connection breaks after it was served", "outage", drop_served),
    Named("no answer", "outage", slow),
    Named("served, and the answer is too late", "outage", slow_served),
    *(
        Named(f"HTTP {status}", "server", reply(status, ERRORS), unserved=status == 503)
        for status in (500, 502, 503, 504)
    ),
)
LIMITED = (
    Named("HTTP 429, Retry-After in seconds", "limit", reply(429, ERRORS, {"Retry-After": "7"}), unserved=True),
    Named(
        "HTTP 429, Retry-After as a date",
        "limit",
        reply(429, ERRORS, {"Retry-After": "Thu, 01 Jan 2026 00:00:09 GMT"}),
        unserved=True,
    ),
    Named("HTTP 429 without Retry-After", "limit", reply(429, ERRORS), unserved=True),
    Named(
        "HTTP 429, an absurd Retry-After",
        "limit",
        reply(429, ERRORS, {"Retry-After": "-99999999999999999999 soon"}),
        unserved=True,
    ),
    Named("HTTP 429, Retry-After of a day", "limit", reply(429, ERRORS, {"Retry-After": "86400"}), unserved=True),
)
UNREADABLE = (
    Named("cut-off JSON", "unreadable", reply(200, b'{"state": "appr')),
    Named("a page in HTML", "unreadable", reply(200, b"<html>approved</html>", {"Content-Type": "text/html"})),
    Named("an empty body", "unreadable", reply(200)),
    Named("JSON of another type", "unreadable", reply(200, ["approved"])),
    Named("the right words in the other case", "unreadable", changed(other_case)),
    Named("the right words in lists, yes and no as words", "unreadable", changed(other_types)),
    Named("ten megabytes", "unreadable", big),
    Named("a gzip bomb", "unreadable", exploding),
)
REFUSED = (
    Named("HTTP 400", "refusal", reply(400, ERRORS), unserved=True),
    Named("HTTP 401 with an empty list of errors", "refusal", reply(401, ERRORS), unserved=True),
    Named("HTTP 401 without a body", "refusal", reply(401), unserved=True),
    Named("HTTP 403 with a page in HTML", "refusal", reply(403, b"<html>no</html>"), unserved=True),
    Named("HTTP 404", "refusal", reply(404, ERRORS), unserved=True),
    Named("HTTP 410 without a body", "refusal", reply(410), unserved=True),
    Named("HTTP 418", "refusal", reply(418, ERRORS), unserved=True),
)
FAULTS = (*LOST, *LIMITED, *UNREADABLE, *REFUSED)
