"""Real sudo, su and sshd whose person goes away while a push is pending: it is withdrawn at once, and nothing opens."""

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pexpect
import pytest

from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from tests.support.pam import PamDaemon, ignore, module_line, pam_service
from tests.support.processes import wait_until
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.su import su
from tests.support.sudo import SudoUser, sudo_user
from tests.support.users import temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

NEVER = 600.0
TEXT = "Push sent. Please approve it."
INTERRUPTED = "client cancelled: interrupted"


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    """End whatever a test starts."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def daemon(tmp_path: Path, parts: ExitStack) -> PamDaemon:
    """A daemon whose pushes nobody answers."""
    return parts.enter_context(PamDaemon(tmp_path / "pam.sock", ignore(NEVER)))


@pytest.fixture
def caller(daemon: PamDaemon, parts: ExitStack) -> SudoUser:
    """A user of sudo."""
    service = parts.enter_context(pam_service(module_line(daemon.options.socket)))
    return parts.enter_context(sudo_user(service))


@contextmanager
def waiting(started: "pexpect.spawn[str]", daemon: PamDaemon) -> Iterator["pexpect.spawn[str]"]:
    """Wait until the person has read that a push is pending; end the program afterwards."""
    try:
        started.expect_exact(TEXT, timeout=10)
        daemon.wait_for_login()
        time.sleep(0.2)  # a signal that comes while the text is being shown is the host's own affair
        yield started
    finally:
        started.close(force=True)


def test_ctrl_c_in_sudo(daemon: PamDaemon, caller: SudoUser) -> None:
    """Ctrl-C in sudo, which blocks that signal, withdraws the push; sudo ends with status 1 without a second try."""
    with waiting(caller.sudo("id", "-u"), daemon) as sudo:
        sudo.sendintr()
        assert daemon.wait_for_cancellation(1).reason == INTERRUPTED
        rest = sudo.read()
    assert (sudo.exitstatus, sudo.signalstatus, len(daemon.logins)) == (1, None, 1)
    assert "\r\n0\r\n" not in rest


def test_approval_after_ctrl_c(daemon: PamDaemon, caller: SudoUser) -> None:
    """An approval that comes after Ctrl-C runs nothing: the module has left, and nobody takes the answer."""

    async def approve_in_spite(login: Login, conversation: Conversation) -> Decision:
        with suppress(asyncio.CancelledError):
            await ignore(NEVER)(login, conversation)
        return Decision(True, Reason.APPROVED, "audit")

    daemon.answer = approve_in_spite
    with waiting(caller.sudo("id", "-u"), daemon) as sudo:
        sudo.sendintr()
        rest = sudo.read()
    assert (sudo.exitstatus, len(daemon.logins), "\r\n0\r\n" in rest) == (1, 1, False)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_signal_to_sudo(daemon: PamDaemon, caller: SudoUser, number: signal.Signals) -> None:
    """A signal that sudo catches or blocks while PAM waits withdraws the push."""
    with waiting(caller.sudo("id", "-u"), daemon) as sudo:
        sudo.kill(number)
        assert daemon.wait_for_cancellation(1).reason == INTERRUPTED
        assert "\r\n0\r\n" not in sudo.read()
    assert len(daemon.logins) == 1


def test_ctrl_c_before_the_push(daemon: PamDaemon, parts: ExitStack) -> None:
    """Ctrl-C while an earlier module works, blocked by sudo until then, counts when the push would begin."""
    slow = "auth optional pam_exec.so quiet /bin/sleep 1"
    service = parts.enter_context(pam_service(slow, module_line(daemon.options.socket)))
    caller = parts.enter_context(sudo_user(service))
    sudo = caller.sudo("id", "-u")
    try:
        time.sleep(0.5)
        sudo.sendintr()
        start = time.monotonic()
        assert "\r\n0\r\n" not in sudo.read()
        assert time.monotonic() - start < 2
    finally:
        sudo.close(force=True)
    assert sudo.exitstatus == 1
    wait_until(lambda: len(daemon.cancelled) == len(daemon.logins), 1, "nothing pending")


def test_closed_terminal_of_sudo(daemon: PamDaemon, caller: SudoUser) -> None:
    """The terminal of sudo is closed: the push is withdrawn."""
    with waiting(caller.sudo("id", "-u"), daemon) as sudo:
        with Path("/dev/null").open() as nothing:
            os.dup2(nothing.fileno(), sudo.child_fd)
        assert daemon.wait_for_cancellation(1).reason == "client cancelled: terminal gone"


def test_ctrl_c_in_su(daemon: PamDaemon, parts: ExitStack, tmp_path: Path) -> None:
    """Ctrl-C in su withdraws the push, and then ends su as that signal always does."""
    service = parts.enter_context(pam_service(module_line(daemon.options.socket), folder=tmp_path))
    user = parts.enter_context(temporary_user())
    terminal = su(tmp_path / service, user, "-c", "id")
    with waiting(terminal, daemon):
        terminal.sendintr()
        assert daemon.wait_for_cancellation(1).reason == INTERRUPTED
        assert "uid=0" not in terminal.read()
    assert (terminal.exitstatus, terminal.signalstatus, len(daemon.logins)) == (None, signal.SIGINT, 1)


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """A key pair of an ssh client."""
    path = tmp_path / "user_key"
    make_key(path)
    return path


def test_killed_ssh_client(daemon: PamDaemon, parts: ExitStack, tmp_path: Path, key: Path) -> None:
    """The ssh client is killed: the push is withdrawn at once, although sshd itself would not notice."""
    user = parts.enter_context(temporary_user())
    authorize(user, key)
    service = parts.enter_context(pam_service(module_line(daemon.options.socket)))
    sshd = parts.enter_context(PrivateSshd(tmp_path, service))
    client = sshd.start(user.name, key, "id -un")
    daemon.wait_for_login()
    client.kill()
    assert daemon.wait_for_cancellation(1).reason == "client cancelled: client gone"
    assert client.communicate()[0] == b""
    wait_until(lambda: sshd.login_processes() == [], 5, "sshd's processes for this client end")


def test_login_grace_time(daemon: PamDaemon, parts: ExitStack, tmp_path: Path, key: Path) -> None:
    """At the end of LoginGraceTime sshd ends the login, as it would without pushgate, and the push is withdrawn."""
    user = parts.enter_context(temporary_user())
    authorize(user, key)
    service = parts.enter_context(pam_service(module_line(daemon.options.socket)))
    sshd = parts.enter_context(PrivateSshd(tmp_path, service, extra="LoginGraceTime 5"))
    start = time.monotonic()
    client = sshd.start(user.name, key, "id -un")
    daemon.wait_for_login()
    assert daemon.wait_for_cancellation(8).reason in (INTERRUPTED, "client cancelled: client gone")
    assert client.communicate(timeout=5)[0] == b""
    assert 4 < time.monotonic() - start < 7.5
    wait_until(lambda: sshd.login_processes() == [], 2, "sshd's processes for this client end")
