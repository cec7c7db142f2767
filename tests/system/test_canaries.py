"""One distinct secret of every kind goes through every front end at debug level; none may come out anywhere."""

import asyncio
import base64
import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pushgate.cli.device_api import TerminalDevice
from tests.support.gate import PUSHGATE, Gate, start_daemon, stop_daemon, wait_for_question, write_private
from tests.support.pam import module_line, pam_service, pamtester
from tests.support.radius import RadiusSender, access_request
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.users import temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

PASSWORD = "canary-password-7fQ2"


class CommandLines:
    """Collects the command lines of all processes while it runs."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def watch(self) -> None:
        """Look at every process, over and over."""
        while not self.ending.wait(0.02):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit():
                    with suppress(OSError):
                        self.seen.add((entry / "cmdline").read_bytes())


@contextmanager
def command_lines() -> Iterator[CommandLines]:
    """Watch until the block ends."""
    watcher = CommandLines()
    watcher.thread.start()
    try:
        yield watcher
    finally:
        watcher.ending.set()
        watcher.thread.join()


def spellings(secret: bytes) -> set[bytes]:
    """The ways in which a secret could stand in a text."""
    encoded = base64.b64encode(secret).rstrip(b"=")
    return {secret, secret.hex().encode(), encoded, base64.urlsafe_b64encode(secret).rstrip(b"=")}


async def radius_logins(gate: Gate, device: TerminalDevice) -> None:
    """Send an approved login, a typed password, a wrong secret and garbage."""
    with RadiusSender(gate.radius_port, secret=gate.secret) as nas:
        packet = access_request(device.user, secret=gate.secret, identifier=1)
        nas.send(packet)
        question = await asyncio.to_thread(wait_for_question, device)
        await asyncio.to_thread(device.decide, question, "approved")
        await nas.receive()
        assert await nas.ask(access_request(device.user, PASSWORD, secret=gate.secret, identifier=2)) == 3
        nas.send(access_request(device.user, PASSWORD, secret=PASSWORD.encode(), identifier=3))
        nas.send(packet[:-3] + PASSWORD.encode())
        await nas.expect_silence()


def faulty_starts(gate: Gate, api_key: bytes) -> bytes:
    """Start with secrets pasted into wrong places; returns what was printed."""
    printed = b""
    text = gate.config.read_text()
    for old, new in (
        ("type: logintc", f"type: {gate.secret.decode()}"),
        (f"{gate.folder}/radius.secret", gate.secret.decode()),
        ("login:", f"{api_key.decode()}: 1\nlogin:"),
        ("timeout: 8", f'timeout: "{PASSWORD}"'),
    ):
        assert old in text
        broken = gate.folder / "broken.yaml"
        write_private(broken, text.replace(old, new, 1).encode())
        for command in ("check", "serve"):
            result = subprocess.run([PUSHGATE, command, "--config", broken], capture_output=True, check=False)
            assert result.returncode == 1
            if old != "login:":  # a key's own name has to be shown: the administrator must find it
                printed += result.stdout + result.stderr
        broken.unlink()
    return printed


def test_no_secret_comes_out(private_folder: Path) -> None:
    """An administrator with every log at debug level finds no password, key or code in any of them."""
    gate_folder, sshd_folder = private_folder / "gate", private_folder / "sshd"
    for folder in (gate_folder, sshd_folder):
        folder.mkdir(mode=0o700)
    key = private_folder / "key"
    make_key(key)
    printed = b""
    with (
        command_lines() as processes,
        pam_service(module_line(gate_folder / "pam.sock", "debug")) as service,
        Gate(gate_folder, timeout=8, services=(service,)) as gate,
        temporary_user() as user,
    ):
        authorize(user, key)
        code = gate.activation_code(user.name)
        device_file = private_folder / "device.json"
        enrolled = subprocess.run(
            [PUSHGATE, "device", "enroll", "--server", gate.page, "--key", device_file],
            input=code.encode(),
            capture_output=True,
            check=False,
        )
        assert enrolled.returncode == 0, enrolled.stderr
        printed += enrolled.stdout + enrolled.stderr
        wrong = subprocess.run(
            [PUSHGATE, "device", "enroll", "--server", gate.page, "--key", private_folder / "other.json"],
            input=code.encode(),
            capture_output=True,
            check=False,
        )
        assert wrong.returncode == 1
        printed += wrong.stdout + wrong.stderr
        device = TerminalDevice.load(device_file)

        asyncio.run(radius_logins(gate, device))
        tester = threading.Thread(target=lambda: pamtester(service, user.name, typed=f"{PASSWORD}\n" * 3))
        tester.start()
        device.decide(wait_for_question(device), "denied")
        tester.join()
        with PrivateSshd(sshd_folder, service, extra="LogLevel DEBUG3") as sshd:
            client = sshd.start(user.name, key, "true")
            device.decide(wait_for_question(device), "approved")
            output, errors = client.communicate(timeout=30)
            printed += output + errors

        secrets = {
            "shared secret": gate.secret,
            "API key": (gate_folder / "authority" / "api.key").read_bytes().strip(),
            "password": PASSWORD.encode(),
            "activation code": code.encode(),
            "device key": json.loads(device_file.read_text())["key"].encode(),
        }
        printed += faulty_starts(gate, secrets["API key"])
        process, _ = start_daemon(gate.config, gate.log) if gate.stop() == 0 else pytest.fail("no clean end")
        stop_daemon(process)

    kept = {"radius.secret", "api.key", "device.json"}
    texts = {"printed": printed, "command lines": b"\n".join(processes.seen)}
    for path in private_folder.rglob("*"):
        if path.is_file() and path.name not in kept and "key" not in path.name and ".db" not in path.name:
            texts[path.name] = path.read_bytes()
    assert b"radius" in texts["daemon.log"]
    assert b"approved" in texts["audit.jsonl"]
    found = [
        f"{kind} in {name}"
        for kind, secret in secrets.items()
        for name, text in texts.items()
        if any(spelling in text for spelling in spellings(secret))
    ]
    assert found == []
