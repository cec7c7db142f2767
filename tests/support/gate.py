"""The whole gate as a user runs it: `pushgate serve` in a process of its own, people enrolled by the CLI."""

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pushgate.cli.device_api import TerminalDevice
from pushgate.cli.device_context import PendingLogin
from tests.support.processes import wait_until

CONFIG = """\
login: {{timeout: {timeout}}}
provider:
  type: logintc
  url: unix:{folder}/authority.sock
  api_key_file: {folder}/authority/api.key
  domain_id_file: {folder}/authority/domain.id
{authority}pam:
  socket: {folder}/pam.sock
  allowed_peer_uids: [{uid}]
  services: {{{services}}}
radius:
  listen: ["127.0.0.1:0"]
  first_factor: none
  answer_within: {timeout}
  max_pending_per_client: 5000
  clients:
    - {{name: vpn, address: 127.0.0.0/8, secret_file: {folder}/radius.secret}}
audit: {{file: {folder}/audit.jsonl}}
log: {{level: debug, format: json}}
"""

AUTHORITY = """\
authority:
  folder: {folder}/authority
  socket: {folder}/authority.sock
  page: 127.0.0.1:0
  organization: Test & Co
"""

PUSHGATE = Path(sys.executable).with_name("pushgate")


class Gate:
    """A running gate with the authority in the same process."""

    def __init__(
        self,
        folder: Path,
        *,
        timeout: float = 30,
        services: tuple[str, ...] = ("sshd",),
        rule: str = "{number: off}",
    ) -> None:
        """Write the configuration.

        Args:
            folder: For everything; root's or the caller's alone.
            timeout: Seconds that a person has.
            services: The PAM services that may ask.
            rule: What the configuration says of each of them.
        """
        self.folder, self.timeout = folder, timeout
        self.secret = secrets.token_hex(16).encode()
        self.config, self.log = folder / "pushgate.yaml", folder / "daemon.log"
        self.pam_socket = folder / "pam.sock"
        self.ready: dict[str, Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        write_private(folder / "radius.secret", self.secret + b"\n")
        text = CONFIG.format(
            folder=folder,
            timeout=timeout,
            uid=os.geteuid(),
            services=", ".join(f"{name}: {rule}" for name in services),
            authority=AUTHORITY.format(folder=folder),
        )
        write_private(self.config, text.encode())

    def __enter__(self) -> "Gate":
        self.process, self.ready = start_daemon(self.config, self.log)
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> int:
        """End the daemon as systemd does, and return its exit status."""
        assert self.process is not None
        return stop_daemon(self.process)

    @property
    def page(self) -> str:
        """The address of the approval page."""
        return str(self.ready["page"])

    @property
    def radius_port(self) -> int:
        """The port of the RADIUS front end."""
        return int(self.ready["radius"][0])

    def run(self, *arguments: str) -> str:
        """Run one command of the CLI on this gate's configuration, and return what it printed."""
        result = subprocess.run(
            [PUSHGATE, *arguments, "--config", self.config], capture_output=True, text=True, timeout=30, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def activation_code(self, user: str) -> str:
        """Add a user and return the code that enrols a device."""
        return str(json.loads(self.run("user", "add", user, "--json"))["code"])

    def enroll(self, user: str) -> TerminalDevice:
        """Add a user with a terminal device."""
        return TerminalDevice.enroll(self.page, self.activation_code(user), f"{user}'s terminal")

    def records(self) -> list[dict[str, Any]]:
        """Return the audit records so far."""
        path = self.folder / "audit.jsonl"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def wait_for_record(self, within: float = 10.0) -> dict[str, Any]:
        """Wait for the first audit record."""
        wait_until(lambda: bool(self.records()), within, "an audit record")
        return self.records()[0]


def wait_for_question(device: TerminalDevice, within: float = 10.0) -> PendingLogin:
    """Wait until a device is asked about exactly one login."""
    asked: list[PendingLogin] = []

    def look() -> bool:
        asked[:] = device.pending()
        return bool(asked)

    wait_until(look, within, "a question on the device")
    assert len(asked) == 1
    return asked[0]


def start_daemon(
    config: Path, log: Path, ready_within: float = 20.0, prefix: Sequence[str] = ()
) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """Start `pushgate serve` and return the process and its ``ready`` event; ``prefix`` says where it runs."""
    earlier = len(log.read_text()) if log.exists() else 0
    with log.open("ab") as output:
        process = subprocess.Popen([*prefix, PUSHGATE, "serve", "--config", config], stdout=output, stderr=output)

    def is_ready() -> bool:
        assert process.poll() is None, f"the daemon ended at once: {log.read_text()}"
        return '"event": "ready"' in log.read_text()[earlier:]

    try:
        wait_until(is_ready, ready_within, f"the daemon to be ready: {log.read_text()}")
    except AssertionError:
        process.kill()
        process.wait()
        raise
    events = [json.loads(line) for line in log.read_text().splitlines() if '"event": "ready"' in line]
    return process, events[-1]


def stop_daemon(process: subprocess.Popen[bytes]) -> int:
    """End a daemon as systemd does, and return its exit status."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


def write_private(path: Path, content: bytes) -> None:
    """Write a file that nobody else can read, from its first moment on."""
    path.touch(mode=0o600)
    path.write_bytes(content)
