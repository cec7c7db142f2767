"""The watched provider of ``pushgate login``."""

import json

import pytest
from typing_extensions import override

from pushgate.cli.login_output import Steps
from pushgate.cli.login_trace import ShownAudit, TracedProvider, describe
from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from pushgate.firstfactor.base import Checked, PasswordRight
from pushgate.login import Code, Factor, Login, Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, Pending
from tests.support.core import ScriptedProvider, make_login

SECRET = Secret(b"wonderland")


class Checker(ScriptedProvider):
    """Checks passwords as well."""

    checked: Checked = PasswordRight(handle=Handle("hidden"))

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Answer as told."""
        self.calls.append(f"check {password.value.decode()}")
        return self.checked

    @override
    async def reach(self, deadline: float) -> Failed | None:
        return Failed(FailureKind.UNAVAILABLE, asked=False, detail="ping")


class Watched:
    """A watched provider, with what was shown of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.inner = Checker(self.clock)
        self.answered: list[str] = []
        self.steps = Steps(self.clock, as_json=True)
        self.provider = TracedProvider(self.inner, self.steps, lambda: self.answered.append("answered"))


@pytest.fixture
def watched() -> Watched:
    """A watched provider."""
    return Watched()


async def test_every_call_is_handed_on_and_shown(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees each call with what came of it; what the core gets is what the provider said."""
    provider, inner, until = watched.provider, watched.inner, watched.clock.now() + 60
    inner.can, inner.code_answers = frozenset({"code"}), [Failed(FailureKind.BAD_CODE, asked=True)]
    assert await provider.features(make_login(), until) == {"code"}
    assert await provider.check_password(make_login(), SECRET, until) is inner.checked
    pending = await provider.begin(make_login(), until)
    assert isinstance(pending, Pending)
    assert await provider.submit(pending.handle, "123456", until) == Failed(FailureKind.BAD_CODE, asked=True)
    inner.answers["s1"].set_result(Approved("phone"))
    assert watched.answered == []
    assert await provider.wait(pending.handle, until) == Approved("phone")
    assert watched.answered == ["answered"]
    await provider.cancel(pending.handle)
    assert await provider.reach(until) == await inner.reach(until)
    assert await provider.pretend(make_login(), until) == await inner.reach(until)
    await provider.close()
    assert inner.calls == ["check wonderland", "begin alice", "wait s1", "cancel s1", "close"]
    shown = capsys.readouterr().out
    steps = [json.loads(line) for line in shown.splitlines()]
    assert [(step["step"], step.get("call"), step.get("outcome")) for step in steps] == [
        ("call", "features", None),
        ("features", None, None),
        ("call", "check_password", None),
        ("outcome", "check_password", "PasswordRight"),
        ("call", "begin", None),
        ("outcome", "begin", "Pending"),
        ("call", "submit", None),
        ("outcome", "submit", "Failed"),
        ("call", "wait", None),
        ("outcome", "wait", "Approved"),
        ("call", "cancel", None),
        ("call", "reach", None),
        ("call", "pretend", None),
        ("outcome", "pretend", "Failed"),
    ]
    assert not any(secret in shown for secret in ("wonderland", "123456", "hidden", "s1"))


@pytest.mark.parametrize(
    ("failure", "hint"),
    [
        (None, ""),
        (Failed(FailureKind.CONFIG, asked=False, hint="the key is refused"), "the key is refused"),
        (Failed(FailureKind.UNAVAILABLE, asked=False), "see whether this machine reaches the provider's url"),
        (Failed(FailureKind.EXPIRED, asked=True), ""),
    ],
)
async def test_the_last_failure_says_what_to_do(watched: Watched, failure: Failed | None, hint: str) -> None:
    """An administrator gets the provider's own hint, or that of the kind of failure."""
    watched.inner.begin_with = failure
    await watched.provider.begin(make_login(), 2000)
    assert watched.provider.hint() == hint


async def test_a_password_check_that_failed_says_what_to_do(watched: Watched) -> None:
    """An administrator whose provider cannot check passwords now learns why."""
    watched.inner.checked = Failed(FailureKind.LOCKED, asked=False, hint="unlock alice")
    await watched.provider.check_password(make_login(), SECRET, 2000)
    assert watched.provider.hint() == "unlock alice"


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (Push(), "push"),
        (Push(draw_number=True), "push with a number"),
        (Push(Secret(b"42")), "push with a number"),
        (Code(Secret(b"123456")), "code"),
        (Method("sms"), "sms"),
    ],
)
def test_a_factor_is_named_without_its_code(factor: Factor, words: str) -> None:
    """A person reads how the login is proved, and no code."""
    assert describe(factor) == words


def test_a_decision_is_shown_in_place_of_a_record(watched: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    """A person sees the decision, with a hint where it is a no."""
    audit = ShownAudit(watched.steps, lambda: "see the key")
    audit.record(make_login(), Decision(False, Reason.CONFIG, "x"), seconds=1, detail="HTTP 401")
    audit.record(make_login(), Decision(True, Reason.APPROVED, "x"), seconds=1, detail="phone")
    audit.note("unlocked", "x", {})
    no, yes = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (no["accept"], no["hint"], no["detail"]) == (False, "see the key", "HTTP 401")
    assert (yes["accept"], "hint" in yes) == (True, False)
