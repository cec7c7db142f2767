"""One login of ``pushgate login``, through a scripted provider on a fake clock."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from pushgate.cli import login_trial
from pushgate.cli.login_trial import Trial, make_login, rule_of
from pushgate.clock import FakeClock
from pushgate.errors import PushgateError
from pushgate.firstfactor.base import Checked, PasswordRight, PasswordWrong
from pushgate.login import Code, Login, Method, Push, Secret
from pushgate.outcome import Approved, Failed, FailureKind, Handle, NeedsCode, Outcome
from pushgate.policy import Rule
from pushgate.settings import Settings, load_settings
from tests.support.config import PROVIDER, RADIUS, write_config
from tests.support.core import ScriptedProvider

PAM = """\
pam:
  services:
    sshd: {{number: required, if_unreachable: accept, exempt_users: [alice]}}
    sudo: {{number: off}}
"""


class Passwords(ScriptedProvider):
    """Checks passwords, and wants to see its handle again."""

    async def check_password(self, login: Login, password: Secret, deadline: float) -> Checked:
        """Know one password."""
        return PasswordRight(handle=Handle("p1")) if password.value == b"won,der" else PasswordWrong("no")


class Stage:
    """A trial whose standard input is a file of this text."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.clock = FakeClock()
        self.settings: Settings = load_settings(write_config(folder, PROVIDER, RADIUS, PAM))
        self.provider: ScriptedProvider = ScriptedProvider(self.clock)
        self.typed = folder / "typed"
        self.typed.write_text("")
        self.descriptor = os.open(self.typed, os.O_RDONLY)
        monkeypatch.setattr(login_trial, "build_provider", lambda *_: self.provider)
        monkeypatch.setattr("sys.stdin", self)

    def fileno(self) -> int:
        """Be standard input."""
        return self.descriptor

    def start(self, field: str, *, service: str = "login", has_password: bool = False) -> "asyncio.Task[bool]":
        """Begin a login."""
        assert self.settings.provider is not None
        login = make_login("alice", service, Secret(field.encode()))
        trial = Trial(self.clock, self.settings, as_json=True)
        return asyncio.create_task(trial.run(self.settings.provider, "phones", login, has_password))

    async def run(self, field: str, **options: Any) -> bool:
        """Log in, and let time go by until that has an end."""
        running = self.start(field, **options)
        await self.clock.advance(120)
        return await running


@pytest.fixture
def stage(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A trial."""
    stage = Stage(private_folder, monkeypatch)
    with structlog.testing.capture_logs():
        yield stage
    os.close(stage.descriptor)


@pytest.mark.parametrize(
    ("field", "factor"),
    [("push", Push()), ("sms", Method("sms")), ("email", Method("email")), ("123456", Code(Secret(b"123456")))],
)
async def test_the_factor_of_the_command_line_reaches_the_provider(stage: Stage, field: str, factor: object) -> None:
    """A person is reached as the administrator wants, and the provider is closed at the end."""
    begun: list[Login] = []

    def begin(login: Login) -> Outcome:
        begun.append(login)
        return Approved("phone")

    stage.provider.begin_with = begin
    assert await stage.run(field)
    assert [(login.factor, login.user, login.command) for login in begun] == [(factor, "alice", "pushgate login")]
    assert stage.provider.calls[-1] == "close"


async def test_a_password_goes_before_the_question(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """A provider that has checked the password gets its handle back; a wrong one asks nobody and is not shown."""
    begun: list[Login] = []

    def begin(login: Login) -> Outcome:
        begun.append(login)
        return Approved("phone")

    stage.provider = Passwords(stage.clock, begin)
    assert await stage.run("won,der,push", has_password=True)
    assert not await stage.run("wonder,push", has_password=True)
    assert [(login.factor, login.checked) for login in begun] == [(Push(), Handle("p1"))]
    shown = capsys.readouterr().out
    assert "won" not in shown
    assert json.loads(shown.splitlines()[-1])["reason"] == "bad_password"


async def test_a_provider_without_passwords_is_refused(stage: Stage) -> None:
    """An administrator is told in words that this provider checks no passwords, and it is closed."""
    with pytest.raises(PushgateError, match="phones: a provider of the type logintc checks no passwords"):
        await stage.run("won,push", has_password=True)
    assert stage.provider.calls == ["close"]


async def test_a_code_is_read_from_standard_input(stage: Stage) -> None:
    """A code that the provider wants is read, and handed in."""
    stage.typed.write_text("123456\n")
    stage.provider.begin_with = NeedsCode(Handle("c"), "Code: ")
    stage.provider.code_answers = [Approved()]
    assert await stage.run("email")
    assert stage.provider.submitted == ["123456"]


async def test_another_way_is_chosen_at_the_prompt(stage: Stage) -> None:
    """A person who types the name of another way at the prompt is asked in that way, as at a login."""
    stage.typed.write_text("sms\n123456\n")
    stage.provider.can = frozenset({"sms"})
    begun: list[object] = []

    def begin(login: Login) -> Outcome:
        begun.append(login.factor)
        return NeedsCode(Handle("c"), "Code: ")

    stage.provider.begin_with = begin
    stage.provider.code_answers = [Approved()]
    assert await stage.run("email")
    assert begun == [Method("email"), Method("sms")]


async def test_nobody_answers(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """A question that nobody answers ends after the time of the configuration, and is withdrawn."""
    assert not await stage.run("push")
    assert stage.provider.calls == ["begin alice", "wait s1", "cancel s1", "close"]
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (last["reason"], 60 <= last["at"] <= 61) == ("expired", True)


async def test_an_outage_opens_nothing_here(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    """A service that lets people in during an outage, or alice always, is no approval of hers."""
    stage.provider.can = frozenset({"number"})
    stage.provider.begin_with = Failed(FailureKind.UNAVAILABLE, asked=False)
    assert not await stage.run("push", service="sshd")
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["reason"] == "unavailable"


def test_the_rule_is_the_service_s_own_about_numbers(stage: Stage) -> None:
    """A service of the configuration keeps its rule about numbers; any other one shows a number where it can."""
    assert rule_of(stage.settings, "sshd") == Rule(number="required")
    assert rule_of(stage.settings, "sudo") == Rule(number="off")
    assert rule_of(stage.settings, "login") == Rule(number="optional")


@pytest.mark.parametrize("number", login_trial.SIGNALS)
async def test_a_signal_withdraws(stage: Stage, number: int, capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator who gives up twice in a row takes the question back once."""
    running = stage.start("push")
    await stage.clock.settle()
    os.kill(os.getpid(), number)
    os.kill(os.getpid(), number)
    await asyncio.wait([running], timeout=5)
    assert running.result() is False
    assert stage.provider.calls == ["begin alice", "wait s1", "cancel s1", "close"]
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["reason"] == "withdrawn"
