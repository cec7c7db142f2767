"""What the corner cases of LoginTC share."""

import asyncio
from typing import Any

from pushgate.authenticator import Authenticator
from pushgate.clock import Clock
from pushgate.decision import Decision
from pushgate.outcome import Failed, Handle, NeedsCode, Outcome, Pending
from pushgate.policy import Policy, Rule
from pushgate.providers.logintc import LoginTc
from tests.simulators.base import Answer, DropConnection
from tests.simulators.logintc_rig import LoginTcRig
from tests.support.core import RecordingAudit, RecordingConversation, make_guards, make_login


class Gate:
    """A core whose provider is LoginTC's simulator."""

    def __init__(self, made: LoginTcRig, clock: Clock, *, opens: bool = False) -> None:
        self.rig, self.simulator, self.clock = made, made.simulator, clock
        self.audit = RecordingAudit()
        self.opens = opens

    def login(self, conversation: RecordingConversation | None = None, **changes: Any) -> "asyncio.Task[Decision]":
        """Begin a login as a front end would."""
        return self.login_at(self.rig.provider, conversation, **changes)

    def login_at(
        self, provider: LoginTc, conversation: RecordingConversation | None = None, **changes: Any
    ) -> "asyncio.Task[Decision]":
        """Begin a login that another provider is asked about."""
        policy = Policy({"sshd": Rule(accept_if_unreachable=self.opens)})
        core = Authenticator(policy, provider, self.audit, self.clock, timeout=60, guards=make_guards(self.clock))
        return asyncio.create_task(core.authenticate(make_login(**changes), conversation or RecordingConversation()))

    async def ask(self, **changes: Any) -> Handle:
        """Begin a login at the provider alone."""
        outcome = await self.begin(**changes)
        assert isinstance(outcome, Pending | NeedsCode), outcome
        return outcome.handle

    async def begin(self, **changes: Any) -> Outcome:
        """Return what the provider says to a login."""
        return await self.rig.provider.begin(make_login(**changes), self.clock.now() + 60)

    async def wait(self, handle: Handle, seconds: float = 60) -> Any:
        """Wait for the person's answer; a failure by its kind."""
        outcome = await self.rig.provider.wait(handle, self.clock.now() + seconds)
        return outcome.kind if isinstance(outcome, Failed) else outcome

    def polled(self, *answers: Answer | DropConnection | None) -> None:
        """Answer the next polls like this."""
        self.simulator.knobs.only = lambda request: request.method == "GET" and "/sessions/" in request.path
        self.simulator.knobs.faults.extend(answers)

    def created(self, *answers: Answer | DropConnection | None) -> None:
        """Answer the next creates like this."""
        self.simulator.knobs.only = lambda request: request.method == "POST"
        self.simulator.knobs.faults.extend(answers)

    def count(self, word: str) -> int:
        """How often something was done."""
        return self.simulator.ledger.counts[word]


FAULTS: dict[str, Answer] = {
    "bad key": Answer(401, {"errors": []}),
    "forbidden": Answer(403),
    "not found": Answer(404, {"errors": []}),
    "bad request": Answer(400),
    "gone": Answer(410),
    "teapot": Answer(418),
    "limited": Answer(429),
    "redirect": Answer(302, None, {"Location": "/"}),
    "unknown JSON": Answer(200, {"status": "maybe"}),
    "a page": Answer(200, b"<html>"),
}
