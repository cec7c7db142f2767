"""Real sudo through the real module and listener; the core is a script."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pexpect
import pytest

from pushgate.login import OriginSource
from tests.support.pam import Answer, PamDaemon, approve, deny, ignore, module_line, pam_service
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.sudo import SudoUser, sudo_user

pytestmark = [pytest.mark.system, pytest.mark.root]

NEVER = 600.0
TEXT = "Push sent. Please approve it."


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    """End whatever a test starts."""
    with ExitStack() as stack:
        yield stack


def start(parts: ExitStack, folder: Path, answer: Answer) -> tuple[PamDaemon, SudoUser]:
    """Start the daemon and make a user of sudo."""
    daemon = parts.enter_context(PamDaemon(folder / "pam.sock", answer))
    service = parts.enter_context(pam_service(module_line(daemon.options.socket)))
    return daemon, parts.enter_context(sudo_user(service))


@contextmanager
def ended(terminal: "pexpect.spawn[str]") -> Iterator["pexpect.spawn[str]"]:
    """End a program that a test started in a terminal."""
    try:
        yield terminal
    finally:
        terminal.close(force=True)


def finish(terminal: "pexpect.spawn[str]") -> tuple[int | None, list[str]]:
    """Wait for the end of a program and return its status and lines."""
    with ended(terminal):
        lines = terminal.read().split("\r\n")
    return terminal.exitstatus, [line for line in lines if line]


def test_approved_command(tmp_path: Path, parts: ExitStack) -> None:
    """The caller sees the text, approves, and the command runs as root; the core knew who, where and what."""
    daemon, user = start(parts, tmp_path, approve(0.5))
    assert finish(user.sudo("id", "-u")) == (0, [TEXT, "0"])
    (login,) = daemon.logins
    assert (login.user, login.account, login.known) == (user.account.name, "", True)
    assert (login.service, login.host) == (user.service, os.uname().nodename)
    assert login.tty.startswith("/dev/pts/")
    assert login.command == "/usr/bin/id -u"


def test_text_is_shown_at_once(tmp_path: Path, parts: ExitStack) -> None:
    """The text appears while the push is pending, not with the result."""
    daemon, user = start(parts, tmp_path, ignore(NEVER))
    with ended(user.sudo("id", "-u")) as terminal:
        terminal.expect_exact(TEXT, timeout=5)
        assert (len(daemon.logins), daemon.cancelled) == (1, [])


def test_denied_command(tmp_path: Path, parts: ExitStack) -> None:
    """The person denies, and nothing runs."""
    _, user = start(parts, tmp_path, deny())
    status, lines = finish(user.sudo("id", "-u"))
    assert (status, "0" in lines, lines[0]) == (1, False, TEXT)


def test_ignored_command(tmp_path: Path, parts: ExitStack) -> None:
    """Nobody answers, and at the deadline nothing runs."""
    _, user = start(parts, tmp_path, ignore(0.7))
    status, lines = finish(user.sudo("id", "-u"))
    assert (status, "0" in lines) == (1, False)


def test_killed_sudo_is_withdrawn(tmp_path: Path, parts: ExitStack) -> None:
    """Sudo is killed while it waits: the kernel closes the socket, and the login is withdrawn within a second."""
    daemon, user = start(parts, tmp_path, ignore(NEVER))
    with ended(user.sudo("id", "-u")) as terminal:
        daemon.wait_for_login()
        terminal.kill(signal.SIGKILL)
        assert daemon.wait_for_cancellation(1).reason == "client closed the connection"


def test_command_is_sudos_own_word(tmp_path: Path, parts: ExitStack) -> None:
    """A caller who sets SUDO_COMMAND, SUDO_USER and the rest changes nothing of what the core is told."""
    daemon, user = start(parts, tmp_path, approve())
    lies = ["SUDO_COMMAND=/bin/true", "SUDO_USER=root", "SUDO_UID=0", "LOGNAME=root", "USER=root"]
    assert finish(user.run("env", *lies, "sudo", "id", "-u")) == (0, [TEXT, "0"])
    (login,) = daemon.logins
    assert (login.user, login.command) == (user.account.name, "/usr/bin/id -u")


def test_long_command_is_visibly_cut(tmp_path: Path, parts: ExitStack) -> None:
    """A caller who hides the end of a command behind blanks gets it asked with an ellipsis at its end."""
    daemon, user = start(parts, tmp_path, approve())
    finish(user.sudo("true", " " * 600, "; rm -rf /"))
    (login,) = daemon.logins
    assert login.command.startswith("/usr/bin/true  ")
    assert login.command.endswith("  …")


def test_another_sudo_shows_no_command(tmp_path: Path, parts: ExitStack) -> None:
    """Where a program named sudo lacks an environment of its own, SUDO_COMMAND is the caller's word: not shown."""
    daemon, user = start(parts, tmp_path, approve())
    another = tmp_path / "sudo"
    shutil.copyfile("/usr/bin/pamtester", another)
    another.chmod(0o755)
    lie = {**os.environ, "SUDO_COMMAND": "/usr/bin/apt update"}
    subprocess.run([another, user.service, user.account.name, "authenticate"], env=lie, check=True, timeout=20)
    (login,) = daemon.logins
    assert login.command == ""


def test_command_cannot_paint_the_screen(tmp_path: Path, parts: ExitStack) -> None:
    """Escape sequences in the command reach the core as visible text."""
    daemon, user = start(parts, tmp_path, approve())
    finish(user.sudo("echo", "\x1b[2Jharmless"))
    (login,) = daemon.logins
    assert login.command == "/usr/bin/echo \\x1b[2Jharmless"


def test_origin_through_ssh(tmp_path: Path, parts: ExitStack) -> None:
    """Sudo in an ssh session comes from the client's address, by the kernel's word and not by SSH_CONNECTION."""
    daemon, user = start(parts, tmp_path, approve())
    key = tmp_path / "user_key"
    make_key(key)
    authorize(user.account, key)
    sshd = parts.enter_context(PrivateSshd(tmp_path, user.service))
    lie = "SSH_CONNECTION='198.51.100.1 1 198.51.100.2 22' sudo id -u"
    client = sshd.start(user.account.name, key, lie)
    output, _ = client.communicate(timeout=30)
    assert (client.returncode, b"0" in output.splitlines()) == (0, True)
    through_ssh, through_sudo = daemon.logins
    assert (through_ssh.origin.address, through_ssh.origin.source) == ("127.0.0.1", OriginSource.PAM)
    assert (through_sudo.origin.address, through_sudo.origin.source) == ("127.0.0.1", OriginSource.KERNEL)
    assert (through_sudo.user, through_sudo.command) == (user.account.name, "/usr/bin/id -u")


@pytest.mark.parametrize("options", [[], ["-S"]])
def test_no_terminal(tmp_path: Path, parts: ExitStack, options: list[str]) -> None:
    """A playbook's sudo without a terminal, also with -S, is approved by the line alone: nothing is read from it."""
    daemon, user = start(parts, tmp_path, approve(0.2))
    words = user.as_account("sudo", *options, "sh", "-c", "id -u; cat")
    done = subprocess.run(
        words,
        input="for the command\n",
        capture_output=True,
        text=True,
        timeout=20,
        start_new_session=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "0\nfor the command\n")
    assert TEXT in done.stderr
    assert len(daemon.logins) == 1
