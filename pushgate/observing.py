"""Who looks on while a server is asked: what went over the wire, without anything of it that is secret.

Only ``pushgate login`` looks on. What is not in an ``Exchange`` cannot be shown: no body, no header, no value of a
query, and of a path only its fixed words.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

WORDS = frozenset(
    {
        # LoginTC and our own authority
        *("api", "ping", "domains", "sessions", "users", "otp", "token", "consume"),
        # OneLogin
        *("auth", "oauth2", "login", "verify_factor", "mfa", "devices", "verifications"),
        # Clerk
        *("client", "environment", "count", "sign_ins", "sign_in_tokens", "tokens", "touch", "end", "remove"),
        *("revoke", "verify"),
        *("prepare_first_factor", "attempt_first_factor", "prepare_second_factor", "attempt_second_factor"),
        *("verify_password", "verify_totp"),
        # ThreatWinds
        *("session", "verification", "extend"),
    }
)
"""What is shown of a path: an id can look like any word, so everything else is left out."""
VERSION = re.compile(r"v?[0-9]", re.ASCII)
LEFT_OUT = "*"


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it."""

    server: str
    method: str
    path: str
    """Of ``bare_path``."""
    seconds: float
    status: int | None = None
    """None: no reply came, or none that could be read."""
    failure: str = ""
    """The kind of a failure with its detail; empty for a reply."""


Observer = Callable[[Exchange], None]
"""Must neither wait nor raise."""

looking: ContextVar[Observer | None] = ContextVar("looking", default=None)


@contextmanager
def observed_by(observer: Observer) -> Iterator[None]:
    """Let somebody look on at every client that is made in this block, for as long as the client lives."""
    token = looking.set(observer)
    try:
        yield
    finally:
        looking.reset(token)


def bare_path(path: str) -> str:
    """Return a path without its ids and without the values of its query."""
    words, _, query = path.partition("?")
    shown = "/".join(word if is_fixed(word) else LEFT_OUT for word in words.split("/"))
    names = (name for name, _, _ in (part.partition("=") for part in query.split("&")) if name)
    return shown + "".join(f"{'&' if place else '?'}{name}={LEFT_OUT}" for place, name in enumerate(names))


def is_fixed(word: str) -> bool:
    """Whether a word of a path is one of an API, and not somebody's or something's."""
    return not word or word in WORDS or VERSION.fullmatch(word) is not None
