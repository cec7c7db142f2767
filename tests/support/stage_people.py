"""The people of played logins, and what they see."""

import dataclasses
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from typing_extensions import override

from pushgate.audit import Audit
from pushgate.clock import FakeClock
from pushgate.decision import Decision
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordRight, PasswordWrong
from pushgate.login import Code, Login, Push, Secret
from pushgate.outcome import TYPED_CODE, Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome, Pending
from tests.support.core import ScriptedProvider

ENROLLED = frozenset({"alice", "bob"})
LOCKED = frozenset({"lena"})
RIGHT_CODE, RIGHT_PASSWORD = "123456", "wonderland"


class Seen:
    """What each actor has seen, with its second, until the script names it."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock, self.begun = clock, clock.now()
        self.events: dict[str, deque[tuple[float, list[str]]]] = {}
        self.history: list[tuple[str, list[str]]] = []
        """All of it in order, also what the script has named."""
        self.slack = 0.0
        """By how many seconds something may be seen before the script says so."""

    def note(self, actor: str, *words: str) -> None:
        """Note what an actor sees now."""
        self.history.append((actor, list(words)))
        self.events.setdefault(actor, deque()).append((round(self.clock.now() - self.begun, 3), list(words)))

    def expect(self, second: float, actor: str, words: list[str]) -> None:
        """Check that this is the next thing the actor saw, and when."""
        waiting = self.events.get(actor)
        assert waiting, f"{second:g} {actor} {' '.join(words)}: nothing was seen by then; {self.left()}"
        when, seen = waiting.popleft()
        in_time = second - self.slack <= when <= second
        assert (in_time, seen[: len(words)]) == (True, words), f"{second:g} {actor} saw {seen} at {when:g}"

    def left(self) -> dict[str, list[tuple[float, list[str]]]]:
        """Return what the script has not named."""
        return {actor: list(events) for actor, events in self.events.items() if events}


class People(ScriptedProvider):
    """People with a device each, who may type one code; everybody else is not enrolled."""

    def __init__(self, clock: FakeClock, seen: Seen) -> None:
        super().__init__(clock)
        self.seen, self.can = seen, frozenset({"number", "code"})
        self.failure: Failed | None = None

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        if isinstance(login.factor, Code):
            return self.check(login.user, login.factor.code.value.decode())
        if self.failure is not None:
            return self.failure
        if login.user not in ENROLLED:
            kind = FailureKind.LOCKED if login.user in LOCKED else FailureKind.NOT_ENROLLED
            return Failed(kind, asked=False)
        pending = await super().begin(login, deadline)
        assert isinstance(pending, Pending)
        chosen = [login.factor.number.value.decode()] if isinstance(login.factor, Push) and login.factor.number else []
        self.seen.note("phone", "rings", login.user, *chosen)
        drawn = isinstance(login.factor, Push) and login.factor.draw_number
        return dataclasses.replace(pending, number="42" if drawn else "")

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        return self.check("alice", code)

    def check(self, user: str, code: str) -> Approved | Failed:
        """Check a code."""
        # The core puts a name that nobody has in the place of a stranger's.
        self.seen.note("code", code, "nobody" if user.startswith("nobody-") else user)
        if self.failure is not None:
            return self.failure
        if user in ENROLLED and code == RIGHT_CODE:
            return Approved(TYPED_CODE)
        return Failed(FailureKind.BAD_CODE if user in ENROLLED else FailureKind.NOT_ENROLLED, asked=False)

    @override
    async def cancel(self, handle: Handle) -> None:
        self.seen.note("phone", "stops", handle.id)
        await super().cancel(handle)


class Passwords(FirstFactor):
    """Everybody has the same password."""

    name = "passwords"

    def __init__(self, seen: Seen, *, available: bool) -> None:
        self.seen, self.available = seen, available

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        typed = password.value.decode()
        self.seen.note("password", typed)
        if not self.available:
            return Failed(FailureKind.UNAVAILABLE, asked=False)
        return PasswordRight() if typed == RIGHT_PASSWORD else PasswordWrong()

    @override
    async def close(self) -> None:
        return


@dataclass
class SeenAudit(Audit):
    """Lets the script see the records."""

    seen: Seen

    @override
    def record(self, login: Login, decision: Decision, *, seconds: float, detail: str) -> None:
        self.seen.note("audit", decision.reason.value, *([decision.factor] if decision.factor else []))

    @override
    def note(self, event: str, audit_id: str, details: Mapping[str, str | float]) -> None:
        self.seen.note("audit", event)
