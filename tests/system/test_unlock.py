"""Letting a person in for a while: the installed command, the daemon, a terminal device, and real PAM conversations."""

import json
import os
import pwd
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from pushgate.cli.device_api import TerminalDevice
from pushgate.cli.device_context import PendingLogin
from tests.support.gate import PUSHGATE, Gate, wait_for_question, write_private
from tests.support.pam import ACCEPTED, PAM_WRAPPER, PERMIT_THE_REST, module_line
from tests.support.processes import wait_until

pytestmark = pytest.mark.system

ME = pwd.getpwuid(os.geteuid()).pw_name
SERVICES = {
    "pg-ssh": {"number": "off", "unlock": {"longest": "1h"}},
    "pg-sudo": {"number": "off", "unlock": {"longest": 300}},
    "pg-other": {"number": "off"},
}


class UnlockGate(Gate):
    """A gate with PAM services that may be unlocked, and PAM stacks in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        """Write the configuration and the stacks; ``unlock`` is the stack of an attacker."""
        super().__init__(folder, timeout=20)
        config = yaml.safe_load(self.config.read_text())
        config["pam"]["services"] = SERVICES
        config["control"] = {"socket": str(folder / "control.sock")}
        write_private(self.config, yaml.safe_dump(config).encode())
        self.stacks = folder / "pam.d"
        self.stacks.mkdir(mode=0o700)
        line = module_line(self.pam_socket, f"daemon_uid={os.geteuid()}")
        for service in (*SERVICES, "unlock"):
            (self.stacks / service).write_text("\n".join((line, *PERMIT_THE_REST)) + "\n")

    def start_login(self, service: str, rhost: str = "203.0.113.7") -> "subprocess.Popen[str]":
        """Begin a login by PAM, from an address."""
        wrapper = {"LD_PRELOAD": PAM_WRAPPER, "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": str(self.stacks)}
        return subprocess.Popen(
            ["pamtester", "-I", f"rhost={rhost}", service, ME, "authenticate"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C", **wrapper},
        )

    def lets_in(self, service: str, rhost: str = "203.0.113.7") -> bool:
        """Log in where nobody answers; whether it worked."""
        with self.start_login(service, rhost) as login:
            return ACCEPTED in login.communicate(timeout=40)[0]

    def asks(self, device: TerminalDevice, service: str, rhost: str = "203.0.113.7") -> None:
        """Log in, and find that the person is asked; the person approves."""
        with self.start_login(service, rhost) as login:
            answer(device, "approved")
            assert ACCEPTED in login.communicate(timeout=40)[0]

    def begin_unlock(self, *options: str) -> "subprocess.Popen[str]":
        """Run ``pushgate unlock`` as far as the question."""
        command = [str(PUSHGATE), "unlock", ME, "--for", "15m", *options, "--config", str(self.config)]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell that runs the tests in the background lets nobody below it hear Ctrl-C.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def unlock(self, device: TerminalDevice, *options: str) -> tuple[PendingLogin, str]:
        """Unlock with the person's approval; the question, and what the command printed."""
        with self.begin_unlock(*options) as command:
            question = answer(device, "approved")
            output, errors = command.communicate(timeout=30)
        assert command.returncode == 0, errors
        return question, output


def answer(device: TerminalDevice, decision: Any) -> PendingLogin:
    """Answer the question that comes, and return it."""
    question = wait_for_question(device)
    assert device.decide(question, decision) == decision
    return question


@pytest.fixture
def gate(private_folder: Path) -> Iterator[UnlockGate]:
    """A running gate."""
    with UnlockGate(private_folder) as running:
        yield running


def test_one_approval_opens_for_a_while(gate: UnlockGate) -> None:
    """A person who approves once gets in by PAM without a second question, and is asked again after the revocation."""
    device = gate.enroll(ME)
    question, output = gate.unlock(device)
    assert question.context["service"] == "unlock"
    assert question.context["command"] == "let you in without asking: pg-ssh 15m, pg-sudo 5m; from anywhere"
    assert [line.split()[1] for line in output.splitlines()] == ["pg-ssh", "pg-sudo"]
    assert gate.lets_in("pg-ssh")
    assert gate.lets_in("pg-sudo", "198.51.100.1")
    assert device.pending() == []
    gate.asks(device, "pg-other")
    assert gate.run("unlock", ME, "--revoke") == f"forgotten for {ME}: 2\n"
    assert gate.run("unlock", "--list") == "nothing is open\n"
    gate.asks(device, "pg-ssh")
    words = [record.get("reason") or record["event"] for record in gate.records()]
    asked, granted, first, second, *_ = gate.records()
    assert words == ["approved", "unlock_granted", "unlocked", "unlocked", "approved", "unlock_revoked", "approved"]
    assert granted["id"] == asked["id"]
    assert {first["detail"], second["detail"]} == {f"unlocked as {asked['id']}"}
    assert "approved 3, unlocked 2" in gate.run("status")


def test_from_one_address_and_until_a_denial(gate: UnlockGate) -> None:
    """A service that is unlocked from one address asks those from elsewhere; their denial closes it for all."""
    device = gate.enroll(ME)
    gate.unlock(device, "--service", "pg-ssh", "--from", "203.0.113.7")
    assert gate.lets_in("pg-ssh")
    with gate.start_login("pg-ssh", "198.51.100.1") as stranger:
        answer(device, "denied")
        assert ACCEPTED not in stranger.communicate(timeout=40)[0]
    gate.asks(device, "pg-ssh")


def test_a_stack_that_calls_itself_unlock_opens_nothing(gate: UnlockGate) -> None:
    """An attacker whose PAM service has the name of our own question is refused, and the person is not asked."""
    device = gate.enroll(ME)
    assert not gate.lets_in("unlock")
    assert device.pending() == []
    assert [record["reason"] for record in gate.records()] == ["not_permitted"]
    assert json.loads(gate.run("unlock", "--list", "--json")) == {"open": []}


def test_control_c_takes_the_question_back(gate: UnlockGate) -> None:
    """An administrator who presses Ctrl-C clears the question off the device; nothing is open then."""
    device = gate.enroll(ME)
    with gate.begin_unlock() as command:
        wait_for_question(device)
        command.send_signal(signal.SIGINT)
        wait_until(lambda: device.pending() == [], 5, "the question to go")
        assert "the question is withdrawn" in command.communicate(timeout=20)[1]
    assert command.returncode == 1
    assert gate.run("unlock", "--list") == "nothing is open\n"
    assert [record["reason"] for record in gate.records()] == ["withdrawn"]


def test_what_stays_closed_says_why(gate: UnlockGate) -> None:
    """An administrator hears at once that the person is unknown or the service may not be unlocked, and of a denial."""
    device = gate.enroll(ME)
    denied = gate.begin_unlock()
    answer(device, "denied")
    others = [("stranger", "pg-ssh", "is not known to the provider"), (ME, "pg-other", "pg-other may not be unlocked")]
    for user, service, message in others:
        command = [str(PUSHGATE), "unlock", user, "--for", "1h", "--service", service, "--config", str(gate.config)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=10)
        assert (result.returncode, message in result.stderr, "hint: " in result.stderr) == (1, True, True)
    _, errors = denied.communicate(timeout=30)
    assert (denied.returncode, f"error: {ME} denied it" in errors) == (1, True)


def test_a_restart_forgets(gate: UnlockGate) -> None:
    """A daemon that starts again has no door open, and a reload closes none that its file still allows."""
    device = gate.enroll(ME)
    gate.unlock(device)
    gate.run("reload")
    assert gate.lets_in("pg-ssh")
    assert gate.stop() == 0
    with gate:
        assert gate.run("unlock", "--list") == "nothing is open\n"
