"""Errors for people: what is wrong and where, then what to do.

The tree::

    PushgateError           message and hint, shown by the CLI and the log
      ConfigurationError    the administrator has to act; never opens a door
      BadMessageError       a peer sent bytes that break its protocol (packet, frame)
"""

import traceback


class PushgateError(Exception):
    """An error with a message and a hint, both lower case without a full stop."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class ConfigurationError(PushgateError):
    """The configuration cannot be used; ``problems`` holds every fault that was found, in order."""

    def __init__(self, problems: list[PushgateError]) -> None:
        first = problems[0]
        super().__init__(first.message, first.hint)
        self.problems = problems


class BadMessageError(PushgateError):
    """A peer sent a message that breaks its protocol; ``reason`` is a fixed word for logs and counters."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.reason = reason


def where(error: BaseException) -> list[str]:
    """Return the last five places of a traceback as ``file:line``, for the log.

    Without the message and the source lines: an exception may quote what somebody typed.
    """
    return [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-5:]]
