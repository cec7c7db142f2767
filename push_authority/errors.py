"""Errors of the authority: those that stop it from starting, and those that a caller of an API is told.

The tree::

    AuthorityError     message and hint: the administrator has to act before the authority can start
    ApiError           one refused call: status, code, message
    StoreBusyError     more work is queued for the store than its bound: try again later
    StoreFailedError   the store could not make a group of changes durable: none of them happened
"""

from typing import Any


class AuthorityError(Exception):
    """An error for the administrator; message and hint are lower case without a full stop."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ApiError(Exception):
    """A call that is refused; the code is given without its prefix ``api.error.``."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry_after: int | None = None,
        extra: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.extra = extra or {}


class StoreBusyError(Exception):
    """The queue of the store is full."""


class StoreFailedError(Exception):
    """A commit failed, or the store is closed: nothing of the group was done."""


def bad_request(message: str) -> ApiError:
    """Refuse what the caller sent (400)."""
    return ApiError(400, "badrequest", message)


def not_found(what: str) -> ApiError:
    """Refuse because a resource does not exist for this caller (404)."""
    return ApiError(404, f"notfound.{what}", f"no such {what}")


def rate_limited(message: str, retry_after: int) -> ApiError:
    """Refuse because a bound is reached (429)."""
    return ApiError(429, "ratelimited", message, retry_after=retry_after)
