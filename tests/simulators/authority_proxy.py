"""Our real authority behind a proxy that misbehaves as simulators do, and counts what passes."""

import json
import re
from contextlib import AbstractAsyncContextManager

import aiohttp
from typing_extensions import override

from push_authority.clock import Clock as AuthorityClock
from pushgate.clock import Clock
from tests.simulators.base import Answer, Recorded, Simulator

HOP_BY_HOP = ("Host", "Connection", "Content-Length", "Transfer-Encoding", "Content-Encoding", "Accept-Encoding")
SESSIONS = re.compile(r"/api/domains/[^/]+/sessions(?:/([^/]+))?(/consume)?")


class AuthorityProxy(Simulator):
    """Hands every request on, unless a knob says otherwise."""

    def __init__(self, clock: Clock, http: aiohttp.ClientSession, authority_url: str) -> None:
        super().__init__(clock)
        self.http, self.authority_url = http, authority_url
        self.forgotten: set[str] = set()
        """Sessions that read as if the authority had never known them."""
        self.known: set[str] = set()

    @override
    async def serve(self, request: Recorded) -> Answer:
        match = SESSIONS.fullmatch(request.path)
        if match is not None and match[1] in self.forgotten:
            return Answer(404, {"errors": [{"code": "api.error.notfound.session", "message": "no such session"}]})
        headers = {key: value for key, value in request.headers.items() if key.title() not in HOP_BY_HOP}
        url = self.authority_url + request.target
        data = request.body or None
        async with self.http.request(request.method, url, data=data, headers=headers, allow_redirects=False) as reply:
            answer = Answer(reply.status, await reply.read(), {"Content-Type": reply.headers["Content-Type"]})
        if answer.status == 200:
            self.count_passed(request, match, answer)
        return answer

    def count_passed(self, request: Recorded, match: re.Match[str] | None, answer: Answer) -> None:
        """Count what the authority has done; a create that joins another's session asks nobody anew."""
        if match is None:
            self.ledger.counts["tokens"] += request.method == "PUT" and request.path.endswith("/token")
            return
        match (request.method, match[1]):
            case ("POST", None):
                created, session = request.json(), json.loads(answer.content())
                typed = "otp" in created or "bypasscode" in created
                self.ledger.counts["creates"] += 1
                self.ledger.counts["submits"] += typed
                self.ledger.counts["pushes"] += not typed and session["id"] not in self.known
                self.known.add(session["id"])
            case ("GET", str()):
                self.ledger.counts["polls"] += 1
            case ("DELETE", str()):
                self.ledger.counts["cancels"] += 1


class SharedClock(AuthorityClock):
    """The authority's clock, moved by that of the test."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.offset = clock.wall().timestamp() - clock.now()

    @override
    def now(self) -> float:
        return self.clock.now() + self.offset

    @override
    def wall(self) -> float:
        return self.clock.wall().timestamp()

    @override
    async def sleep(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    @override
    def timeout_at(self, deadline: float) -> AbstractAsyncContextManager[object]:
        return self.clock.timeout_at(deadline - self.offset)
