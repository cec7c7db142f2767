"""Real ssh logins through the real module and listener; the core is a script."""

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pushgate.login import Login, Origin, OriginSource
from tests.support.pam import Answer, PamDaemon, approve, deny, ignore, module_line, pam_service
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.users import User, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

NEVER = 600.0


@dataclass
class Site:
    """A host with pushgate in front of its ssh, and a user with a key."""

    folder: Path
    user: User
    key: Path
    parts: ExitStack

    def start(self, answer: Answer, *options: str, extra: str = "") -> tuple[PamDaemon, PrivateSshd]:
        """Start daemon and sshd."""
        daemon = self.parts.enter_context(PamDaemon(self.folder / "pam.sock", answer))
        service = self.parts.enter_context(pam_service(module_line(daemon.options.socket, *options)))
        sshd = self.parts.enter_context(PrivateSshd(self.folder, service, extra=extra))
        return daemon, sshd

    def login(self, sshd: PrivateSshd, *command: str, user: str = "") -> tuple[int, str, str]:
        """Log in, run a command, and return its status and output, and what the client said."""
        client = sshd.start(user or self.user.name, self.key, *command)
        output, errors = client.communicate(timeout=30)
        return client.returncode, output.decode(), errors.decode()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Make the user; whatever a test starts is ended again."""
    key = tmp_path / "user_key"
    make_key(key)
    with temporary_user() as user, ExitStack() as parts:
        authorize(user, key)
        yield Site(tmp_path, user, key, parts)


def fingerprint(key: Path) -> str:
    """The fingerprint as people know it."""
    return subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True).stdout.split()[1]


def test_approved_login(site: Site) -> None:
    """A person approves, and the command runs; the core knew who, where from and by which service."""
    daemon, sshd = site.start(approve(0.5))
    status, output, _ = site.login(sshd, "id -un")
    assert (status, output) == (0, f"{site.user.name}\n")
    assert daemon.logins == [
        Login(
            user=site.user.name,
            service=sshd.program.name,
            host=os.uname().nodename,
            origin=Origin("127.0.0.1", OriginSource.PAM),
            tty="ssh",
            key=fingerprint(site.key),
        )
    ]
    assert daemon.cancelled == []


def test_long_key(site: Site) -> None:
    """A key so long that its line is longer than other values may be arrives whole: its fingerprint is right."""
    site.key.unlink()
    make_key(site.key, "-t", "rsa", "-b", "4096")
    public = site.key.with_name(site.key.name + ".pub")
    shutil.copyfile(public, site.user.home / ".ssh" / "authorized_keys")
    daemon, sshd = site.start(approve())
    assert site.login(sshd, "id -un")[0] == 0
    printed = subprocess.run(["ssh-keygen", "-l", "-f", public], check=True, capture_output=True, text=True).stdout
    assert [login.key for login in daemon.logins] == [printed.split()[1]]
    assert len(public.read_text()) > 700


def test_denied_login(site: Site) -> None:
    """A person denies, and nothing runs."""
    daemon, sshd = site.start(deny(0.2))
    status, output, errors = site.login(sshd, "id -un")
    assert (status, output) == (255, "")
    assert "Permission denied" in errors
    assert len(daemon.logins) == 1


def test_ignored_login(site: Site) -> None:
    """Nobody answers, and at the deadline the client is refused."""
    daemon, sshd = site.start(ignore(2))
    status, output, errors = site.login(sshd, "id -un")
    assert (status, output) == (255, "")
    assert "Permission denied" in errors
    assert daemon.cancelled == []


def test_module_gives_up_by_itself(site: Site) -> None:
    """A daemon that does not answer in the module's own time: the client is refused and the login withdrawn."""
    daemon, sshd = site.start(ignore(NEVER), "timeout=2")
    status, output, _ = site.login(sshd, "id -un")
    assert (status, output) == (255, "")
    assert daemon.wait_for_cancellation(1).reason == "client cancelled: timeout"


def test_no_key_no_push(site: Site) -> None:
    """Whoever lacks the key causes no push."""
    daemon, sshd = site.start(approve())
    stranger = site.folder / "stranger_key"
    make_key(stranger)
    client = sshd.start(site.user.name, stranger, "id -un")
    output, errors = client.communicate(timeout=30)
    assert (client.returncode, output) == (255, b"")
    assert b"Permission denied (publickey)" in errors
    assert daemon.logins == []


def test_no_daemon(site: Site) -> None:
    """Without a daemon nobody gets in."""
    daemon, sshd = site.start(approve())
    daemon.stop()
    status, output, _ = site.login(sshd, "id -un")
    assert (status, output) == (255, "")


def test_daemon_stops_during_the_wait(site: Site) -> None:
    """A daemon that stops withdraws the login, and the client is refused."""
    daemon, sshd = site.start(ignore(NEVER))
    client = sshd.start(site.user.name, site.key, "id -un")
    daemon.wait_for_login()
    daemon.stop()
    output, _ = client.communicate(timeout=30)
    assert (client.returncode, output) == (255, b"")
    assert daemon.cancelled[0].reason == "the daemon stops"


def test_killed_children_are_withdrawn(site: Site) -> None:
    """Every process of the connection is killed: the kernel closes the socket, and the login is withdrawn."""
    daemon, sshd = site.start(ignore(NEVER))
    client = sshd.start(site.user.name, site.key, "id -un")
    daemon.wait_for_login()
    for pid in sshd.login_processes():
        os.kill(pid, signal.SIGKILL)
    assert daemon.wait_for_cancellation(1).reason == "client closed the connection"
    assert client.wait(10) == 255
    client.communicate()


def test_unknown_user(site: Site) -> None:
    """A name without an account reaches the core as unknown, and the client sees what a known user would see."""
    daemon, sshd = site.start(deny(0.2), extra="AuthenticationMethods keyboard-interactive")
    known = site.login(sshd, "id -un")
    unknown = site.login(sshd, "id -un", user="no-such-account")
    assert [(login.user, login.known) for login in daemon.logins] == [
        (site.user.name, True),
        ("no-such-account", False),
    ]
    assert unknown == (255, "", known[2].replace(site.user.name, "no-such-account"))


def test_root_stays_barred(site: Site) -> None:
    """With ``PermitRootLogin no`` an approval opens nothing."""
    _, sshd = site.start(approve(), extra="AuthenticationMethods keyboard-interactive")
    status, output, _ = site.login(sshd, "id -un", user="root")
    assert (status, output) == (255, "")
