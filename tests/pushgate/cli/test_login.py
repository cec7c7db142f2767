"""``pushgate login`` as an administrator runs it: a process in a terminal or a pipe, against a running authority."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pushgate.cli.login import choose_provider, login, read_field, with_sudo
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.settings import load_settings
from tests.support.authority import RunningAuthority, running_authority
from tests.support.config import PROVIDER, RADIUS, named, write_config
from tests.support.gate import PUSHGATE
from tests.support.terminal import Terminal, terminal

AUDIT = "audit: {{file: {folder}/audit.jsonl}}\nlogin: {{timeout: 20}}\n"


def config_for(authority: RunningAuthority, folder: Path, **changes: str) -> Path:
    """Write a configuration whose provider is this authority."""
    values = {"api_key": authority.api_key, "domain_id": authority.domain_id, **changes}
    return write_config(folder, PROVIDER, RADIUS, AUDIT, url=authority.api_url.removesuffix("/api"), **values)


async def in_terminal(config: Path, see: Callable[[Terminal], int], *arguments: str) -> tuple[int, str]:
    """Run the command in a terminal; return its exit status and all that was shown."""

    def sit() -> tuple[int, str]:
        command = [str(PUSHGATE), "login", "--config", str(config), *arguments]
        with terminal(command, config.parent) as shown:
            return see(shown), shown.output

    return await asyncio.to_thread(sit)


async def piped(config: Path, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command without a terminal."""
    command = [str(PUSHGATE), "login", "--config", str(config), *arguments]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=30, check=False)

    return await asyncio.to_thread(run)


def steps(printed: str) -> list[dict[str, Any]]:
    """Read what ``--json`` prints."""
    return [json.loads(line) for line in printed.splitlines()]


async def waiting_session(device: Any) -> dict[str, Any]:
    """Wait for the one login that the device is asked about."""
    for _ in range(500):
        if sessions := await device.sessions():
            [session] = sessions
            return session
        await asyncio.sleep(0.02)
    raise AssertionError("no login came")


async def test_an_approval_with_the_number_that_the_terminal_shows(private_folder: Path) -> None:
    """An administrator sees the number at the terminal, who types it on the device, and the command ends by itself."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        config = config_for(authority, private_folder)
        loop = asyncio.get_running_loop()

        def see(shown: Terminal) -> int:
            shown.shows(" begin push with a number")
            shown.shows("Pending, number ")
            shown.shows("Type ")
            number = shown.shows(" on your device to approve, then press Enter, or type a code: ").strip()
            asyncio.run_coroutine_threadsafe(approve(number), loop).result(10)
            return shown.ends()

        async def approve(number: str) -> None:
            session = await waiting_session(device)
            assert "pushgate login" in session["ctx"]
            assert (await device.decide(session, "approved", number[-2:])).status == 200

        status, output = await in_terminal(config, see, "alice")
    assert status == 0, output
    assert f"POST {authority.api_url}/domains/*/sessions: 200, " in output
    assert "approved: approved" in output
    assert "factor: push+number" in output
    for secret in (authority.api_key, authority.domain_id):
        assert secret not in output
    assert not (private_folder / "audit.jsonl").exists()


async def test_a_code_at_the_prompt(private_folder: Path) -> None:
    """A person who types a wrong code is asked again, and with a right one approved; the push is withdrawn."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        code = (await authority.bypass_code())["code"]

        def see(shown: Terminal) -> int:
            shown.shows("or type a code: ")
            shown.types("999999")
            shown.shows("Failed, kind bad_code")
            shown.shows("Wrong code. ")
            shown.types(code)
            return shown.ends()

        status, output = await in_terminal(config_for(authority, private_folder), see, "alice")
        assert await device.sessions() == []
    assert status == 0, output
    assert " cancel" in output
    assert "factor: code" in output


@pytest.mark.parametrize("answer", ["cancel", "\x04"])
async def test_giving_up_at_the_prompt(private_folder: Path, answer: str) -> None:
    """A person who types cancel or Ctrl-D takes the question off the device, and the exit status says no."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")

        def see(shown: Terminal) -> int:
            shown.shows("or type a code: ")
            if len(answer) == 1:
                shown.process.send(answer)
            else:
                shown.types(answer)
            return shown.ends()

        status, output = await in_terminal(config_for(authority, private_folder), see, "alice")
        assert await device.sessions() == []
    assert status == 1
    assert "not approved: given_up" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_control_c_withdraws_and_says_so(private_folder: Path, number: signal.Signals) -> None:
    """An administrator who presses Ctrl-C, or closes the terminal, leaves no question on the device."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        command = [str(PUSHGATE), "login", "--config", str(config_for(authority, private_folder)), "--json", "alice"]
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)
        try:
            await waiting_session(device)
            process.send_signal(number)
            printed, _ = await asyncio.to_thread(process.communicate, timeout=20)
        finally:
            process.kill()
            process.wait()
        assert await device.sessions() == []
    shown = steps(printed)
    assert process.returncode == 1
    shown = shown[[step["step"] for step in shown].index("given_up") :]
    assert [step["method"] for step in shown if step["step"] == "request"][-1] == "DELETE"
    assert [step["call"] for step in shown if step["step"] == "call"][-1] == "cancel"
    assert (shown[-1]["reason"], shown[-1]["detail"]) == ("withdrawn", "given up at the terminal")


async def test_programs_read_json_without_secrets(private_folder: Path) -> None:
    """A program gets a JSON object for each step, with a code from the pipe; no code, key or id is among it."""
    async with running_authority(private_folder) as authority:
        await authority.add_user("alice")
        code = (await authority.bypass_code())["code"]
        config = config_for(authority, private_folder)
        result = await piped(config, "alice", "--factor", "code", "--json", typed=f"{code}\n")
        again = await piped(config, "alice", "--factor", "code", typed=f"{code}\n")
    shown = steps(result.stdout)
    assert result.returncode == 0, result.stderr
    others = [step["step"] for step in shown if step["step"] != "request"]
    assert others == ["call", "features", "call", "outcome", "decision"]
    creates = [step for step in shown if step["step"] == "request" and step["method"] == "POST"]
    assert creates[0]["path"] == "/api/domains/*/sessions"
    assert creates[0]["status"] == 200
    assert {"accept": True, "reason": "approved", "factor": "code"}.items() <= shown[-1].items()
    assert [step["at"] for step in shown] == sorted(step["at"] for step in shown)
    for secret in (code, authority.api_key, authority.domain_id):
        assert secret not in result.stdout + result.stderr
    assert again.returncode == 1
    assert "not approved: bad_code" in again.stdout


async def test_a_refused_key_is_explained(private_folder: Path) -> None:
    """An administrator whose key is wrong reads that, what to look at, and what the person would have read."""
    async with running_authority(private_folder) as authority:
        result = await piped(config_for(authority, private_folder, api_key="x" * 64), "alice")
    assert result.returncode == 1
    assert "ping: 401, " in result.stdout
    assert "nobody was asked" in result.stdout
    assert "not approved: config" in result.stdout
    assert "hint: " in result.stdout
    assert 'the person reads: "Rejected"' in result.stdout


async def test_somebody_who_is_not_enrolled_is_told_at_once(private_folder: Path) -> None:
    """An administrator who tries a name that nobody has need not wait as a stranger at sshd has to."""
    async with running_authority(private_folder) as authority:
        result = await piped(config_for(authority, private_folder), "mallory")
    assert result.returncode == 1
    assert "not approved: not_enrolled" in result.stdout
    assert "pushgate user add" in result.stdout


async def test_a_password_needs_a_provider_that_checks_it(private_folder: Path) -> None:
    """An administrator is told that LoginTC checks no passwords; what was typed is not shown."""
    async with running_authority(private_folder) as authority:

        def see(shown: Terminal) -> int:
            shown.shows("Password: ")
            shown.types("wonderland")
            return shown.ends()

        status, output = await in_terminal(config_for(authority, private_folder), see, "alice", "--password")
    assert status == 1
    assert "logintc checks no passwords" in output
    assert "wonderland" not in output


async def test_a_password_comes_from_a_terminal_only(private_folder: Path) -> None:
    """A script that pipes a password in is refused, and nobody is asked."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        result = await piped(config_for(authority, private_folder), "alice", "--password", typed="wonderland\n")
        assert await device.sessions() == []
    assert result.returncode == 1
    assert "typed at a terminal only" in result.stderr


def test_a_field_is_written_as_a_person_would(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password and the choice of a factor become what the core reads; the last separator is always ours."""
    typed = {"Password": "a,b", "Code": "123 456"}
    monkeypatch.setattr("click.prompt", lambda text, **_: typed[text])
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda _: True})())
    assert read_field("sms", False).value == b"sms"
    assert read_field("push", True).value == b"a,b,push"
    assert read_field("code", False).value == b"123456"
    assert read_field("code", True).value == b"a,b,123456"


@pytest.mark.parametrize(
    "arguments", [(), ("alice", "--factor", "fax"), ("alice", "--service", "Unlock"), ("alice", "--factor", "code")]
)
def test_a_wrong_call_is_refused(private_folder: Path, arguments: tuple[str, ...]) -> None:
    """An administrator who calls it wrongly, or types no code, is told how, with exit status 2."""
    config = write_config(private_folder, PROVIDER, RADIUS)
    result = CliRunner().invoke(login, ["--config", str(config), *arguments], input="12\n")
    assert (result.exit_code, "Error: " in result.stderr) == (2, True)


def test_the_provider_is_chosen_by_name(private_folder: Path) -> None:
    """An administrator tries the provider that is asked first, or another one by its name."""
    order = "login: {{providers: [cloud, phones]}}\n"
    cloud = named("cloud", PROVIDER).partition("\n")[2]
    settings = load_settings(config := write_config(private_folder, named("phones", PROVIDER), cloud, RADIUS, order))
    assert choose_provider(config, settings, None) == ("cloud", settings.providers["cloud"])
    assert choose_provider(config, settings, "phones") == ("phones", settings.providers["phones"])
    with pytest.raises(PushgateError, match="no provider is called provider") as caught:
        choose_provider(config, settings, "provider")
    assert caught.value.hint == "it has: phones, cloud"


def test_no_such_provider(private_folder: Path) -> None:
    """An administrator who names a provider that is not there reads which ones are."""
    config = write_config(private_folder, PROVIDER, RADIUS)
    result = CliRunner().invoke(login, ["--config", str(config), "alice", "--provider", "pho\x1bnes"])
    assert isinstance(result.exception, PushgateError)
    assert "no provider is called pho\\x1bnes" in result.exception.message
    assert result.exception.hint == "it has: provider"


def test_a_configuration_without_provider(private_folder: Path) -> None:
    """An administrator whose configuration names no provider is told what is missing."""
    config = write_config(private_folder, "authority: {{}}\n")
    result = CliRunner().invoke(login, ["--config", str(config), "alice"])
    assert isinstance(result.exception, PushgateError)
    assert "provider is missing" in result.exception.message


def test_keys_that_only_root_may_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator who may not read the key is told to use sudo; root gets the file's own hint."""
    problem = PushgateError("/etc/pushgate/api.key: cannot be read (permission denied)", "check path and mode")
    other = PushgateError("/etc/pushgate/api.key: is empty", "write the secret into it")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert with_sudo(problem).hint == "only root may read it: sudo pushgate login"
    assert with_sudo(other).hint == other.hint
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert with_sudo(problem).hint == problem.hint


def test_an_unreadable_configuration_ends_in_the_same_hint(
    private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator without the right to read the configuration gets one error that names the file."""
    refused = ConfigurationError([PushgateError("x: cannot be read (permission denied)", "check path and mode")])

    def load(_: Path) -> None:
        raise refused

    monkeypatch.setattr("pushgate.settings.load_settings", load)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    result = CliRunner().invoke(login, ["--config", str(private_folder / "x"), "alice"])
    assert isinstance(result.exception, ConfigurationError)
    assert [problem.hint for problem in result.exception.problems] == ["only root may read it: sudo pushgate login"]
