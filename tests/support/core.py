"""What the core is tested with: a provider that follows a script, a conversation and an audit that remember."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from typing_extensions import override

from pushgate.attempts import CoolDown, Places, PushBudget
from pushgate.audit import Audit
from pushgate.authenticator import Authenticator, Guards
from pushgate.clock import Clock, FakeClock
from pushgate.conversation import CannotAsk, Conversation
from pushgate.decision import Decision
from pushgate.login import Login, Origin, OriginSource
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from pushgate.policy import Policy, Rule
from pushgate.providers.base import Provider


def make_login(**changes: object) -> Login:
    """Return alice's ssh login from a known address."""
    values: dict[str, object] = {
        "user": "alice",
        "service": "sshd",
        "host": "web1",
        "origin": Origin("203.0.113.7", OriginSource.PAM),
    }
    return Login(**(values | changes))  # type: ignore[arg-type]


def make_guards(clock: Clock, *, max_pending: int = 100, per_user: int = 50, budget: int = 50) -> Guards:
    """Return limits that no test reaches by accident."""
    return Guards(Places(max_pending, per_user), PushBudget(clock, budget), CoolDown(clock))


class ScriptedProvider(Provider):
    """Begins as told; each session is answered by the test, and every call is written down."""

    name = "scripted"

    def __init__(self, clock: Clock, begin: Outcome | Callable[[Login], Outcome] | None = None) -> None:
        self.clock = clock
        self.begin_with = begin
        self.can: frozenset[str] = frozenset()
        self.pretend_with: Outcome | None = None
        self.begin_seconds = 0.0
        self.cancel_seconds = 0.0
        self.calls: list[str] = []
        self.submitted: list[str] = []
        self.code_answers: list[Approved | Denied | NeedsCode | Failed] = []
        self.answers: dict[str, asyncio.Future[Approved | Denied | Failed]] = {}

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        handle = Handle(f"s{len(self.answers) + 1}")
        self.answers[handle.id] = asyncio.get_running_loop().create_future()
        self.calls.append(f"begin {login.user}")
        if self.begin_seconds:
            await self.clock.sleep(self.begin_seconds)
        if callable(self.begin_with):
            return self.begin_with(login)
        return self.begin_with or Pending(handle)

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        return self.pretend_with or await super().pretend(login, deadline)

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        return self.can

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        self.calls.append(f"wait {handle.id}")
        try:
            async with self.clock.timeout_at(deadline):
                return await asyncio.shield(self.answers[handle.id])
        except TimeoutError:
            return Failed(FailureKind.EXPIRED, asked=True)

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        self.submitted.append(code)
        return self.code_answers.pop(0)

    @override
    async def cancel(self, handle: Handle) -> None:
        self.calls.append(f"cancel {handle.id}")
        if self.cancel_seconds:
            await self.clock.sleep(self.cancel_seconds)

    @override
    async def close(self) -> None:
        self.calls.append("close")

    def answer(self, session: str, outcome: Approved | Denied | Failed) -> None:
        """Let the person answer."""
        self.answers[session].set_result(outcome)

    def begun(self) -> int:
        """How often the person was asked."""
        return sum(call.startswith("begin") for call in self.calls)


class RecordingConversation(Conversation):
    """Remembers what was told and asked; types prepared lines."""

    def __init__(
        self,
        reply_by: float | None = None,
        typed: list[str] | None = None,
        *,
        can_ask: bool = False,
        shows_at_once: bool = False,
        may_know: bool = False,
    ) -> None:
        self.deadline = reply_by
        self.typed = typed
        self.asks, self.shows, self.knows = can_ask, shows_at_once, may_know
        self.told: list[str] = []
        self.asked: list[str] = []
        self.echoes: list[bool] = []

    @property
    @override
    def reply_by(self) -> float | None:
        return self.deadline

    @property
    @override
    def can_ask(self) -> bool:
        return self.asks

    @property
    @override
    def ends_by(self) -> float | None:
        return None if self.asks else self.deadline

    @property
    @override
    def may_know(self) -> bool:
        return self.knows

    @property
    @override
    def shows_at_once(self) -> bool:
        return self.shows

    @override
    async def tell(self, text: str) -> None:
        self.told.append(text)

    @override
    async def ask(self, prompt: str, *, echo: bool) -> str:
        self.asked.append(prompt)
        self.echoes.append(echo)
        if self.typed is None:
            raise CannotAsk
        if not self.typed:
            await asyncio.Event().wait()
        return self.typed.pop(0)


@dataclass
class RecordingAudit(Audit):
    """Keeps the records."""

    records: list[tuple[Login, Decision, str]] = field(default_factory=list)
    notes: list[tuple[str, str, Mapping[str, str | float]]] = field(default_factory=list)

    @override
    def record(self, login: Login, decision: Decision, *, seconds: float, detail: str) -> None:
        self.records.append((login, decision, detail))

    @override
    def note(self, event: str, audit_id: str, details: Mapping[str, str | float]) -> None:
        self.notes.append((event, audit_id, details))

    def reasons(self) -> list[str]:
        """The reasons in order."""
        return [decision.reason.value for _, decision, _ in self.records]


class Core:
    """An authenticator on a fake clock with everything around it in reach."""

    def __init__(
        self,
        begin: Outcome | Callable[[Login], Outcome] | None = None,
        *,
        max_pending: int = 100,
        per_user: int = 50,
        budget: int = 50,
    ) -> None:
        self.clock = FakeClock()
        self.provider = ScriptedProvider(self.clock, begin)
        self.audit = RecordingAudit()
        self.policy = Policy({"sshd": Rule(), "sudo": Rule(), "vpn": Rule(), "open": Rule(accept_if_unreachable=True)})
        self.guards = make_guards(self.clock, max_pending=max_pending, per_user=per_user, budget=budget)
        self.authenticator = Authenticator(
            self.policy, self.provider, self.audit, self.clock, timeout=60, guards=self.guards
        )

    def start(self, login: Login, conversation: Conversation | None = None) -> asyncio.Task[Decision]:
        """Begin a login as a front end would."""
        return asyncio.create_task(self.authenticator.authenticate(login, conversation or RecordingConversation()))

    async def settle(self) -> None:
        """Let everything run until it waits."""
        await self.clock.settle()
