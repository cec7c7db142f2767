"""The terminal device as a person uses it: the installed command, a pseudo-terminal, a real authority."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pyotp
import pytest

from tests.support.authority import NATIVE, RunningAuthority, early_in_step, running_authority
from tests.support.config import PROVIDER, RADIUS, write_config

pytestmark = pytest.mark.system

PUSHGATE = str(Path(sys.executable).with_name("pushgate"))
SSH: dict[str, Any] = {
    "ipAddress": "203.0.113.7",
    "attributes": [{"key": "Host", "value": "web1"}],
    "context": {"service": "sshd", "host": "web1", "origin_kind": "pam"},
}
PATIENCE = 30


@dataclass
class Terminal:
    """A terminal with a key file of its own."""

    authority: RunningAuthority
    key: Path

    async def run(self, *arguments: str, typed: str = "") -> subprocess.CompletedProcess[str]:
        """Run ``pushgate`` without a terminal."""
        command = [PUSHGATE, *arguments, "--key", str(self.key)]
        return await asyncio.to_thread(
            subprocess.run, command, input=typed, capture_output=True, text=True, timeout=PATIENCE, check=False
        )

    def spawn(self, *arguments: str) -> "pexpect.spawn[str]":
        """Run ``pushgate`` in a pseudo-terminal."""
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        arguments = (*arguments, "--key", str(self.key))
        return pexpect.spawn(
            PUSHGATE, list(arguments), env=environment, encoding="utf-8", timeout=PATIENCE, dimensions=(50, 120)
        )


@asynccontextmanager
async def linked_terminal(folder: Path) -> AsyncIterator[Terminal]:
    """Run an authority, and link a terminal to alice; the code goes in by standard input."""
    async with running_authority(folder) as authority:
        user, code = await authority.add_user()
        terminal = Terminal(authority, folder / "device.json")
        linked = await terminal.run("device", "enroll", "--server", authority.page_url, "--json", typed=f"{code}\n")
        assert (linked.returncode, linked.stderr) == (0, "")
        token = (await authority.call("GET", f"/domains/{{d}}/users/{user}/token", accept=NATIVE)).json
        assert [device["fingerprint"] for device in token["devices"]] == [json.loads(linked.stdout)["fingerprint"]]
        yield terminal


async def test_seed_is_confirmed_in_a_terminal(private_folder: Path) -> None:
    """An administrator sees a QR code, mistypes the first code, types the right one, and the seed is active."""
    async with running_authority(private_folder) as authority:
        await authority.add_user()
        url = authority.api_url.removesuffix("/api")
        config = write_config(
            private_folder, PROVIDER, RADIUS, url=url, api_key=authority.api_key, domain_id=authority.domain_id
        )
        command = ["user", "totp", "alice", "--qr", "--config", str(config)]
        environment = {**os.environ, "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        program = pexpect.spawn(
            PUSHGATE, command, env=environment, encoding="utf-8", timeout=PATIENCE, dimensions=(80, 160)
        )
        await program.expect(r"secret=([A-Z2-7]{32})", async_=True)
        assert isinstance(program.match, re.Match)
        seed = pyotp.TOTP(program.match[1])
        await program.expect("Code that the app shows now", async_=True)
        await early_in_step()
        program.sendline("000000x")
        await program.expect("that is not the code of this seed", async_=True)
        program.sendline(seed.at(time.time() - 30))
        await program.expect("alice can log in with the app's codes", async_=True)
        await program.expect(pexpect.EOF, async_=True)
        program.close()
        assert program.exitstatus == 0
        assert (await authority.type_code(seed.now()))["state"] == "approved"


@pytest.mark.parametrize("right", [True, False])
async def test_number_in_a_terminal(private_folder: Path, right: bool) -> None:
    """A person who types the number of the login approves it; one who types another ends it."""
    async with linked_terminal(private_folder) as terminal:
        session = await terminal.authority.ask(native=True, number="57", **SSH)
        program = terminal.spawn("approve")
        await program.expect("Approve this login?", async_=True)
        program.sendline("y")
        await program.expect("Number shown where you log in", async_=True)
        program.sendline("57" if right else "75")
        await program.expect(pexpect.EOF, async_=True)
        program.close()
        decided = (await terminal.authority.call("GET", f"/domains/{{d}}/sessions/{session}", accept=NATIVE)).json
    assert program.exitstatus == (0 if right else 1)
    assert (decided["state"], decided["reason"]) == (("approved", None) if right else ("denied", "wrong_number"))


async def test_yes_in_a_terminal(private_folder: Path) -> None:
    """A person who reads the login and types y approves it."""
    async with linked_terminal(private_folder) as terminal:
        session = await terminal.authority.ask(native=True, **SSH)
        program = terminal.spawn("approve")
        await program.expect("Approve this login?", async_=True)
        shown = program.before or ""
        program.sendline("y")
        await program.expect(pexpect.EOF, async_=True)
        program.close()
        decided = (await terminal.authority.call("GET", f"/domains/{{d}}/sessions/{session}", accept=NATIVE)).json
    assert program.exitstatus == 0
    for value in ("alice", "sshd", "web1", "203.0.113.7 (as the service reports it)"):
        assert value in shown
    assert (decided["state"], decided["proof"]["decision"]) == ("approved", "approved")


async def test_enter_in_a_terminal(private_folder: Path) -> None:
    """A person who only presses Enter approves nothing."""
    async with linked_terminal(private_folder) as terminal:
        session = await terminal.authority.ask(native=True, **SSH)
        program = terminal.spawn("approve")
        await program.expect("Approve this login?", async_=True)
        program.sendline("")
        await program.expect("nothing was sent", async_=True)
        await program.expect(pexpect.EOF, async_=True)
        program.close()
        assert (program.exitstatus, await terminal.authority.state(session)) == (1, "pending")


async def test_list_deny_report(private_folder: Path) -> None:
    """A program lists logins, denies one by the first characters of its id, and reports the next."""
    async with linked_terminal(private_folder) as terminal:
        first = await terminal.authority.ask(native=True, **SSH)
        second = await terminal.authority.ask(native=True, context={"service": "vpn"})
        listed = json.loads((await terminal.run("pending", "--json")).stdout)
        unclear = await terminal.run("deny", "--yes")
        denied = json.loads((await terminal.run("deny", first[:8], "--json")).stdout)
        await terminal.run("deny", "--report", "--yes")
        nothing = await terminal.run("approve")
        states = [await terminal.authority.state(one) for one in (first, second)]
    assert [login["id"] for login in listed] == [first, second]
    assert listed[0]["context"]["host"] == "web1"
    assert (unclear.returncode, unclear.stdout) == (1, "")
    assert unclear.stderr.startswith("pushgate: error: 2 logins are waiting\npushgate: hint: ")
    assert denied == {"id": first, "state": "denied"}
    assert states == ["denied", "denied"]
    assert (nothing.returncode, nothing.stderr) == (1, "pushgate: error: no login is waiting\n")


async def test_watch(private_folder: Path) -> None:
    """A watcher sees a login come and go, and Ctrl-C ends it."""
    async with linked_terminal(private_folder) as terminal:
        program = terminal.spawn("watch")
        session = await terminal.authority.ask(native=True, **SSH)
        await program.expect(f"Login {session[:8]}, .* left", async_=True)
        await program.expect("203.0.113.7", async_=True)
        await terminal.authority.call("DELETE", f"/domains/{{d}}/sessions/{session}")
        await program.expect(f"Login {session[:8]}: cancelled.", async_=True)
        program.kill(signal.SIGINT)
        await program.expect(pexpect.EOF, async_=True)
        program.close()
    assert program.exitstatus == 0


async def test_remove(private_folder: Path) -> None:
    """A removed terminal can answer nothing any more, on either side."""
    async with linked_terminal(private_folder) as terminal:
        removed = await terminal.run("device", "remove")
        after = await terminal.run("pending")
    assert removed.stdout == "This terminal is no longer linked.\n"
    assert (after.returncode, after.stdout, terminal.key.exists()) == (1, "", False)
    hint = "link it with an activation code: pushgate device enroll CODE"
    assert after.stderr == f"pushgate: error: {terminal.key}: this terminal is not linked\npushgate: hint: {hint}\n"


async def test_wrong_usage() -> None:
    """A command that is called wrongly exits with 2."""
    result = await asyncio.to_thread(
        subprocess.run, [PUSHGATE, "approve", "--no-such-option"], capture_output=True, timeout=PATIENCE, check=False
    )
    assert result.returncode == 2
