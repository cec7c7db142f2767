"""Real ssh logins through the module in Python, loaded by the real pam_python; the core is a script."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login, Origin, OriginSource
from tests.support import stand_in
from tests.support.pam import PAM_FOLDER, Answer, PamDaemon, approve, deny, hook_line, ignore, pam_service, pamtester
from tests.support.ssh import PrivateSshd, authorize, make_key
from tests.support.users import User, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

NEVER = 600.0
REFUSED = (255, "")


@dataclass
class Site:
    """A host with the hook in front of its ssh, and a user with a key."""

    folder: Path
    user: User
    key: Path
    parts: ExitStack

    @property
    def socket(self) -> Path:
        """Where the hook looks for the daemon."""
        return self.folder / "pam.sock"

    def daemon(self, answer: Answer) -> PamDaemon:
        """Start the daemon."""
        return self.parts.enter_context(PamDaemon(self.socket, answer))

    def sshd(self, *options: str, extra: str = "") -> PrivateSshd:
        """Start sshd."""
        service = self.parts.enter_context(pam_service(hook_line(self.socket, *options)))
        return self.parts.enter_context(PrivateSshd(self.folder, service, extra=extra))

    def login(self, sshd: PrivateSshd, user: str = "") -> tuple[int, str]:
        """Log in, ask who we are, and return status and output."""
        client = sshd.start(user or self.user.name, self.key, "id -un")
        output, _ = client.communicate(timeout=30)
        return client.returncode, output.decode()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Make the user; whatever a test starts is ended again."""
    make_key(tmp_path / "user_key")
    with temporary_user() as user, ExitStack() as parts:
        authorize(user, tmp_path / "user_key")
        yield Site(tmp_path, user, tmp_path / "user_key", parts)


def test_three_logins(site: Site) -> None:
    """A person approves three logins, one after the other, and the core knows who, where from and by which service."""
    daemon, sshd = site.daemon(approve(0.1)), site.sshd()
    assert [site.login(sshd) for _ in range(3)] == [(0, f"{site.user.name}\n")] * 3
    seen = {(each.user, each.service, each.origin, each.tty, each.key[:7]) for each in daemon.logins}
    assert seen == {(site.user.name, sshd.program.name, Origin("127.0.0.1", OriginSource.PAM), "ssh", "SHA256:")}
    assert len(daemon.logins) == 3
    assert daemon.cancelled == []


def test_denied_login(site: Site) -> None:
    """A person denies, and nothing runs."""
    daemon = site.daemon(deny(0.1))
    assert site.login(site.sshd()) == REFUSED
    assert len(daemon.logins) == 1


def test_missing_daemon(site: Site) -> None:
    """Without a daemon nobody gets in."""
    assert site.login(site.sshd()) == REFUSED


@pytest.mark.parametrize("stream", ["520000", "5200020000", "520001ff", "5a000161", "49ffff", "520001"])
def test_hostile_daemon(site: Site, stream: str) -> None:
    """Bytes that break the protocol let nobody in, and the next login works."""
    command = [sys.executable, "-IS", stand_in.__file__, str(site.socket), "0", "5", "close", stream]
    sshd = site.sshd()
    with subprocess.Popen(command, stdout=subprocess.PIPE) as hostile:
        assert hostile.stdout is not None
        assert hostile.stdout.readline() == b"ready\n"
        assert site.login(sshd) == REFUSED
        hostile.kill()
    site.socket.unlink()
    site.daemon(approve())
    assert site.login(sshd) == (0, f"{site.user.name}\n")


def test_typed_code(site: Site) -> None:
    """A code that is typed at ssh's prompt reaches the core."""
    typed: list[str] = []

    async def answer(login: Login, conversation: Conversation) -> Decision:
        typed.append(await conversation.ask("Code: ", echo=True))
        return Decision(True, Reason.APPROVED, "audit")

    site.daemon(answer)
    client = site.sshd().start(site.user.name, site.key, "id -un", typed="123456")
    output, _ = client.communicate(timeout=30)
    assert (client.returncode, output.decode()) == (0, f"{site.user.name}\n")
    assert typed == ["123456"]


def test_killed_client(site: Site) -> None:
    """The client is killed, and within a second the push is withdrawn."""
    daemon, sshd = site.daemon(ignore(NEVER)), site.sshd()
    client = sshd.start(site.user.name, site.key, "id -un")
    daemon.wait_for_login()
    client.kill()
    client.communicate()
    assert daemon.wait_for_cancellation(1).reason == "client cancelled: client gone"


def test_login_grace_time(site: Site) -> None:
    """At LoginGraceTime sshd ends its child, which takes the push along instead of holding sshd up."""
    daemon, sshd = site.daemon(ignore(NEVER)), site.sshd(extra="LoginGraceTime 2")
    assert site.login(sshd) == REFUSED
    assert daemon.wait_for_cancellation(1).reason == "client cancelled: interrupted"


def test_name_that_is_not_utf8(site: Site) -> None:
    """A name that pam_python cannot decode is refused, and asks nobody."""
    daemon, sshd = site.daemon(approve()), site.sshd(extra="AuthenticationMethods keyboard-interactive")
    assert site.login(sshd, "r\udce4mond") == REFUSED
    assert daemon.logins == []
    assert site.login(sshd) == (0, f"{site.user.name}\n")


def test_other_host(tmp_path: Path) -> None:
    """Another program than sshd is refused before the daemon hears of it."""
    with (
        PamDaemon(tmp_path / "pam.sock", approve()) as daemon,
        pam_service(hook_line(tmp_path / "pam.sock")) as service,
    ):
        assert pamtester(service, "root") == "pamtester: Error in service module\n"
        assert daemon.logins == []


def test_built_in_modules() -> None:
    """What the hook imports is built into Debian's interpreter, which pam_python embeds."""
    program = "import sys; print({'_signal', '_socket', 'posix', 'select', 'time'} - set(sys.builtin_module_names))"
    result = subprocess.run(["/usr/bin/python3", "-IS", "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_packages_switch_nothing_on() -> None:
    """Debian's packages with PAM modules have put none of them into a stack of this machine."""
    foreign = ("pam_python", "pam_duo", "pam_google_authenticator", "pam_radius_auth")
    stacks = [path for path in PAM_FOLDER.iterdir() if not path.name.startswith("pushgate-")]
    assert [path.name for path in stacks if any(name in path.read_text() for name in foreign)] == []
