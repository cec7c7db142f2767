"""Whole logins by the real sshd and sudo, through the module and the daemon, to a person's device and back."""

import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pexpect
import pytest

from tests.support.gate import Gate, wait_for_question
from tests.support.pam import module_line, pam_service
from tests.support.processes import wait_until
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.sudo import SudoUser, sudo_user
from tests.support.users import User, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

TIMEOUT = 8
STRANGER = "nobody-of-that-name"


@dataclass
class Town:
    """A gate, an sshd behind it, and a user whose key opens the first door."""

    gate: Gate
    sshd: PrivateSshd
    user: User
    key: Path


@pytest.fixture
def town(request: pytest.FixtureRequest, private_folder: Path) -> Iterator[Town]:
    """Start everything; it is gone afterwards. An indirect parameter holds further lines of sshd_config."""
    gate_folder, sshd_folder = private_folder / "gate", private_folder / "sshd"
    gate_folder.mkdir(mode=0o700)
    sshd_folder.mkdir(mode=0o700)
    key = private_folder / "key"
    make_key(key)
    with (
        pam_service(module_line(gate_folder / "pam.sock")) as service,
        Gate(gate_folder, timeout=TIMEOUT, services=(service,)) as gate,
        temporary_user() as user,
    ):
        authorize(user, key)
        with PrivateSshd(sshd_folder, service, extra=getattr(request, "param", "")) as sshd:
            yield Town(gate, sshd, user, key)


def test_an_approved_ssh_login_runs_its_command(town: Town) -> None:
    """A person who approves on the device opens the waiting ssh login, and has seen its address and account."""
    device = town.gate.enroll(town.user.name)
    client = town.sshd.start(town.user.name, town.key, "id", "-un")
    question = wait_for_question(device)
    assert client.poll() is None
    assert f'"user":"{town.user.name}"' in question.ctx
    assert '"ip":"127.0.0.1"' in question.ctx
    device.decide(question, "approved")
    output, _ = client.communicate(timeout=30)
    assert (client.returncode, output) == (0, town.user.name.encode() + b"\n")
    assert [record["reason"] for record in town.gate.records()] == ["approved"]


def test_a_denied_ssh_login_is_refused_and_not_asked_again(town: Town) -> None:
    """A person who denies has the login refused; sshd's further tries cause no further question."""
    device = town.gate.enroll(town.user.name)
    client = town.sshd.start(town.user.name, town.key, "id")
    question = wait_for_question(device)
    device.decide(question, "denied")
    _, errors = client.communicate(timeout=30)
    assert client.returncode == 255
    assert b"Permission denied" in errors
    assert device.pending() == []
    assert "approved" not in {record["reason"] for record in town.gate.records()}


def test_an_ignored_ssh_login_is_refused_and_leaves_the_device(town: Town) -> None:
    """A person who does nothing has the login refused at the deadline, and the question is cancelled."""
    device = town.gate.enroll(town.user.name)
    client = town.sshd.start(town.user.name, town.key, "id")
    question = wait_for_question(device)
    wait_until(lambda: bool(town.gate.records()), TIMEOUT + 5, "the deadline")
    assert town.gate.records()[0]["reason"] == "expired"
    assert device.state(question.id) == "cancelled"
    client.kill()
    client.communicate()


def test_a_login_whose_sshd_child_ends_is_withdrawn(town: Town) -> None:
    """A login whose sshd process dies leaves the device at once, and an approval then opens nothing."""
    device = town.gate.enroll(town.user.name)
    client = town.sshd.start(town.user.name, town.key, "id")
    question = wait_for_question(device)
    for pid in town.sshd.login_processes():
        os.kill(pid, signal.SIGKILL)
    wait_until(lambda: device.state(question.id) == "cancelled", 3, "the question to be withdrawn")
    assert town.gate.wait_for_record()["reason"] == "withdrawn"
    client.communicate(timeout=10)
    assert client.returncode == 255


# Without a key sshd would never come to PAM, and nobody could have one for this account.
@pytest.mark.parametrize("town", ["AuthenticationMethods keyboard-interactive"], indirect=True)
def test_an_unknown_account_waits_as_if_ignored_and_asks_nobody(town: Town) -> None:
    """A stranger who tries an account that does not exist waits as long as for an ignored question, and asks nobody."""
    device = town.gate.enroll(STRANGER)
    client = town.sshd.start(STRANGER, town.key, "id")
    while not town.gate.records():
        assert device.pending() == []
        # The record is written before sshd hears of it.
        assert client.poll() is None or town.gate.records()
    record = town.gate.records()[0]
    assert (record["reason"], record["user"]) == ("unknown_user", STRANGER)
    assert record["seconds"] >= TIMEOUT - 0.1
    client.kill()
    client.communicate()


def test_a_stopped_daemon_lets_nobody_in(town: Town) -> None:
    """A daemon that is not running denies every login through it."""
    town.gate.stop()
    client = town.sshd.start(town.user.name, town.key, "id")
    client.communicate(timeout=30)
    assert client.returncode == 255


@pytest.fixture
def sudoer(private_folder: Path) -> Iterator[tuple[Gate, SudoUser]]:
    """A gate and a user who may use sudo through it."""
    with (
        pam_service(module_line(private_folder / "pam.sock")) as service,
        Gate(private_folder, timeout=TIMEOUT, services=(service,)) as gate,
        sudo_user(service) as user,
    ):
        yield gate, user


def test_an_approved_sudo_becomes_root(sudoer: tuple[Gate, SudoUser]) -> None:
    """A person who approves sees who wants to run what, and the command runs as root."""
    gate, user = sudoer
    device = gate.enroll(user.account.name)
    terminal = user.sudo("id", "-u")
    question = wait_for_question(device)
    for part in (f'"user":"{user.account.name}"', "/usr/bin/id -u", '"origin_kind":"local"'):
        assert part in question.ctx
    device.decide(question, "approved")
    terminal.expect(pexpect.EOF)
    assert terminal.before is not None
    assert terminal.before.split()[-1] == "0"
    terminal.close()
    assert terminal.exitstatus == 0


def test_a_denied_sudo_asks_once_and_runs_nothing(sudoer: tuple[Gate, SudoUser]) -> None:
    """A person who denies ends sudo with one question, although sudo calls PAM three times."""
    gate, user = sudoer
    device = gate.enroll(user.account.name)
    terminal = user.sudo("id", "-u")
    device.decide(wait_for_question(device), "denied")
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 1
    assert device.pending() == []
    assert {record["reason"] for record in gate.records()} == {"denied"}


def test_an_ignored_sudo_runs_nothing(sudoer: tuple[Gate, SudoUser]) -> None:
    """A person who does nothing leaves sudo refused."""
    gate, user = sudoer
    device = gate.enroll(user.account.name)
    terminal = user.sudo("id", "-u", timeout=TIMEOUT * 5)
    question = wait_for_question(device)
    wait_until(lambda: device.state(question.id) == "cancelled", TIMEOUT + 5, "the deadline")
    terminal.close(force=True)
    assert "approved" not in {record["reason"] for record in gate.records()}
