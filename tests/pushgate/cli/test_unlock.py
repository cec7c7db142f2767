"""``pushgate unlock`` against a real control socket."""

import asyncio
import json
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest
import structlog
from click.testing import CliRunner, Result

from pushgate.audit import JsonLinesAudit
from pushgate.authenticator import Authenticator
from pushgate.cli.unlock import unlock
from pushgate.clock import SystemClock
from pushgate.control import Control, Report
from pushgate.errors import PushgateError
from pushgate.outcome import Approved, Denied, Failed, Outcome
from pushgate.policy import Policy, Rule
from pushgate.unlock import Unlocker
from tests.support.config import PROVIDER, RADIUS, write_config
from tests.support.core import ScriptedProvider, make_guards
from tests.support.gate import PUSHGATE
from tests.support.processes import wait_until

CONTROL = "control: {{socket: {folder}/control.sock}}\nlogin: {{timeout: 30}}\n"
RULES = {"sshd": Rule(unlock_longest=3600), "sudo": Rule(unlock_longest=300), "closed": Rule()}


class Daemon:
    """What a daemon is made of, on a scripted provider; the configuration file names its control socket."""

    def __init__(self, folder: Path) -> None:
        self.clock = SystemClock()
        self.provider = ScriptedProvider(self.clock)
        self.audit = JsonLinesAudit(self.clock, folder / "audit.jsonl")
        guards = make_guards(self.clock)
        self.authenticator = Authenticator(
            Policy(RULES), self.provider, self.audit, self.clock, timeout=30, guards=guards
        )
        self.unlocker = Unlocker(self.authenticator)
        self.config = write_config(folder, PROVIDER, RADIUS, CONTROL)

    async def called(self, call: str) -> None:
        """Wait until the provider is called so."""
        await asyncio.to_thread(wait_until, lambda: call in self.provider.calls, 10, call)

    async def run(self, *arguments: str) -> Result:
        """Run the command beside the loop in which the daemon answers."""
        return await asyncio.to_thread(CliRunner().invoke, unlock, ["--config", str(self.config), *arguments])

    async def answered(self, outcome: Approved | Denied | Failed, *arguments: str) -> Result:
        """Run the command, and let the person answer."""
        running = asyncio.create_task(self.run(*arguments))
        await self.called("wait s1")
        self.provider.answer("s1", outcome)
        return await running


async def report() -> Report:
    """Reload nothing."""
    return {}


@asynccontextmanager
async def daemon(folder: Path, begin: Outcome | None = None) -> AsyncIterator[Daemon]:
    """Serve a control socket."""
    running = Daemon(folder)
    running.provider.begin_with = begin
    control = Control(folder / "control.sock", report, dict, running.unlocker)
    await control.start()
    try:
        # What a daemon logs would stand among what the command prints.
        with structlog.testing.capture_logs():
            yield running
    finally:
        await running.unlocker.close()
        await control.stop()
        running.audit.close()


async def test_an_approval_opens(private_folder: Path) -> None:
    """An administrator sees who is waited for, and after the approval what is open from where and until when."""
    async with daemon(private_folder) as running:
        arguments = ("alice", "--for", "15m", "--from", "203.0.113.7")
        result = await running.answered(Approved("phone"), *arguments)
        listed = await running.run("--list")
    assert (result.exit_code, result.stderr) == (0, "waiting for alice to approve, 30 s left\n")
    ssh, sudo = result.stdout.splitlines()
    assert ssh.startswith("alice  sshd  unlocked from 203.0.113.7  until 20")
    assert "(15m left, " in ssh
    assert "  sudo  " in sudo
    assert "(5m left, " in sudo
    assert [line.partition(" until ")[0] for line in listed.stdout.splitlines()] == [
        "alice  sshd  unlocked from 203.0.113.7 ",
        "alice  sudo  unlocked from 203.0.113.7 ",
    ]


async def test_programs_read_json(private_folder: Path) -> None:
    """A program gets what is open, and how much was forgotten, as JSON."""
    async with daemon(private_folder) as running:
        result = await running.answered(Approved(), "alice", "--for", "60", "--service", "sudo", "--json")
        listed = await running.run("--list", "--json")
        revoked = await running.run("alice", "--revoke", "--json")
        after = await running.run("--list", "--json")
    [entry] = json.loads(result.stdout)["open"]
    assert (entry["user"], entry["service"], entry["address"]) == ("alice", "sudo", "")
    assert 58 <= entry["seconds_left"] <= 60
    assert [each["id"] for each in json.loads(listed.stdout)["open"]] == [entry["id"]]
    assert json.loads(revoked.stdout)["forgotten"] == 1
    assert json.loads(after.stdout) == {"open": []}


async def test_revoking_is_said(private_folder: Path) -> None:
    """An administrator who revokes is told how much was open, and sees afterwards that nothing is."""
    async with daemon(private_folder) as running:
        running.unlocker.remembered.unlock("alice", "sshd", "", 900, "id")
        first, second = await running.run("alice", "--revoke"), await running.run("alice", "--revoke")
        listed = await running.run("--list")
    assert first.stdout == "forgotten for alice: 1\n"
    assert second.stdout == "forgotten for alice: nothing, for nothing was open\n"
    assert listed.stdout == "nothing is open\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("alice", "--for", "15m", "--service", "closed"), "closed may not be unlocked"),
        (("alice", "--for", "15m", "--from", "web1"), "must be an IP address"),
        (("al\x1bice", "--for", "15m"), "no user has such a name"),
        (("al\x1bice", "--revoke"), "no user has such a name"),
    ],
)
async def test_what_cannot_be_is_an_error(private_folder: Path, arguments: tuple[str, ...], message: str) -> None:
    """An administrator who asks for what cannot be gets an error with a hint, and nobody is asked."""
    async with daemon(private_folder) as running:
        result = await running.run(*arguments)
        assert running.provider.calls == []
    assert isinstance(result.exception, PushgateError)
    assert message in result.exception.message
    assert result.exception.hint


async def test_a_denial_is_an_error(private_folder: Path) -> None:
    """An administrator whose person denies gets an error, and nothing is open."""
    async with daemon(private_folder) as running:
        result = await running.answered(Denied(), "alice", "--for", "15m")
        assert (await running.run("--list")).stdout == "nothing is open\n"
    assert isinstance(result.exception, PushgateError)
    assert result.exception.message == "alice denied it"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("alice",),
        ("--for", "15m"),
        ("--revoke",),
        ("alice", "--list"),
        ("alice", "--for", "15m", "--revoke"),
        ("--list", "--for", "15m"),
        ("alice", "--revoke", "--service", "sshd"),
        ("--list", "--from", "203.0.113.7"),
        ("alice", "--for", "13h"),
        ("alice", "--for", "0"),
        ("alice", "--for", "soon"),
    ],
)
def test_a_wrong_call_is_refused(private_folder: Path, arguments: tuple[str, ...]) -> None:
    """An administrator who calls it wrongly is told how, with exit status 2, and no daemon is needed for that."""
    config = private_folder / "none.yaml"
    result = CliRunner().invoke(unlock, ["--config", str(config), *arguments])
    assert (result.exit_code, "Error: " in result.stderr) == (2, True)


def test_no_daemon_is_said_so(private_folder: Path) -> None:
    """An administrator whose daemon does not run is told so, and does not wait."""
    config = write_config(private_folder, PROVIDER, RADIUS, CONTROL)
    result = CliRunner().invoke(unlock, ["--config", str(config), "alice", "--for", "15m"])
    assert isinstance(result.exception, PushgateError)
    assert "nobody answers" in result.exception.message


async def test_a_daemon_that_ends_is_said_so(private_folder: Path) -> None:
    """An administrator whose daemon ends while the person is asked is told so; the question is taken back."""
    async with daemon(private_folder) as running:
        waiting = asyncio.create_task(running.run("alice", "--for", "15m"))
        await running.called("wait s1")
        await running.unlocker.close()
    result = await waiting
    assert isinstance(result.exception, PushgateError)
    assert result.exception.message == "the daemon stops"
    assert running.provider.calls[-1] == "cancel s1"


async def test_control_c_withdraws(private_folder: Path) -> None:
    """An administrator who presses Ctrl-C takes the question off the device; an approval opens nothing any more."""
    async with daemon(private_folder) as running:
        command = [str(PUSHGATE), "unlock", "alice", "--for", "15m", "--config", str(running.config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            await running.called("wait s1")
            process.send_signal(signal.SIGINT)
            await running.called("cancel s1")
            _, errors = await asyncio.to_thread(process.communicate, timeout=20)
        finally:
            process.kill()
            process.wait()
        running.provider.answer("s1", Approved())
        assert (await running.run("--list")).stdout == "nothing is open\n"
    assert process.returncode == 1
    assert "given up, the question is withdrawn" in errors
    records = [json.loads(line) for line in (private_folder / "audit.jsonl").read_text().splitlines()]
    assert [record["reason"] for record in records] == ["withdrawn"]


async def test_a_terminal_counts_down(private_folder: Path) -> None:
    """An administrator at a terminal sees how much time the person has left."""
    async with daemon(private_folder) as running:
        arguments = ["unlock", "alice", "--for", "15m", "--service", "sudo", "--config", str(running.config)]

        def watch() -> tuple[str, int | None]:
            terminal = pexpect.spawn(str(PUSHGATE), arguments, encoding="utf-8", timeout=20, dimensions=(24, 120))
            terminal.expect(r"waiting for alice to approve, 30 s left")
            terminal.expect(r"waiting for alice to approve, 29 s left")
            running.provider.answers["s1"].get_loop().call_soon_threadsafe(running.provider.answer, "s1", Approved())
            terminal.expect(pexpect.EOF)
            terminal.close()
            return str(terminal.before), terminal.exitstatus

        shown, status = await asyncio.to_thread(watch)
    assert "alice  sudo  unlocked from anywhere" in shown
    assert status == 0


def entry(**changes: Any) -> dict[str, Any]:
    """Return what a daemon says of an approval that still holds."""
    values = {"id": "0123456789abcdef", "user": "alice", "account": "", "service": "sshd", "address": "203.0.113.7"}
    until = {"bound_to": "key+origin", "until": "2026-01-01T00:15:00+00:00", "seconds_left": 90}
    return {**values, **until, **changes}


async def test_remembered_approvals_are_listed_too(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator sees what is remembered, bound to what; outside text cannot steer the terminal."""
    sudo = entry(service="sudo", account="root", address="", bound_to="session+tty")
    async with daemon(private_folder) as running:
        shown = {"open": [entry(), sudo, entry(user="a\x1b[2J")]}
        monkeypatch.setattr(running.unlocker, "show_open", lambda: shown)
        result = await running.run("--list")
    tail = "until 2026-01-01 00:15:00 UTC (1m 30s left, 0123456789abcdef)"
    assert result.stdout.splitlines() == [
        f"alice  sshd  remembered for the same key and origin 203.0.113.7  {tail}",
        f"alice as root  sudo  remembered for the same session and tty  {tail}",
        f"a\\x1b[2J  sshd  remembered for the same key and origin 203.0.113.7  {tail}",
    ]
