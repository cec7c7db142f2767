"""A machine whose files of PAM, sshd and sudo are a test's own: a mount namespace. Needs root."""

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.support.pam import built_module
from tests.support.ports import free_port
from tests.support.processes import end_tree, wait_until
from tests.support.ssh import PrivateSshd, make_key

COPIED = (Path("/etc/pam.d"), Path("/etc/ssh"), Path("/etc/sudoers.d"))
STATE = Path("/var/lib")
SERVICES = "{sshd: , sudo: , sudo-i: , su: , su-l: }"

CONFIG = """\
provider: {{type: logintc, url: "https://cloud.logintc.com", api_key_file: {folder}/key, domain_id_file: {folder}/id}}
pam: {{socket: {folder}/pam.sock, services: {services}}}
"""

# As Debian's own, with a port, host key and pid file for the test, and root's key elsewhere than in root's home.
SSHD_CONFIG = """\
Include /etc/ssh/sshd_config.d/*.conf
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile {folder}/sshd.pid
AuthorizedKeysFile {folder}/key.pub
PermitRootLogin yes
KbdInteractiveAuthentication no
UsePAM yes
"""

# The shortest trial is 30 s; a test has less time.
PUSHGATE = "import pushgate.cli.main, pushgate.cli.pam; pushgate.cli.pam.SHORTEST = 1; pushgate.cli.main.main()"


class OwnEtc:
    """The namespace; it ends with the block, and nothing outside of it has changed."""

    def __init__(self) -> None:
        # Every folder above has to be root's, as on a real machine; /tmp is everybody's.
        self.folder = Path("/run") / f"pushgate-test-{secrets.token_hex(4)}"
        self.socket, self.config = self.folder / "pam.sock", self.folder / "pushgate.yaml"
        self.module = self.folder / "pam_pushgate.so"
        self.holder: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "OwnEtc":
        self.folder.mkdir(mode=0o755)
        shutil.copyfile(built_module(), self.module)
        self.config.write_text(CONFIG.format(folder=self.folder, services=SERVICES))
        self.config.chmod(0o600)
        mounts = [(self.inside(path), path) for path in COPIED]
        for source, path in mounts:
            shutil.copytree(path, source)
        self.inside(STATE).mkdir(parents=True)
        mounts.append((self.inside(STATE), STATE))
        script = "".join(f"mount --bind {source} {path} && " for source, path in mounts)
        command = ["unshare", "--mount", "--", "sh", "-c", f"{script} touch {self.folder}/ready; exec sleep infinity"]
        self.holder = subprocess.Popen(command)
        wait_until((self.folder / "ready").exists, 10, "the namespace")
        return self

    def __exit__(self, *_: object) -> None:
        assert self.holder is not None
        # A timer outlives whatever began its trial; that of a confirmed one ends by itself within a second.
        for pid in self.timers():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end_tree(self.holder)
        shutil.rmtree(self.folder)

    def inside(self, path: Path) -> Path:
        """Name the place outside of a file inside."""
        return self.folder / str(path).lstrip("/")

    def enter(self, *command: str | Path) -> list[str]:
        """Return the command line that runs a program inside."""
        assert self.holder is not None
        options = ["--mount", "--root", "--wdns=/"]
        return ["nsenter", f"--target={self.holder.pid}", *options, "--", *map(str, command)]

    def run(self, *command: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run a program inside to its end."""
        return subprocess.run(self.enter(*command), capture_output=True, text=True, timeout=60, check=False)

    def pushgate(self, *arguments: str | Path) -> list[str]:
        """Return the command line of ``pushgate pam`` for the inside; as an argument of a shell, see ``shlex.join``."""
        verb = arguments[0]
        where = ["--config", self.config, "--module", self.module] if verb in ("install", "try") else []
        return [sys.executable, "-c", PUSHGATE, "pam", *map(str, arguments), *map(str, where)]

    def pam(self, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
        """Run ``pushgate pam`` inside."""
        return self.run(*self.pushgate(*arguments))

    def files(self) -> dict[str, tuple[bytes, int, int]]:
        """Return bytes, mode and owner of every file that could have been changed."""
        found = {}
        for folder in COPIED:
            for path in sorted(self.inside(folder).rglob("*")):
                if path.is_file():
                    status = path.stat()
                    found[str(path)] = (path.read_bytes(), status.st_mode, status.st_uid)
        return found

    def timers(self) -> list[int]:
        """List the processes that wait to undo a trial of this machine."""
        trial = str(STATE / "pushgate" / "pam" / "trial.json").encode()
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit() and trial in command_line(entry) and same_namespace(entry, self.holder)
        ]


class OwnSshd(PrivateSshd):
    """The machine's sshd, which reads the files of the inside and serves root."""

    def __init__(self, machine: OwnEtc) -> None:
        self.machine, self.folder, self.port = machine, machine.folder, free_port()
        self.log, self.key = self.folder / "sshd.log", self.folder / "key"
        make_key(self.folder / "host_key")
        make_key(self.key)
        config = machine.inside(Path("/etc/ssh/sshd_config"))
        config.write_text(SSHD_CONFIG.format(port=self.port, folder=self.folder))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "OwnSshd":
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with self.log.open("wb") as log:
            command = self.machine.enter("/usr/sbin/sshd", "-D", "-e", "-f", "/etc/ssh/sshd_config")
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(lambda: self.times_started() == 1, 10, f"sshd listening: {self.log}")
        return self

    def times_started(self) -> int:
        """Count how often it has begun to listen: once more after each reload."""
        return len(re.findall("listening on", self.log.read_text()))

    def login(self, *command: str) -> "subprocess.CompletedProcess[str]":
        """Log in as root with the key, and run a command."""
        client = self.start("root", self.key, *command)
        output, errors = client.communicate(timeout=60)
        return subprocess.CompletedProcess(command, client.returncode, output.decode(), errors.decode())


def command_line(entry: Path) -> bytes:
    """Return the command line of a process, or nothing if it has ended."""
    try:
        return (entry / "cmdline").read_bytes()
    except OSError:
        return b""


def same_namespace(entry: Path, holder: "subprocess.Popen[bytes] | None") -> bool:
    """Whether a process sees the files of the inside."""
    assert holder is not None
    try:
        return (entry / "ns/mnt").readlink() == Path(f"/proc/{holder.pid}/ns/mnt").readlink()
    except OSError:
        return False
