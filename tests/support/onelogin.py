"""A connection to OneLogin that answers by script, for tests that need no socket."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import FailureKind

TOKEN_PATH = "/auth/oauth2/v2/token"


def token_reply(value: str = "t1", **changes: Any) -> Reply:
    """Make the reply that brings a token."""
    body = {"access_token": value, "created_at": "2026-01-01T00:00:00.000Z", "expires_in": 36_000, **changes}
    return Reply(200, body)


def outage(kind: FailureKind = FailureKind.UNAVAILABLE, *, sent: bool = True) -> RequestFailedError:
    """Make a failure of the connection."""
    return RequestFailedError(kind, sent=sent, detail="scripted")


@dataclass
class ScriptedOneLogin:
    """Gives tokens and answers from two lists; the last entry of each repeats."""

    clock: Clock
    tokens: list[Any] = field(default_factory=lambda: [token_reply()])
    answers: list[Any] = field(default_factory=lambda: [Reply(200, {})])
    seconds: float = 0.0
    """How long each answer takes."""
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and authorization of each request."""
    closed: bool = False

    async def request(
        self, method: str, path: str, *, deadline: float, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Answer one request, by the deadline or not at all."""
        self.sent.append((method, path, (headers or {}).get("Authorization", "")))
        script = self.tokens if path == TOKEN_PATH else self.answers
        answer = script.pop(0) if len(script) > 1 else script[0]
        if self.seconds:
            left = deadline - self.clock.now()
            await self.clock.sleep(min(self.seconds, left))
            answer = answer if self.seconds <= left else outage()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Reply)
        return answer

    async def close(self) -> None:
        """Note that nothing is open any more."""
        self.closed = True

    def count(self, path: str) -> int:
        """How many requests went there."""
        return sum(path in each for _, each, _ in self.sent)
