"""``pushgate pam`` on a machine of its own files, with the real libpam, sshd, sudo and su."""

import shlex
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pexpect
import pytest

from tests.support.own_etc import OwnEtc, OwnSshd
from tests.support.pam import PamDaemon, approve, deny
from tests.support.processes import wait_until
from tests.support.users import User, retry_while_locked, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

PASSWORD = "correct horse battery staple"
SSHD, SUDO, SUDO_I, SU = (Path("/etc/pam.d", name) for name in ("sshd", "sudo", "sudo-i", "su"))
DROP_IN = Path("/etc/ssh/sshd_config.d/pushgate.conf")


@pytest.fixture
def machine() -> Iterator[OwnEtc]:
    """A machine whose files are the test's own."""
    with OwnEtc() as own:
        yield own


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    """End whatever a test starts."""
    with ExitStack() as stack:
        yield stack


def person(parts: ExitStack, machine: OwnEtc) -> User:
    """Make an account with a password that may use sudo."""
    user = parts.enter_context(temporary_user())
    hashed = subprocess.run(["openssl", "passwd", "-6", PASSWORD], capture_output=True, text=True, check=True).stdout
    retry_while_locked(["usermod", "--password", hashed.strip(), user.name])
    rules = machine.inside(Path("/etc/sudoers.d")) / "test"
    rules.write_text(f"{user.name} ALL=(ALL) ALL\nDefaults:{user.name} timestamp_timeout=0, lecture=never\n")
    rules.chmod(0o440)
    return user


def as_user(machine: OwnEtc, user: User, *command: str) -> tuple[int | None, str]:
    """Run a command as a person in a terminal, who types the password once; returns status and what was shown."""
    become = ["setpriv", "--reuid", user.name, "--regid", str(user.uid), "--init-groups", "--reset-env"]
    program, *arguments = machine.enter(*become, *command)
    terminal = pexpect.spawn(program, arguments, timeout=20, encoding="utf-8", cwd="/")
    try:
        terminal.expect("(?i)password.*: ")
        terminal.sendline(PASSWORD)
        shown = terminal.read()
    finally:
        terminal.close(force=True)
    return terminal.exitstatus, shown


def test_sudo_asks_for_an_approval_and_remove_gives_the_files_back(machine: OwnEtc, parts: ExitStack) -> None:
    """Installed for sudo, a person types the password and approves; removed, every file is as it was, to the byte."""
    before = machine.files()
    daemon = parts.enter_context(PamDaemon(machine.socket, approve()))
    user = person(parts, machine)
    rules = machine.inside(Path("/etc/sudoers.d")) / "test"
    done = machine.pam("install", "sudo")
    assert (done.returncode, "sudo: installed" in done.stdout) == (0, True), done.stderr
    status, shown = as_user(machine, user, "sudo", "id", "-u")
    assert (status, shown.split()[-1], "Push sent" in shown) == (0, "0", True)
    assert [login.service for login in daemon.logins if login.user == user.name] == ["sudo"]
    assert machine.pam("install", "sudo").stdout == "sudo: already installed (sudo)\n"
    done = machine.pam("remove", "sudo")
    assert (done.returncode, done.stdout.splitlines()[2]) == (0, "sudo: removed"), done.stderr
    rules.unlink()
    assert machine.files() == before


def test_a_denial_keeps_sudo_shut(machine: OwnEtc, parts: ExitStack) -> None:
    """Installed for sudo and sudo -i, the right password and a denial run nothing."""
    parts.enter_context(PamDaemon(machine.socket, deny()))
    user = person(parts, machine)
    assert machine.pam("install", "sudo").returncode == 0
    for command in (("sudo", "id", "-u"), ("sudo", "-i", "id", "-u")):
        become = ["setpriv", "--reuid", user.name, "--regid", str(user.uid), "--init-groups", "--reset-env"]
        program, *arguments = machine.enter(*become, *command)
        terminal = pexpect.spawn(program, arguments, timeout=20, encoding="utf-8", cwd="/")
        terminal.expect("(?i)password.*: ")
        terminal.sendline(PASSWORD)
        terminal.expect("(?i)password.*: ")
        terminal.close(force=True)
        assert "\n0\r" not in (terminal.before or "")


def test_su_asks_everybody_but_root(machine: OwnEtc, parts: ExitStack) -> None:
    """Installed for su, a person is asked behind the password, and root becomes anybody unasked."""
    daemon = parts.enter_context(PamDaemon(machine.socket, approve()))
    user = person(parts, machine)
    assert machine.pam("install", "su").returncode == 0
    daemon.logins.clear()
    status, shown = as_user(machine, user, "su", user.name, "-c", "id -un")
    assert (status, shown.split()[-1], len(daemon.logins)) == (0, user.name, 1)
    done = machine.run("su", user.name, "-c", "id -un")
    assert (done.returncode, done.stdout.strip(), len(daemon.logins)) == (0, user.name, 1)


def test_a_trial_that_nobody_confirms_undoes_itself(machine: OwnEtc, parts: ExitStack) -> None:
    """A trial begun in an ssh login that ends at once is undone at its deadline, by itself, and sshd reloaded."""
    daemon = parts.enter_context(PamDaemon(machine.socket, approve()))
    sshd = parts.enter_context(OwnSshd(machine))
    before = machine.files()
    began = time.monotonic()
    done = sshd.login(shlex.join(machine.pushgate("try", "sshd", "--for", "5s", "--no-wait")))
    assert (done.returncode, "sudo pushgate pam confirm" in done.stdout) == (0, True), done.stderr
    assert "BEGIN pushgate sshd-key" in machine.inside(SSHD).read_text()
    assert machine.inside(DROP_IN).is_file()
    (timer,) = machine.timers()
    wait_until(lambda: sshd.times_started() == 2, 5, "sshd to read its files")
    daemon.logins.clear()
    assert sshd.login("true").returncode == 0
    assert len(daemon.logins) == 1
    wait_until(lambda: machine.files() == before, 15, "the files of before")
    assert time.monotonic() - began >= 5
    wait_until(lambda: sshd.times_started() == 3 and not machine.timers(), 5, f"sshd reloaded, and {timer} gone")
    assert sshd.login("true").returncode == 0
    assert len(daemon.logins) == 1
    assert machine.pam("confirm").returncode == 1


def test_only_a_second_login_confirms_a_trial(machine: OwnEtc, parts: ExitStack) -> None:
    """The login that began a trial cannot confirm it, one of before neither, one through the new stack can."""
    daemon = parts.enter_context(PamDaemon(machine.socket, approve()))
    sshd = parts.enter_context(OwnSshd(machine))
    before = machine.files()
    confirm = shlex.join(machine.pushgate("confirm"))
    came, go = machine.folder / "came", machine.folder / "go"
    older = sshd.start("root", sshd.key, f"touch {came}; until [ -e {go} ]; do sleep 0.05; done; {confirm}")
    wait_until(came.exists, 10, "the older login")
    done = sshd.login(f"{shlex.join(machine.pushgate('try', 'sshd', '--for', '60s', '--no-wait'))} && {confirm}")
    assert done.returncode == 1
    assert "this is the login that began the trial" in done.stderr
    assert "hint: open a second terminal" in done.stderr
    go.touch()
    assert b"this login is older than the trial" in older.communicate(timeout=20)[1]
    assert "this login is older than the trial" in machine.pam("confirm").stderr  # at no sshd at all
    wait_until(lambda: sshd.times_started() == 2, 5, "sshd to read its files")
    daemon.logins.clear()
    done = sshd.login(confirm)
    assert (done.returncode, "sshd: confirmed, it stays" in done.stdout, len(daemon.logins)) == (0, True, 1)
    wait_until(lambda: not machine.timers(), 5, "the timer to end")
    assert "BEGIN pushgate sshd-key" in machine.inside(SSHD).read_text()
    done = machine.pam("remove", "sshd")
    assert done.returncode == 0, done.stderr
    assert machine.files() == before
    wait_until(lambda: sshd.times_started() == 3, 5, "sshd to read its files")
    assert sshd.login("true").returncode == 0


def test_a_trial_of_sudo_is_confirmed_through_sudo(machine: OwnEtc, parts: ExitStack) -> None:
    """A new login confirms a trial of sudo by a sudo that asked; root's own login shows nothing about sudo."""
    daemon = parts.enter_context(PamDaemon(machine.socket, approve()))
    sshd = parts.enter_context(OwnSshd(machine))
    user = person(parts, machine)
    done = machine.pam("try", "sudo", "--for", "60s", "--no-wait")
    assert done.returncode == 0, done.stderr
    confirm = shlex.join(machine.pushgate("confirm"))
    assert "did not come through sudo" in sshd.login(confirm).stderr
    daemon.logins.clear()
    client = sshd.start(user.name, sshd.key, f"echo '{PASSWORD}' | sudo -S {confirm}")
    output, errors = client.communicate(timeout=30)
    assert (client.returncode, b"sudo: confirmed, it stays" in output) == (0, True), errors
    assert [(login.service, login.user) for login in daemon.logins] == [("sudo", user.name)]
    assert "BEGIN pushgate sudo" in machine.inside(SUDO_I).read_text()


def test_another_line_that_wins_stops_the_installation(machine: OwnEtc, parts: ExitStack) -> None:
    """Where an earlier drop-in decides otherwise, it is named with its line, and nothing is changed."""
    parts.enter_context(PamDaemon(machine.socket, approve()))
    earlier = machine.inside(Path("/etc/ssh/sshd_config.d/50-cloud.conf"))
    earlier.write_text("# by the provider\nPasswordAuthentication yes\n")
    before = machine.files()
    done = machine.pam("install", "sshd")
    assert done.returncode == 1
    assert "because of /etc/ssh/sshd_config.d/50-cloud.conf:2: yes" in done.stderr
    assert machine.files() == before


def test_no_daemon_no_installation(machine: OwnEtc) -> None:
    """Without a daemon that answers, every login would be denied: refused with a hint, and nothing is changed."""
    before = machine.files()
    done = machine.pam("install", "sudo")
    assert done.returncode == 1
    assert f"error: {machine.socket}: no daemon answers" in done.stderr
    assert "hint: start it: systemctl start pushgate" in done.stderr
    assert machine.files() == before


def test_dry_run_shows_and_changes_nothing(machine: OwnEtc, parts: ExitStack) -> None:
    """An administrator sees the whole difference, and every file is as it was."""
    parts.enter_context(PamDaemon(machine.socket, approve()))
    before = machine.files()
    done = machine.pam("install", "sshd", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "-@include common-auth" in done.stdout
    assert f"+auth required {machine.module} socket={machine.socket}" in done.stdout
    assert "+AuthenticationMethods publickey,keyboard-interactive" in done.stdout
    assert machine.files() == before
