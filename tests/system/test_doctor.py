"""`pushgate doctor pam` against the machine's sshd and sudo, its own stacks, and a running gate."""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pushgate.doctor.codes import Code
from pushgate.doctor.ways import Ways
from tests.support.doctor import stack
from tests.support.gate import PUSHGATE, Gate, write_private
from tests.support.libpam import authenticate
from tests.support.own_etc import OwnEtc
from tests.support.pam import PAM_FOLDER, PamDaemon, approve, built_module
from tests.support.ssh import make_key

pytestmark = pytest.mark.system

SERVICES = ("sshd", "sudo", "sudo-i", "su", "su-l")
COMMON = tuple(f"common-{kind}" for kind in ("account", "auth", "password", "session", "session-noninteractive"))
COPIED = (*COMMON, "login", "other", "passwd", "su-l")
SSHD = """\
UsePAM yes
KbdInteractiveAuthentication yes
PasswordAuthentication no
AuthenticationMethods publickey,keyboard-interactive
PermitRootLogin no
MaxStartups 100:30:300
PerSourceMaxStartups 20
"""
RIGHT_PASSWORD = """\
auth [success=1 default=ignore] pam_debug.so auth=success
auth requisite pam_deny.so
auth required pam_permit.so
"""


@dataclass(frozen=True)
class Host:
    """Stacks and an sshd_config of their own, and a gate that runs."""

    folder: Path
    gate: Gate
    line: str

    def examine(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        """Run the doctor; returns its exit status and what it found."""
        places: list[str | Path] = ["--pam-folder", self.folder / "pam.d", "--sshd-config", self.folder / "sshd_config"]
        places += ["--sudoers", self.folder / "sudoers"]
        command: list[str | Path] = [
            PUSHGATE,
            "doctor",
            "pam",
            "--json",
            "--config",
            self.gate.config,
            *places,
            *arguments,
        ]
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert result.stdout, result.stderr
        return result.returncode, json.loads(result.stdout)

    def errors(self, *arguments: str) -> list[str]:
        """List the ids of the errors that are found."""
        status, found = self.examine(*arguments)
        errors = sorted({finding["id"] for finding in found["findings"] if finding["level"] == "error"})
        assert status == (1 if errors else 0)
        return errors

    def stack(self, service: str, text: str) -> None:
        """Write a stack."""
        (self.folder / "pam.d" / service).write_text(text)

    def sshd(self, text: str) -> None:
        """Write sshd's configuration."""
        (self.folder / "sshd_config").write_text(f"HostKey {self.folder}/host_key\n{text}")


@pytest.fixture
def host(private_folder: Path) -> Iterator[Host]:
    """A host whose stacks are Debian's with the lines of docs/pam.md."""
    # Below /run, as every folder above the module has to be root's alone.
    library = Path(tempfile.mkdtemp(prefix="pushgate-test-", dir="/run"))
    try:
        module = library / "pam_pushgate.so"
        shutil.copyfile(built_module(), module)
        (private_folder / "pam.d").mkdir()
        for name in COPIED:
            shutil.copy(PAM_FOLDER / name, private_folder / "pam.d")
        make_key(private_folder / "host_key")
        gate = Gate(private_folder, services=SERVICES)
        with gate.config.open("a") as config:
            config.write(f"control: {{socket: {private_folder}/control.sock}}\n")
        host = Host(private_folder, gate, f"auth required {module} socket={gate.pam_socket}")
        host.stack("sshd", f"{host.line}\naccount required pam_permit.so\n")
        for service in ("sudo", "sudo-i", "su"):
            path = PAM_FOLDER / service
            host.stack(service, path.read_text().replace("@include common-auth", f"@include common-auth\n{host.line}"))
        host.sshd(SSHD)
        (private_folder / "sudoers").write_text("root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n")
        with gate:
            yield host
    finally:
        shutil.rmtree(library)


@pytest.mark.root
def test_a_host_as_documented(host: Host) -> None:
    """An administrator who followed docs/pam.md has no errors, and each part was really looked at."""
    status, found = host.examine()
    assert (status, [finding for finding in found["findings"] if finding["level"] == "error"]) == (0, [])
    fine = {finding["id"] for finding in found["findings"] if finding["level"] == "ok"}
    assert {"stack-opens", "stack-bypass", "sshd-bypass", "sshd-grace-time", "sudo-timestamp"} < fine
    assert {"configuration", "socket-mode", "socket-peer", "status", "module-file", "console-stack"} < fine


@pytest.mark.root
def test_a_host_with_slips(host: Host) -> None:
    """Each of the slips that let people in, or keep all out, is found in the real files."""
    host.sshd(SSHD.replace("publickey,keyboard-interactive", "any"))
    assert host.errors() == ["sshd-approval-alone", "sshd-bypass"]
    host.sshd("UsePAM no\n" + SSHD + "LoginGraceTime 60\n")
    assert host.errors() == ["sshd-grace-time", "sshd-use-pam"]
    host.sshd(SSHD + "Match User backup\nAuthenticationMethods publickey\n")
    assert (host.errors(), host.errors("--user", "backup")) == ([], ["sshd-bypass"])
    (host.folder / "sudoers").write_text("%sudo ALL=(ALL:ALL) NOPASSWD: ALL\n")
    assert host.errors() == ["sudo-nopasswd-all"]
    host.stack("sudo", (PAM_FOLDER / "sudo").read_text())
    assert host.errors() == ["sudo-nopasswd-all", "sudo-service"]
    host.stack("su", "@include common-auth\n" + host.line.replace("required", "optional"))
    assert host.errors() == ["stack-opens", "sudo-nopasswd-all", "sudo-service"]


@pytest.mark.root
def test_a_host_without_its_daemon(host: Host) -> None:
    """A daemon that was stopped, and one whose key file others can read, are found."""
    host.gate.stop()
    assert host.errors() == ["control-socket", "socket-missing", "status"]
    (host.folder / "authority" / "api.key").chmod(0o644)
    assert host.errors() == ["configuration-files", "control-socket", "socket-missing", "status"]


@pytest.mark.root
def test_what_install_writes_pleases_the_doctor() -> None:
    """An administrator who ran `pushgate pam install` for sshd, sudo and su has no errors."""
    with OwnEtc() as machine, PamDaemon(machine.socket, approve()):
        for kind in ("pam.d", "sudoers.d"):
            for path in machine.inside(Path("/etc", kind)).glob("pushgate-test-*"):
                path.unlink()
        write_private(machine.folder / "key", b"k" * 64)
        write_private(machine.folder / "id", b"d" * 40)
        for service in ("sshd", "sudo", "su"):
            done = machine.pam("install", service)
            assert done.returncode == 0, done.stderr
        looked = machine.run(PUSHGATE, "doctor", "pam", "--json", "--config", machine.config)
        found = json.loads(looked.stdout)
        assert [finding for finding in found["findings"] if finding["level"] == "error"] == []
        assert looked.returncode == 0
        asked = {finding["where"].partition(":")[0] for finding in found["findings"] if finding["id"] == "stack-opens"}
        assert asked == {f"/etc/pam.d/{service}" for service in ("sshd", "sudo", "sudo-i", "su")}


@pytest.mark.parametrize(
    "control",
    [
        *("required", "requisite", "sufficient", "optional", "[success=ok default=die]", "[success=ok default=ignore]"),
        *("[success=1 default=ignore]", "[success=ok authinfo_unavail=ignore default=die]", "[default=reset]"),
    ],
)
@pytest.mark.parametrize("behind", ["", "auth required pam_permit.so", "auth requisite pam_deny.so"])
def test_what_opens_really_opens(tmp_path: Path, control: str, behind: str) -> None:
    """The real module without a daemon lets people in by exactly those stacks of which the doctor says so."""
    text = f"{RIGHT_PASSWORD}auth {control} {built_module()} socket={tmp_path}/none.sock\n{behind}"
    says = Code.AUTHINFO_UNAVAIL in [walk.ours for walk in Ways.of(stack(tmp_path, text)).opening()]
    assert (authenticate("service", tmp_path) is Code.SUCCESS) == says
