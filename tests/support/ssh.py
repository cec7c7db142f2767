"""A private OpenSSH server on a loopback port, and its client."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

from tests.support.ports import free_port
from tests.support.processes import descendants, end_tree, wait_until
from tests.support.users import User

# OpenSSH takes the first value of each key, so a test's own lines come first.
CONFIG = """\
{extra}
ListenAddress 127.0.0.1
Port {port}
HostKey {folder}/host_key
PidFile none
UsePAM yes
PasswordAuthentication no
KbdInteractiveAuthentication yes
AuthenticationMethods publickey,keyboard-interactive
PermitRootLogin no
LogLevel VERBOSE
Subsystem sftp internal-sftp
"""


class PrivateSshd:
    """The machine's real sshd with its own port, configuration, host key and PAM service. Needs root."""

    def __init__(self, folder: Path, service: str, *, extra: str = "") -> None:
        """Prepare it.

        Args:
            folder: An empty folder for its files.
            service: Name of the PAM service; sshd takes it from the name by which it was started.
            extra: Further lines of sshd_config.
        """
        self.folder, self.port = folder, free_port()
        self.log = folder / "sshd.log"
        self.program = folder / service
        # A link, not a copy: /proc/<pid>/exe has to be the real sshd.
        self.program.symlink_to("/usr/sbin/sshd")
        make_key(folder / "host_key")
        self.config = folder / "sshd_config"
        self.config.write_text(CONFIG.format(port=self.port, folder=folder, extra=extra))
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PrivateSshd":
        # What systemd makes where it runs: sshd locks its unprivileged half into it.
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([self.program, "-D", "-e", "-f", self.config], stdout=log, stderr=log)
        try:
            wait_until(lambda: "listening on" in self.log.read_text(), 10, f"sshd listening: {self.log}")
        except AssertionError:
            end_tree(self.process)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        assert self.process is not None
        end_tree(self.process)

    def login_processes(self) -> list[int]:
        """List the processes that serve connections, parents first."""
        assert self.process is not None
        return descendants(self.process.pid)

    def client_options(self, key: Path) -> list[str]:
        """Return options for ssh and scp: this server's host key, one key, no agent, one prompt."""
        values = [f"UserKnownHostsFile={self.folder}/known_hosts", "StrictHostKeyChecking=no", "IdentitiesOnly=yes"]
        values += ["IdentityAgent=none", "ConnectTimeout=10", "NumberOfPasswordPrompts=1", "LogLevel=ERROR"]
        return ["-F", "none", "-i", str(key), *(word for value in values for word in ("-o", value))]

    def command(
        self, user: str, key: Path, *command: str, tty: bool = False, options: tuple[str, ...] = ()
    ) -> list[str]:
        """Write the command line of the real client; ``options`` come first, so they win."""
        first = [word for value in options for word in ("-o", value)]
        target = [f"{user}@127.0.0.1", *command]
        return ["ssh", "-p", str(self.port), "-tt" if tty else "-T", *first, *self.client_options(key), *target]

    def start(self, user: str, key: Path, *command: str, tty: bool = False, typed: str = "") -> subprocess.Popen[bytes]:
        """Start the real client. It offers the key and then keyboard-interactive.

        Args:
            user: Who logs in.
            key: That user's key.
            command: What runs there.
            tty: Whether it gets a terminal.
            typed: What a person types at each prompt; nobody is there if it is empty.
        """
        return self.without_terminal(self.command(user, key, *command, tty=tty), typed)

    def copy(self, user: str, key: Path, source: Path, target: str) -> subprocess.Popen[bytes]:
        """Start scp from here to there, where nobody is there to type."""
        words = ["scp", "-P", str(self.port), *self.client_options(key), str(source), f"{user}@127.0.0.1:{target}"]
        return self.without_terminal(words)

    def without_terminal(self, words: list[str], typed: str = "") -> subprocess.Popen[bytes]:
        """Start a client in a session of its own, which has no terminal."""
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LC_ALL": "C"}
        if typed:
            helper = self.folder / "askpass"
            helper.write_text(f"#!/bin/sh\necho {shlex.quote(typed)}\n")
            helper.chmod(0o700)
            environment |= {"SSH_ASKPASS": str(helper), "SSH_ASKPASS_REQUIRE": "force"}
        return subprocess.Popen(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )


def make_key(path: Path, *kind: str) -> None:
    """Make a key pair without a passphrase: Ed25519, or of the kind that these options of ssh-keygen name."""
    subprocess.run(["ssh-keygen", "-q", *(kind or ("-t", "ed25519")), "-N", "", "-C", "test", "-f", path], check=True)


def authorize(user: User, key: Path) -> None:
    """Let a key log in as a user, whose own files hold it as usual."""
    folder = user.home / ".ssh"
    folder.mkdir(mode=0o700)
    shutil.copyfile(key.with_name(key.name + ".pub"), folder / "authorized_keys")
    for path in (folder, folder / "authorized_keys"):
        os.chown(path, user.uid, -1)
