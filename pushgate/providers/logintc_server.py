"""The server of the provider ``logintc``: how it is called, and what it has said of itself."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

import structlog

from pushgate.clock import Clock
from pushgate.http import Reply, RequestFailedError
from pushgate.outcome import Handle
from pushgate.providers.logintc_failures import NotMetError, failed_call, failed_reply
from pushgate.providers.logintc_wire import NATIVE_TYPE, V1_TYPE
from pushgate.text import clean

log = structlog.get_logger()

CALL_SECONDS = 5.0
FRESH_SECONDS = 60.0
"""How long what the server said of itself is believed: one that was exchanged meanwhile may know more, or less."""
HOLD_SECONDS = 25
"""How long a server with ``wait`` may hold a question; it allows 0-30."""


class Transport(Protocol):
    """What the provider needs of ``pushgate.http.JsonClient``."""

    async def request(
        self, method: str, path: str, *, deadline: float, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Send one request; raises ``RequestFailedError``."""

    async def close(self) -> None:
        """Close all connections."""


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What the server said of itself."""

    features: frozenset[str]
    domain_known: bool
    request_timeout: int
    """After how many seconds the server ends a session by itself."""
    domain_name: str = ""
    domain_type: str = ""

    @property
    def native(self) -> bool:
        """Whether to speak the native form: it is worth it only where approvals can be claimed."""
        return "consume" in self.features

    @property
    def numbers(self) -> bool:
        """Whether the server binds a number to a question; only the native form can say so."""
        return self.native and "number" in self.features

    @property
    def emails(self) -> bool:
        """Whether codes can be sent by e-mail: LoginTC's cloud does, our own authority would say so."""
        return not self.native or "email" in self.features

    @property
    def shares(self) -> bool:
        """Whether two daemons that create the same session get one."""
        return self.native and "idempotency" in self.features


class LoginTcServer:
    """One server and one domain of it."""

    def __init__(self, transport: Transport, domain_id: str, clock: Clock, name: str = "logintc") -> None:
        self.transport, self.clock, self.name = transport, clock, name
        self.domain = f"/api/domains/{quote(domain_id, safe='')}"
        self.facts: ServerFacts | None = None
        # Kept beside the facts: other logins are still waiting for the server that they describe.
        self.stale = False
        self.met_at = 0.0
        self.login_timeout = 0.0
        """How long a person has to answer, where the configuration has said so."""
        self.too_short: int | None = None
        """The server's time-out that an administrator has been told of."""

    async def meet(self, deadline: float, believe: float = FRESH_SECONDS) -> ServerFacts:
        """Return what the server can do; asks it at the first time, after something went wrong, and once a minute.

        Args:
            deadline: For all of it.
            believe: How many seconds what it said counts.

        Raises:
            NotMetError: if it cannot be reached or refuses our key.
        """
        now = self.clock.now()
        if self.facts is None or self.stale or now - self.met_at >= believe:
            known = self.facts
            self.facts = await self.ask_facts(deadline)
            self.stale, self.met_at = not self.facts.domain_known, now
            self.tell_domain(known, self.facts)
        self.tell_early_end(self.facts.request_timeout, max(self.login_timeout, deadline - now))
        return self.facts

    def tell_domain(self, known: ServerFacts | None, facts: ServerFacts) -> None:
        """Log which domain we are in, once."""
        domain = (facts.domain_name, facts.domain_type)
        if facts.domain_known and (known is None or domain != (known.domain_name, known.domain_type)):
            log.info(
                "domain_found",
                provider=self.name,
                domain=facts.domain_name,
                type=facts.domain_type,
                request_timeout=facts.request_timeout,
            )

    def tell_early_end(self, request_timeout: int, wanted: float) -> None:
        """Warn once if the server ends a session before the person's time is over."""
        if request_timeout < wanted and request_timeout != self.too_short:
            self.too_short = request_timeout
            log.warning(
                "session_ends_early", provider=self.name, request_timeout=request_timeout, hint="lower login.timeout"
            )

    async def ask_facts(self, deadline: float) -> ServerFacts:
        """Ask what the server can do and whether it knows our domain.

        Raises:
            NotMetError: if it cannot be reached or refuses our key.
        """
        try:
            ping = await self.call("GET", "/api/ping", deadline, accept=V1_TYPE)
            if ping.status != 200:
                raise NotMetError(failed_reply(ping, "ping", asked=False))
            domain = await self.call("GET", self.domain, deadline, accept=V1_TYPE)
        except RequestFailedError as failure:
            raise NotMetError(failed_call(failure, "ping", asked=False)) from None
        if domain.status == 429 or domain.status >= 500:
            # No word about the domain. Taken as "unknown", it would tell strangers who is enrolled: by a faster reject.
            raise NotMetError(failed_reply(domain, "domain", asked=False))
        return self.read_facts(ping, domain)

    def read_facts(self, ping: Reply, domain: Reply) -> ServerFacts:
        """Read what the server said of itself and of our domain."""
        features = ping.body.get("features") if isinstance(ping.body, dict) else None
        known = domain.status == 200 and isinstance(domain.body, dict)
        about: dict[str, Any] = domain.body if known else {}
        if not known:
            log.error(
                "domain_unknown",
                provider=self.name,
                status=domain.status,
                hint="check domain_id in the configuration",
            )
        timeout = about.get("requestTimeout")
        name, kind = (clean(str(about.get(key) or ""), 64) for key in ("name", "type"))
        return ServerFacts(
            features=frozenset(str(feature) for feature in features) if isinstance(features, list) else frozenset(),
            domain_known=known,
            request_timeout=timeout if type(timeout) is int and timeout > 0 else 90,
            domain_name=name,
            domain_type=kind,
        )

    async def call(
        self,
        method: str,
        path: str,
        deadline: float,
        *,
        body: Any = None,
        limit: float = CALL_SECONDS,
        accept: str = "",
        idempotency_key: str = "",
    ) -> Reply:
        """Send one request that ends at the deadline, or after ``limit`` seconds.

        Raises:
            RequestFailedError: for everything that is not a reply.
        """
        native = self.facts is not None and self.facts.native
        headers = {"Accept": accept or (NATIVE_TYPE if native else V1_TYPE)}
        if idempotency_key:
            headers["Idempotency-Key"] = idempotency_key
        until = min(deadline, self.clock.now() + limit)
        return await self.transport.request(method, path, deadline=until, body=body, headers=headers)

    def session(self, handle: Handle) -> str:
        """Return a session's path."""
        return f"{self.domain}/sessions/{quote(handle.id, safe='')}"

    def hold_seconds(self, remaining: float) -> int:
        """Return how long the server may hold the next question: whole seconds, 0 for a plain question."""
        if self.facts is None or "wait" not in self.facts.features:
            return 0
        return max(0, min(HOLD_SECONDS, math.floor(remaining)))
