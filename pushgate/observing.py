"""Who looks on while a server is asked: what went over the wire, without anything of it that is secret.

Only ``pushgate login`` looks on. What is not in an ``Exchange`` cannot be shown: no body, no header, no value of a
query, and of a path only its fixed words.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

FIXED_WORD = re.compile(r"[a-z][a-z_]{0,31}|oauth2|v?[0-9]", re.ASCII)
"""A word or version of an API; ids hold other characters, or are longer."""
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
    shown = "/".join(word if not word or FIXED_WORD.fullmatch(word) else LEFT_OUT for word in words.split("/"))
    names = (name for name, _, _ in (part.partition("=") for part in query.split("&")) if name)
    return shown + "".join(f"{'&' if place else '?'}{name}={LEFT_OUT}" for place, name in enumerate(names))
