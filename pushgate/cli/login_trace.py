"""The provider and the audit of ``pushgate login``: they do what the real ones do, and show it."""

from collections.abc import Callable, Mapping

from typing_extensions import override

from pushgate.audit import Audit
from pushgate.cli.login_output import Steps
from pushgate.decision import Decision
from pushgate.firstfactor.base import Checked
from pushgate.firstfactor.provider import can_check_passwords
from pushgate.login import Code, Factor, Login, Method, Push, Secret
from pushgate.outcome import Approved, Denied, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.providers.base import Provider

HINTS: Mapping[FailureKind, str] = {
    FailureKind.NOT_ENROLLED: "enrol the person at the provider, and see how it is to find people by their names",
    FailureKind.LOCKED: "unlock the person in the provider's console",
    FailureKind.UNAVAILABLE: "see whether this machine reaches the provider's url",
    FailureKind.CONFIG: "see the url, the key with its rights, and ca_file",
    FailureKind.RATE_LIMITED: "wait, then try again",
    FailureKind.DOWNGRADED: "require a second factor for the person in the provider's console",
}
"""Where the provider itself gives none."""


class TracedProvider(Provider):
    """Hands every call on, and shows it with what its answer means."""

    def __init__(self, inner: Provider, steps: Steps, answered: Callable[[], None]) -> None:
        """Take the provider.

        Args:
            inner: The provider.
            steps: Where calls are shown.
            answered: Called when a question has found its end at the provider.
        """
        self.inner, self.steps, self.answered = inner, steps, answered
        self.name = inner.name
        self.failure: Failed | None = None
        """The last one."""

    @override
    async def features(self, login: Login, deadline: float) -> frozenset[str]:
        self.steps.call("features")
        features = await self.inner.features(login, deadline)
        self.steps.features(features)
        return features

    @override
    async def reach(self, deadline: float) -> Failed | None:
        self.steps.call("reach")
        return await self.inner.reach(deadline)

    @override
    async def pretend(self, login: Login, deadline: float) -> Outcome:
        self.steps.call("pretend")
        return self.shown("pretend", await self.inner.pretend(login, deadline))

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Let the provider check a password, if it can."""
        checker = self.inner
        assert can_check_passwords(checker)
        self.steps.call("check_password")
        checked = await checker.check_password(login, password, deadline)
        self.failure = checked if isinstance(checked, Failed) else self.failure
        self.steps.outcome("check_password", checked)
        return checked

    @override
    async def begin(self, login: Login, deadline: float) -> Outcome:
        self.steps.call("begin", describe(login.factor))
        return self.shown("begin", await self.inner.begin(login, deadline))

    @override
    async def wait(self, handle: Handle, deadline: float) -> Approved | Denied | Failed:
        self.steps.call("wait")
        answer = await self.inner.wait(handle, deadline)
        self.answered()
        self.shown("wait", answer)
        return answer

    @override
    async def submit(self, handle: Handle, code: str, deadline: float) -> Approved | Denied | NeedsCode | Failed:
        self.steps.call("submit")
        answer = await self.inner.submit(handle, code, deadline)
        self.shown("submit", answer)
        return answer

    @override
    async def cancel(self, handle: Handle) -> None:
        self.steps.call("cancel")
        await self.inner.cancel(handle)

    @override
    async def close(self) -> None:
        await self.inner.close()

    def shown(self, call: str, outcome: Outcome) -> Outcome:
        """Show an outcome and keep it, if it is a failure."""
        self.failure = outcome if isinstance(outcome, Failed) else self.failure
        self.steps.outcome(call, outcome)
        return outcome

    def hint(self) -> str:
        """Say what can be done about the last failure."""
        return "" if self.failure is None else self.failure.hint or HINTS.get(self.failure.kind, "")


class ShownAudit(Audit):
    """Shows a decision in place of recording it: it opens no door."""

    def __init__(self, steps: Steps, hint: Callable[[], str]) -> None:
        self.steps, self.hint = steps, hint

    @override
    def record(self, login: Login, decision: Decision, *, seconds: float, detail: str) -> None:
        self.steps.decision(decision, detail, "" if decision.accept else self.hint())

    @override
    def note(self, event: str, audit_id: str, details: Mapping[str, str | float]) -> None:
        return  # of unlocking, which nobody can ask for here


def describe(factor: Factor) -> str:
    """Say how the person is to be there, without the code."""
    match factor:
        case Push(number=None, draw_number=False):
            return "push"
        case Push():
            return "push with a number"
        case Code():
            return "code"
        case Method(word):
            return word
