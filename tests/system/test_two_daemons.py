"""Two daemons of one authority: a NAS that moves to its second server does not ask the person twice."""

import json
import secrets
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from radius_server.wire import ACCESS_ACCEPT, ACCESS_REJECT
from tests.support.gate import PUSHGATE, start_daemon, stop_daemon, write_private
from tests.support.nas import BlockingNas
from tests.support.processes import wait_until
from tests.support.radius_gate import RadiusGate

pytestmark = pytest.mark.system

SESSION = (44, b"5F00AB")


@dataclass(frozen=True)
class Pair:
    """The gate with the authority, and a second daemon."""

    gate: RadiusGate
    one: int
    two: int
    """RADIUS ports."""
    second_config: Path

    def wait_for_the_second(self) -> None:
        """Wait until the authority has answered the second daemon's create call."""
        command = [str(PUSHGATE), "status", "--json", "--config", str(self.second_config)]

        def is_pending() -> bool:
            status = json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)
            return bool(status["radius"]["pending"])

        wait_until(is_pending, 10, "the login at the second daemon")
        time.sleep(0.5)


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two daemons that share the key, one of them with the authority."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-"))
    key = folder / "join.key"
    write_private(key, secrets.token_hex(32).encode())
    try:
        with RadiusGate(folder, timeout=15, join_key_file=str(key)) as first:
            config = yaml.safe_load(first.config.read_text())
            del config["authority"]
            config["audit"] = {"file": str(folder / "second.jsonl")}
            config["control"] = {"socket": str(folder / "control.sock")}
            path = folder / "second.yaml"
            write_private(path, yaml.safe_dump(config).encode())
            process, ready = start_daemon(path, folder / "second.log")
            try:
                yield Pair(first, first.radius_port, int(ready["radius"][0]), path)
            finally:
                stop_daemon(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_the_second_server_shares_the_question(pair: Pair) -> None:
    """A person is asked once about a login that moved to the second server, and the approval opens it there."""
    anna, secret = pair.gate.person("anna"), pair.gate.secret
    with BlockingNas(pair.one, secret) as primary, BlockingNas(pair.two, secret) as secondary:
        primary.send("anna", "push", attributes=(SESSION,))
        question = anna.question()
        moved = secondary.send("anna", "push", attributes=(SESSION,))
        pair.wait_for_the_second()
        anna.answer(question, "approved")
        assert secondary.receive(moved).code == ACCESS_ACCEPT
    assert anna.pending() == []


def test_another_session_is_another_login(pair: Pair) -> None:
    """An attacker who logs in at the second server meanwhile does not ride on the approval."""
    anna, secret = pair.gate.person("anna"), pair.gate.secret
    with BlockingNas(pair.one, secret) as primary, BlockingNas(pair.two, secret) as secondary:
        request = primary.send("anna", "push", attributes=(SESSION,))
        question = anna.question()
        other = secondary.send("anna", "push", attributes=((44, b"FFFF"),), origin="198.51.100.9")
        anna.answer(question, "approved")
        assert primary.receive(request).code == ACCESS_ACCEPT
        anna.deny()
        assert secondary.receive(other).code == ACCESS_REJECT
