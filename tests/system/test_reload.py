"""A changed configuration, taken over by the running daemon while a login is pending."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from radius_server.wire import ACCESS_ACCEPT, ACCESS_REJECT
from tests.support.gate import PUSHGATE, write_private
from tests.support.nas import BlockingNas
from tests.support.processes import wait_until
from tests.support.radius_gate import RadiusGate

pytestmark = pytest.mark.system

NEW_SECRET = b"another-secret-of-the-same-appliance"


@pytest.fixture
def gate(private_folder: Path) -> Iterator[RadiusGate]:
    """A gate with a control socket."""
    running = RadiusGate(private_folder, timeout=20)
    change(running, control={"socket": str(private_folder / "control.sock")})
    with running:
        yield running


def change(gate: RadiusGate, **sections: Any) -> None:
    """Change sections of the configuration file."""
    config = yaml.safe_load(gate.config.read_text())
    write_private(gate.config, yaml.safe_dump(config | sections).encode())


def test_a_secret_changes_while_a_login_is_pending(gate: RadiusGate) -> None:
    """An administrator changes a secret: the pending login ends under the old one, the next begins under the new."""
    anna = gate.person("anna")
    with BlockingNas(gate.radius_port, gate.secret) as old, BlockingNas(gate.radius_port, NEW_SECRET) as new:
        pending = old.send("anna", "push")
        question = anna.question()
        write_private(gate.folder / "radius.secret", NEW_SECRET)
        change(gate, texts={"denied": "Refused"})
        assert gate.run("reload") == "reloaded\n"
        anna.answer(question, "approved")
        assert old.receive(pending).code == ACCESS_ACCEPT
        request = new.send("anna", "push")
        anna.deny()
        answer = new.receive(request)
    assert (answer.code, answer.message) == (ACCESS_REJECT, "Refused")


def test_a_broken_file_changes_nothing(gate: RadiusGate) -> None:
    """An administrator who reloads a broken file is told why, and people still get in."""
    anna = gate.person("anna")
    good = gate.config.read_bytes()
    write_private(gate.config, good.replace(b"radius:", b"radius:\n  lisden: []"))
    result = subprocess.run([PUSHGATE, "reload", "--config", gate.config], capture_output=True, text=True, timeout=30)
    assert result.returncode == 1
    assert "radius.lisden: unknown key" in result.stderr
    with BlockingNas(gate.radius_port, gate.secret) as appliance:
        request = appliance.send("anna", "push")
        anna.approve()
        assert appliance.receive(request).code == ACCESS_ACCEPT


def test_a_signal_reloads_too(gate: RadiusGate) -> None:
    """An administrator who sends SIGHUP, as systemd does, finds the new texts in force and the fact in the log."""
    anna = gate.person("anna")
    change(gate, texts={"approved": "Welcome"})
    assert gate.process is not None
    os.kill(gate.process.pid, signal.SIGHUP)
    wait_until(lambda: '"event": "reloaded"' in gate.log.read_text(), 10, "the reload")
    with BlockingNas(gate.radius_port, gate.secret) as appliance:
        request = appliance.send("anna", "push")
        anna.approve()
        assert appliance.receive(request).message == "Welcome"


def test_the_status_counts(gate: RadiusGate) -> None:
    """An administrator sees what is pending and what was counted."""
    anna = gate.person("anna")
    with BlockingNas(gate.radius_port, gate.secret) as appliance:
        appliance.send("anna", "push")
        anna.question()
        status = gate.run("status")
    assert "pending                      1" in status
    assert "access requests              1" in status
