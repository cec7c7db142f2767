"""A transport for the provider ``logintc`` that answers by script and keeps a ledger."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import FailureKind

SESSION = "a" * 40
USER = "8c184f495a5b7b6e9ed732f2ce3c67e310806f38"
CLOUD: list[str] = []
OWN = ["wait", "idempotency", "number", "consume", "proof"]


@dataclass
class ScriptedTransport:
    """Answers pings and domains by itself, everything else from the lists; a list's last entry repeats."""

    clock: Clock
    features: list[str] = field(default_factory=list)
    create: list[Any] = field(default_factory=lambda: [Reply(200, {"id": SESSION, "state": "pending"})])
    poll: list[Any] = field(default_factory=lambda: [state("pending")])
    consume: list[Any] = field(default_factory=lambda: [Reply(200, {})])
    ping: list[Any] = field(default_factory=list)
    domain: Any = field(default_factory=lambda: Reply(200, {"requestTimeout": 90}))
    user: list[Any] = field(default_factory=lambda: [Reply(200, {"id": USER, "username": "alice"})])
    mail: list[Any] = field(default_factory=lambda: [Reply(200, None)])
    withdraw: Reply = field(default_factory=lambda: Reply(200, None))
    ledger: list[tuple[float, str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    accepts: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    """The idempotency keys of the creates."""

    async def request(
        self, method: str, path: str, *, deadline: float, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Answer one request; a callable in a script is called, an exception raised, ``hold`` waits."""
        self.ledger.append((self.clock.now(), method, path))
        self.bodies.append(body)
        self.accepts.append((headers or {}).get("Accept", ""))
        if path == "/api/ping":
            answer = take(self.ping) if self.ping else Reply(200, {"status": "OK", "features": self.features})
        elif path.endswith("/consume"):
            answer = take(self.consume)
        elif path.startswith("/api/users?username="):
            answer = take(self.user)
        elif path.endswith("/otp"):
            answer = take(self.mail)
        elif method == "POST":
            self.keys.append((headers or {}).get("Idempotency-Key", ""))
            answer = take(self.create)
        elif method == "DELETE":
            answer = self.withdraw
        elif "/sessions/" in path:
            answer = take(self.poll)
            if answer is HOLD:
                wait = float(path.partition("wait=")[2] or 0)
                await self.clock.sleep(min(wait, deadline - self.clock.now()))
                answer = state("pending")
        else:
            answer = self.domain
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, Reply)
        return answer

    async def close(self) -> None:
        """Nothing is open."""

    def count(self, method: str, part: str = "/sessions") -> int:
        """How many requests of that kind were sent."""
        return sum(used == method and part in path for _, used, path in self.ledger)


HOLD = object()
"""A poll that the server holds for as long as it was asked to."""


def take(script: list[Any]) -> Any:
    """Return the next entry; the last one stays."""
    return script.pop(0) if len(script) > 1 else script[0]


def state(word: Any, **more: Any) -> Reply:
    """A session's reply."""
    return Reply(200, {"id": SESSION, "state": word, **more})


def outage(kind: FailureKind = FailureKind.UNAVAILABLE, *, sent: bool = True) -> RequestFailedError:
    """A transport failure."""
    return RequestFailedError(kind, sent=sent, detail="scripted")
