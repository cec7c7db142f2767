"""One HTTP exchange: reading a JSON body within its bounds, and answering refusals in the documented shape."""

import json
import re
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import structlog
from aiohttp import web

from push_authority.clock import Clock
from push_authority.errors import ApiError, StoreBusyError, StoreFailedError, bad_request

log = structlog.get_logger()

MAX_BODY = 64 * 1024
BODY_SECONDS = 5.0
IDENTITY = re.compile(r"[0-9a-f]{40}")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HTTP_CODES = {404: "notfound", 405: "methodnotallowed", 413: "toolarge", 415: "unsupportedmediatype"}


async def read_body(request: web.Request, clock: Clock) -> bytes:
    """Read the body; it must come within 5 seconds.

    Raises:
        ApiError: it came too slowly.
        web.HTTPRequestEntityTooLarge: it is larger than 64 KiB.
    """
    try:
        async with clock.timeout_at(clock.now() + BODY_SECONDS):
            return await request.read()
    except TimeoutError:
        raise ApiError(400, "badrequest", f"the body did not arrive within {BODY_SECONDS:.0f} s") from None


def parse_json(body: bytes) -> Any:
    """Parse JSON, whatever the Content-Type says.

    Raises:
        ApiError: it is none.
    """
    try:
        return json.loads(body, parse_constant=refuse_constant)
    except (ValueError, RecursionError):
        raise bad_request("the body is not valid JSON") from None


def refuse_constant(name: str) -> None:
    """Refuse NaN and Infinity, which Python reads though JSON has none."""
    raise ValueError(name)


async def read_object(request: web.Request, clock: Clock) -> dict[str, Any]:
    """Read a body that is one JSON object.

    Raises:
        ApiError: it is something else.
    """
    return as_object(parse_json(await read_body(request, clock)), "the body")


def as_object(value: Any, what: str) -> dict[str, Any]:
    """Return a JSON object; ``what`` names it in the refusal."""
    if not isinstance(value, dict):
        raise bad_request(f"{what} must be an object")
    return value


def text_field(data: dict[str, Any], key: str, limit: int, default: str | None = "") -> str:
    """Return a text of at most ``limit`` characters; absent or null is the default, and an error without one."""
    value = data.get(key)
    if value is None:
        value = default
    if not isinstance(value, str):
        raise bad_request(f"{key} must be text")
    if len(value) > limit:
        raise bad_request(f"{key} is longer than {limit} characters")
    return value


def number_value(value: Any, what: str, low: float, high: float) -> float:
    """Return a number between two bounds, both included; NaN is between none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_request(f"{what} must be a number")
    if not low <= value <= high:
        raise bad_request(f"{what} must be between {low:g} and {high:g}")
    return float(value)


def error_body(code: str, message: str, extra: dict[str, Any] | None = None) -> bytes:
    """Return the one shape of every refusal; clients need at least one entry with both keys."""
    body = {"errors": [{"code": f"api.error.{code}", "message": message}], **(extra or {})}
    return json.dumps(body, separators=(",", ":")).encode()


def as_api_error(error: Exception) -> ApiError:
    """Turn whatever a handler raised into what the caller is told; the log has the cause."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, web.HTTPException):
        code = HTTP_CODES.get(error.status, "badrequest")
        return ApiError(error.status, code, (error.reason or "refused").lower())
    if isinstance(error, StoreBusyError):
        return ApiError(503, "unavailable", "too busy", retry_after=2)
    if isinstance(error, StoreFailedError):
        log.error("store_failed", error=str(error))
        return ApiError(503, "unavailable", "nothing was changed", retry_after=2)
    # Kind and place only: the text of an exception may quote what the caller sent.
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    log.error("request_failed", error=type(error).__name__, at=" ".join(places[-6:]))
    return ApiError(500, "internal", "internal error")


async def guarded(request: web.Request, handler: Handler, content_type: str) -> web.StreamResponse:
    """Run a handler and answer what it raises."""
    try:
        return await handler(request)
    except Exception as raised:  # noqa: BLE001 - the outermost frame of a request: everything becomes an answer
        error = as_api_error(raised)
    response = web.Response(
        status=error.status,
        body=error_body(error.code, error.message, error.extra),
        headers={"Content-Type": content_type},
    )
    if error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
