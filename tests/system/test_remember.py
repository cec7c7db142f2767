"""Approvals that are remembered: the real sshd with real keys, the real sudo in real terminals."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import pytest
import yaml

from pushgate.cli.device_api import TerminalDevice
from tests.support.gate import Gate, wait_for_question, write_private
from tests.support.pam import module_line, pam_service
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.sudo import SudoUser, sudo_user
from tests.support.users import User, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

SSH = {"number": "off", "prompt": "silent", "remember": {"for": "10m", "bound_to": "key+origin"}}
SUDO = {"number": "off", "remember": {"for": "10m", "bound_to": "session+tty"}}


def remembering(folder: Path, service: str, options: dict[str, Any]) -> Gate:
    """Make a gate whose one service remembers."""
    gate = Gate(folder, timeout=20, services=(service,))
    config = yaml.safe_load(gate.config.read_text())
    config["pam"]["services"] = {service: options}
    write_private(gate.config, yaml.safe_dump(config).encode())
    return gate


def reasons(gate: Gate) -> list[str]:
    """What became of the logins so far."""
    return [record["reason"] for record in gate.records()]


@dataclass
class Town:
    """A gate that remembers, an sshd behind it, and a user with two keys."""

    gate: Gate
    sshd: PrivateSshd
    user: User
    keys: tuple[Path, Path]

    def log_in(self, key: Path, device: TerminalDevice | None = None) -> int:
        """Run a command by ssh; whoever has a device here approves. Returns the exit status."""
        client = self.sshd.start(self.user.name, key, "id")
        if device is not None:
            device.decide(wait_for_question(device), "approved")
        client.communicate(timeout=40)
        return client.returncode


@pytest.fixture
def town(private_folder: Path) -> Iterator[Town]:
    """Start everything; it is gone afterwards."""
    gate_folder, sshd_folder = private_folder / "gate", private_folder / "sshd"
    for folder in (gate_folder, sshd_folder):
        folder.mkdir(mode=0o700)
    keys = (private_folder / "first", private_folder / "second")
    for key in keys:
        make_key(key)
    with (
        pam_service(module_line(gate_folder / "pam.sock")) as service,
        remembering(gate_folder, service, SSH) as gate,
        temporary_user() as user,
    ):
        authorize(user, keys[0])
        with (user.home / ".ssh" / "authorized_keys").open("a") as authorized:
            authorized.write(keys[1].with_name("second.pub").read_text())
        with PrivateSshd(sshd_folder, service) as sshd:
            yield Town(gate, sshd, user, keys)


def test_the_same_key_from_the_same_address_is_not_asked_again(town: Town) -> None:
    """A person who has approved an ssh login gets in again with that key; another key of the same person asks."""
    device = town.gate.enroll(town.user.name)
    first, second = town.keys
    assert town.log_in(first, device) == 0
    assert town.log_in(first) == 0
    assert town.log_in(second, device) == 0
    assert reasons(town.gate) == ["approved", "remembered", "approved"]
    approved, remembered, other = town.gate.records()
    assert remembered["detail"] == f"approved as {approved['id']}"
    assert remembered["key"] == approved["key"] != other["key"]


@pytest.fixture
def sudoer(private_folder: Path) -> Iterator[tuple[Gate, SudoUser]]:
    """A gate that remembers, and a user who may use sudo through it."""
    with (
        pam_service(module_line(private_folder / "pam.sock")) as service,
        remembering(private_folder, service, SUDO) as gate,
        sudo_user(service) as user,
    ):
        yield gate, user


def shell(user: SudoUser) -> "pexpect.spawn[str]":
    """Open a terminal with a shell of the user's."""
    terminal = user.run("sh", timeout=30)
    terminal.sendline("PS1='ready''> '; stty -echo")
    terminal.expect("ready> ")
    return terminal


def become(terminal: "pexpect.spawn[str]", *options: str, device: TerminalDevice | None = None) -> str:
    """Run sudo in a terminal; whoever has a device here approves. Returns what the command printed."""
    terminal.sendline(f"sudo {' '.join(options)} id -un | sed s/^/is:/")
    if device is not None:
        device.decide(wait_for_question(device), "approved")
    terminal.expect(r"is:(\S+)")
    assert isinstance(terminal.match, re.Match)
    shown = str(terminal.match[1])
    terminal.expect("ready> ")
    return shown


def test_the_same_terminal_is_not_asked_again(sudoer: tuple[Gate, SudoUser]) -> None:
    """A person who has approved sudo is not asked in that session and terminal; another account or terminal asks."""
    gate, user = sudoer
    device = gate.enroll(user.account.name)
    first, second = shell(user), shell(user)
    try:
        assert become(first, device=device) == "root"
        assert become(first) == "root"
        assert become(first, "-u", "nobody", device=device) == "nobody"
        assert become(first, "-u", "nobody") == "nobody"
        assert become(second, device=device) == "root"
    finally:
        for terminal in (first, second):
            terminal.close(force=True)
    assert reasons(gate) == ["approved", "remembered", "approved", "remembered", "approved"]


def test_a_denial_elsewhere_closes_the_terminal(sudoer: tuple[Gate, SudoUser]) -> None:
    """A person who denies a sudo that is not theirs is not let in from memory any more where they had approved."""
    gate, user = sudoer
    device = gate.enroll(user.account.name)
    own, stranger = shell(user), shell(user)
    try:
        assert become(own, device=device) == "root"
        stranger.sendline("sudo id -un | sed s/^/is:/")
        device.decide(wait_for_question(device), "denied")
        stranger.expect("ready> ")
        assert "is:" not in str(stranger.before)
        own.sendline("sudo id -un | sed s/^/is:/")
        own.expect("ready> ")
    finally:
        for terminal in (own, stranger):
            terminal.close(force=True)
    assert set(reasons(gate)[1:]) == {"denied"}
