"""The real gate while its authority is stopped or hangs: codes prepared by the CLI let people in, once each."""

import json
import os
import pwd
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyotp
import pytest

from pushgate.cli.device_api import TerminalDevice
from pushgate.providers.offline import PROMPT
from tests.support.config import AUTHORITY
from tests.support.gate import PUSHGATE, start_daemon, stop_daemon, wait_for_question, write_private
from tests.support.pam import ACCEPTED, PAM_FOLDER, PAM_WRAPPER, module_line, pam_service, pamtester
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.users import temporary_user
from tests.system.test_canaries import spellings

pytestmark = pytest.mark.system

NOBODY = "no-such-account"
WRONG = "0000-0000-0000"
DAEMON = """\
login: {{timeout: 10}}
provider:
  type: logintc
  url: unix:{folder}/authority.sock
  api_key_file: {folder}/authority/api.key
  domain_id_file: {folder}/authority/domain.id
offline: {{file: {folder}/offline.db}}
pam:
  socket: {folder}/pam.sock
  allowed_peer_uids: [{uid}]
  services:
    {service}: {{number: off, fallback: [offline_totp, break_glass], if_unreachable: accept}}
control: {{socket: {folder}/control.sock}}
audit: {{file: {folder}/audit.jsonl}}
"""
SECOND = (
    DAEMON.replace("authority.sock", "none.sock", 1)
    .replace(
        "offline: {{file: {folder}/offline.db}}",
        """\
providers:
  second:
    type: logintc
    url: unix:{folder}/authority.sock
    api_key_file: {folder}/authority/api.key
    domain_id_file: {folder}/authority/domain.id""",
    )
    .replace("fallback: [offline_totp, break_glass]", "providers: [provider, second]")
)
LOG = "log: {{level: debug, format: json}}\n"


class Gate:
    """Daemon and authority as two processes, and a PAM service in front."""

    def __init__(self, folder: Path, service: str, environment: dict[str, str], processes: ExitStack) -> None:
        self.folder, self.service, self.environment, self.processes = folder, service, environment, processes
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.write("authority", AUTHORITY)
        self.authority, self.page = self.start("authority")

    def write(self, name: str, text: str) -> None:
        """Write the configuration of one of the two."""
        content = (text + LOG).format(folder=self.folder, uid=os.geteuid(), service=self.service)
        write_private(self.folder / f"{name}.yaml", content.encode())

    def start_daemon(self, text: str = DAEMON) -> None:
        """Start the daemon with this configuration."""
        self.write("daemon", text)
        self.start("daemon")

    def start(self, name: str) -> tuple["subprocess.Popen[bytes]", str]:
        """Start one of the two; it ends with the test."""
        process, ready = start_daemon(self.folder / f"{name}.yaml", self.folder / f"{name}.log")
        self.processes.callback(stop_daemon, process)
        return process, str(ready["page"])

    def run(self, *arguments: str) -> Any:
        """Run a command of the CLI and return its JSON."""
        command = [str(PUSHGATE), *arguments, "--json", "--config", str(self.folder / "daemon.yaml")]
        return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=30).stdout)

    def enroll(self) -> TerminalDevice:
        """Give the person a device."""
        return TerminalDevice.enroll(self.page, self.run("user", "add", self.user)["code"])

    def codes(self, count: int, user: str = "") -> list[str]:
        """Give somebody break-glass codes."""
        made: list[str] = self.run("offline", "codes", user or self.user, "--count", str(count))["codes"]
        return made

    def log_in(self, *typed: str, user: str = "") -> list[str]:
        """Log in by PAM and type these lines; returns what the person sees, with the verdict as its last line."""
        lines = "".join(f"{line}\n" for line in typed)
        seen = pamtester(self.service, user or self.user, typed=lines, environment=self.environment)
        return [line for line in seen.splitlines() if not line.startswith("PWRAP_")]

    def gets_in(self, *typed: str, user: str = "") -> bool:
        """Whether a login with these lines is accepted."""
        return self.log_in(*typed, user=user)[-1].endswith(ACCEPTED)

    def gets_in_by(self, device: TerminalDevice) -> bool:
        """Whether a login that the device approves is accepted."""
        result: list[bool] = []
        login = threading.Thread(target=lambda: result.append(self.gets_in(WRONG)))
        login.start()
        device.decide(wait_for_question(device), "approved")
        login.join(30)
        return result == [True]

    def records(self) -> list[dict[str, Any]]:
        """Return the audit records."""
        return [json.loads(line) for line in (self.folder / "audit.jsonl").read_text().splitlines()]

    def events(self) -> list[str]:
        """Return what the daemon has logged above its usual lines."""
        lines = [json.loads(line) for line in (self.folder / "daemon.log").read_text().splitlines() if line[0] == "{"]
        return [line["event"] for line in lines if line["level"] in ("warning", "error")]


@pytest.fixture(params=[pytest.param("system", marks=pytest.mark.root), "wrapper"])
def gate(request: pytest.FixtureRequest, private_folder: Path) -> Iterator[Gate]:
    """The gate behind a service in /etc/pam.d, as root, and behind one of pam_wrapper's as whoever runs the tests."""
    plain, services = request.param == "system", private_folder / "services"
    services.mkdir()
    wrapper = {"LD_PRELOAD": PAM_WRAPPER, "PAM_WRAPPER": "1", "PAM_WRAPPER_SERVICE_DIR": str(services)}
    line = module_line(private_folder / "pam.sock", *([] if plain else [f"daemon_uid={os.geteuid()}"]))
    with pam_service(line, folder=PAM_FOLDER if plain else services) as service, ExitStack() as processes:
        yield Gate(private_folder, service, {} if plain else wrapper, processes)


def test_codes_open_once_while_the_authority_is_stopped(gate: Gate) -> None:
    """A person logs in by push, in the outage by a code on paper once and by the app once, and by push again."""
    gate.start_daemon()
    device, (code, other) = gate.enroll(), gate.codes(2)
    app = pyotp.TOTP(gate.run("offline", "totp", gate.user)["secret"])
    gate.run("offline", "totp", gate.user, "--confirm", app.at(time.time() - 30))
    assert gate.gets_in_by(device)

    stop_daemon(gate.authority)
    assert gate.log_in(code) == [f"{PROMPT}: {ACCEPTED}"]
    assert not gate.gets_in(code, code, code)
    typed = app.at(time.time() + 30)
    assert gate.gets_in(typed)
    assert not gate.gets_in(typed, typed, typed)
    assert not gate.gets_in(other, other, other, user=NOBODY)
    (gate.folder / "offline.db").chmod(0o644)
    assert not gate.gets_in(other)
    (gate.folder / "offline.db").chmod(0o600)

    found = [(record["reason"], record.get("factor", "")) for record in gate.records()]
    assert found == [
        ("approved", "push"),
        ("approved", "break_glass"),
        ("bad_code", ""),
        ("approved", "offline_totp"),
        ("bad_code", ""),
        ("bad_code", ""),
        ("config", ""),
    ]
    step = "; stepped down to offline_totp+break_glass"
    assert all(step in record["detail"] for record in gate.records()[1:])
    assert gate.run("status")["ladder"] == {"stepped_down_to": {"offline_totp+break_glass": 6}}
    assert [event for event in gate.events() if event != "stepped_down"] == [
        "break_glass_used",
        "offline_codes_unusable",
    ]
    assert gate.events().count("stepped_down") == 6

    gate.authority, page = gate.start("authority")
    device = TerminalDevice(page, device.device_id, device.user, device.domain, device.label, device.key, device.clock)
    assert gate.gets_in_by(device)
    [entry] = gate.run("offline", "list")
    assert (entry["codes"], entry["used"]) == (1, 1)
    texts = {name: (gate.folder / name).read_bytes() for name in ("daemon.log", "authority.log", "audit.jsonl")}
    secrets = [each.encode() for each in (code, other, code.replace("-", ""), other.replace("-", ""), app.secret)]
    assert [name for name, text in texts.items() for each in secrets if any(s in text for s in spellings(each))] == []


def test_an_authority_that_hangs_leaves_time_for_a_code(gate: Gate) -> None:
    """A person whose authority takes connections and says nothing is offered the code in time, and gets in by it."""
    gate.start_daemon()
    gate.enroll()
    [code] = gate.codes(1)
    gate.authority.send_signal(signal.SIGSTOP)
    try:
        assert gate.gets_in(code)
    finally:
        gate.authority.send_signal(signal.SIGCONT)
    [record] = gate.records()
    assert (record["reason"], record["factor"]) == ("approved", "break_glass")
    assert record["seconds"] < 9


def test_a_second_provider_stands_in(gate: Gate) -> None:
    """A person is asked by the second provider while the first is down; with both down it accepts, if so set."""
    gate.write("daemon", DAEMON)
    device = gate.enroll()
    gate.start_daemon(SECOND)
    assert gate.gets_in_by(device)
    stop_daemon(gate.authority)
    assert gate.gets_in()
    assert not gate.gets_in(user=NOBODY)
    asked, open_, stranger = gate.records()
    assert [record["reason"] for record in (asked, open_, stranger)] == ["approved", "fail_open", "unavailable"]
    assert asked["factor"] == "push"
    assert asked["detail"].startswith("provider: unavailable: ping: ")
    for record in (asked, open_, stranger):
        assert "; stepped down to second" in record["detail"]


@pytest.mark.root
@pytest.mark.parametrize("gate", ["system"], indirect=True)
def test_ssh_asks_for_the_code(gate: Gate) -> None:
    """A person with a key and the real ssh is asked for the code while the authority is stopped, and gets in once."""
    gate.start_daemon()
    stop_daemon(gate.authority)
    folder, key = gate.folder / "sshd", gate.folder / "key"
    folder.mkdir()
    make_key(key)
    with temporary_user() as user, PrivateSshd(folder, gate.service, extra="LogLevel DEBUG3") as sshd:
        authorize(user, key)
        [code] = gate.codes(1, user.name)
        for expected in (0, 255):
            client = sshd.start(user.name, key, "true", typed=code)
            client.communicate(timeout=30)
            assert client.returncode == expected
        assert code.encode() not in sshd.log.read_bytes()
    first, second = gate.records()
    assert (first["reason"], first["factor"], first["address"]) == ("approved", "break_glass", "127.0.0.1")
    assert second["reason"] == "bad_code"
