import os
import pwd
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from pam_module import requests
from pam_module.accounts import NssAccounts
from pam_module.options import ServiceOptions
from pam_module.processes import Process
from pam_module.protocol import Request
from pam_module.requests import Host, Identified, fingerprints, login_of
from pushgate.login import Login, Origin, OriginSource
from pushgate.text import clean

CALLER = pwd.getpwuid(1).pw_name


@pytest.fixture(autouse=True)
def plain_sudo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every sudo be one that names no account: these tests themselves have no command line of sudo."""
    monkeypatch.setattr(requests, "target_account", lambda _: "")


def request(user: bytes, **changes: bytes) -> Request:
    """Make a request for a user."""
    return Request("00112233445566ff", user, changes.pop("service", b"svc"), 0, 1, 0, **changes)  # type: ignore[arg-type]


def process(exe: str, uid: int = 0) -> Process:
    """Describe a process at the console that runs as root for somebody."""
    return Process(os.getpid(), 1, 1, exe, (uid, 0, 0))


def made(sent: Request, host: Process, **options: Any) -> Login:
    """Make the login with the machine's accounts."""
    return identified(sent, host, **options).login


def identified(sent: Request, host: Process, **options: Any) -> Identified:
    """Make the login, with what is known about its process."""
    return login_of(sent, host, ServiceOptions(**options), NssAccounts())


@pytest.mark.parametrize(
    ("exe", "host"),
    [
        ("/usr/sbin/sshd", Host.SSHD),
        ("/usr/lib/openssh/sshd-session", Host.SSHD),
        ("/usr/bin/sudo", Host.SUDO),
        ("/usr/bin/su", Host.SU),
        ("/usr/bin/login", Host.OTHER),
        ("/usr/bin/sudo-rs", Host.OTHER),
        ("", Host.OTHER),
    ],
)
def test_host_is_told_by_its_executable(exe: str, host: Host) -> None:
    """A program is recognised by its executable, and only sudo and su are local."""
    assert Host.of(process(exe)) is host
    assert host.local is (host in (Host.SUDO, Host.SU))


def test_sshd_login() -> None:
    """Sshd's login asks the user who logs in, and comes from PAM_RHOST."""
    asked = request(b"nobody", service=b"sshd", rhost=b"192.0.2.7", tty=b"ssh", command=b"rm -rf /")
    assert made(asked, process("/usr/sbin/sshd")) == Login(
        user="nobody",
        service="sshd",
        host=socket.gethostname(),
        origin=Origin("192.0.2.7", OriginSource.PAM),
        tty="ssh",
    )


@pytest.mark.parametrize("rhost", [b"", b"gateway.example.org"])
def test_sshd_without_an_address(rhost: bytes) -> None:
    """Without an address in PAM_RHOST the origin of an ssh login is unknown, never local."""
    login = made(request(b"nobody", rhost=rhost), process("/usr/sbin/sshd"))
    assert login.origin == Origin(None, OriginSource.UNKNOWN)


def test_sudo_login() -> None:
    """Sudo asks its caller, whatever PAM_RUSER says, and shows the command with hidden characters made visible."""
    asked = request(CALLER.encode(), service=b"sudo", tty=b"/dev/pts/0", ruser=b"nobody", command=b"/bin/ls \x1b[2J")
    assert made(asked, process("/usr/bin/sudo", uid=1)) == Login(
        user=CALLER,
        service="sudo",
        host=socket.gethostname(),
        origin=Origin(None, OriginSource.LOCAL),
        tty="/dev/pts/0",
        command="/bin/ls \\x1b[2J",
    )


def test_sudo_with_the_targets_password() -> None:
    """With targetpw PAM_USER is the target: the caller is asked all the same, and sees which account it is about."""
    login = made(request(b"nobody"), process("/usr/bin/sudo", uid=1))
    assert (login.user, login.account, login.known) == (CALLER, "nobody", True)


def test_sudo_ignores_rhost() -> None:
    """An rhost that sudo was configured to set is this host's own name or address, not the person's."""
    login = made(request(CALLER.encode(), rhost=b"192.0.2.1"), process("/usr/bin/sudo", uid=1))
    assert login.origin == Origin(None, OriginSource.LOCAL)


def test_sudo_by_an_account_without_a_name() -> None:
    """A caller whose user id has no name is nobody who could be asked."""
    login = made(request(b"root"), process("/usr/bin/sudo", uid=3_999_999_999))
    assert (login.user, login.known) == ("uid 3999999999", False)


def test_long_command_is_cut() -> None:
    """A command that hidden characters make longer than 512 characters is cut."""
    login = made(request(CALLER.encode(), command=b"\x01" * 512), process("/usr/bin/sudo", uid=1))
    assert (len(login.command), login.command[-1]) == (512, "…")


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        (b"c" * 511, "c" * 511),
        (b"/bin/sh -c true" + b" " * 497, "/bin/sh -c true" + " " * 496 + "…"),
        ("ä".encode() * 256, "ä" * 256 + "…"),
    ],
)
def test_command_that_the_module_has_cut_shows_it(command: bytes, shown: str) -> None:
    """Nobody hides the end of a command behind blanks: where the module's 512 bytes are full, an ellipsis ends it."""
    assert made(request(CALLER.encode(), command=command), process("/usr/bin/sudo", uid=1)).command == shown


def test_su_to_root_asks_the_caller() -> None:
    """Su to root asks whoever called it."""
    login = made(request(b"root"), process("/usr/bin/su", uid=1))
    assert (login.user, login.account) == (CALLER, "root")


def test_su_to_another_account_asks_its_owner() -> None:
    """Su to an ordinary account asks the person whose account it is."""
    login = made(request(b"nobody"), process("/usr/bin/su", uid=1))
    assert (login.user, login.account) == ("nobody", "")


@pytest.mark.parametrize(
    "name",
    [
        b"no-such-account",
        b" nobody",
        b"nobody ",
        b"nobody\n",
        b"nob\x1body",
        b"nobody\xff",
        b"nob\xe2\x80\xaeody",
        b"nob\xc2\x85ody",
    ],
)
def test_names_that_no_account_has(name: bytes) -> None:
    """A name with hidden characters, blanks at its ends or bytes that are no UTF-8 is nobody's."""
    assert made(request(name), process("/usr/sbin/sshd")).known is False


def test_odd_names_are_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account database is never asked for a name that could not be one."""
    asked: list[str] = []
    monkeypatch.setattr("pwd.getpwnam", asked.append)
    login = made(request(b"nobody\n"), process("/usr/sbin/sshd"))
    assert (login.known, asked) == (False, [])


@pytest.mark.parametrize(
    ("program", "asked", "target", "person", "account"),
    [
        ("sudo", "auto", b"root", CALLER, "root"),
        ("sudo", "target", b"root", "root", ""),
        ("su", "auto", b"root", CALLER, "root"),
        ("su", "auto", b"nobody", "nobody", ""),
        ("su", "caller", b"nobody", CALLER, "nobody"),
        ("su", "target", b"root", "root", ""),
        ("sshd", "caller", b"nobody", "nobody", ""),
    ],
)
def test_who_is_asked_can_be_set(program: str, asked: str, target: bytes, person: str, account: str) -> None:
    """An administrator chooses whether caller or target is asked; over ssh there is no caller."""
    login = made(request(target), process(f"/usr/bin/{program}", 1), asked=asked)
    assert (login.user, login.account, login.known) == (person, account, True)


@pytest.mark.parametrize(("program", "uid", "knows"), [("sudo", 1, True), ("su", 1, False), ("sshd", 1, False)])
def test_only_the_caller_may_know(program: str, uid: int, knows: bool) -> None:
    """Who asks for oneself may learn that no device rings; who wants another's account, or comes by ssh, may not."""
    assert identified(request(b"nobody"), process(f"/usr/bin/{program}", uid)).may_know is knows


@pytest.mark.parametrize(
    ("program", "user", "allow", "permitted"),
    [
        ("sshd", b"root", False, False),
        ("sshd", b"root", True, True),
        ("sshd", b"nobody", False, True),
        ("login", b"root", False, True),
        ("sudo", b"root", False, True),
    ],
)
def test_root_over_ssh_needs_a_yes(program: str, user: bytes, allow: bool, permitted: bool) -> None:
    """Sshd runs PAM for root also where it refuses root in the end: nobody is asked without an explicit yes."""
    assert made(request(user), process(f"/usr/sbin/{program}"), allow_root=allow).permitted is permitted


def test_groups_are_looked_up_where_a_rule_needs_them() -> None:
    """A person's groups are known where the service asks for them, and cost nothing elsewhere."""
    assert made(request(b"root"), process("/usr/bin/login")).groups == frozenset()
    assert "root" in made(request(b"root"), process("/usr/bin/login"), reads_groups=True).groups


def test_an_account_that_is_cut_off_has_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller who makes sudo's words so long that the account is cut off has no approval remembered for them."""
    monkeypatch.setattr(requests, "target_account", lambda _: clean(f"as typed: {'-HH ' * 50}-u root", 128))
    assert made(request(b"root"), process("/usr/bin/sudo", 0), reads_session=True).session == ""


def test_a_login_session_has_a_name() -> None:
    """Sudo in this session has this session's name where approvals are remembered, and none elsewhere."""
    # A session of its own: the leader of ours may live outside this PID namespace, where nobody can name it.
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as sleeper:
        try:
            sudo = Process(sleeper.pid, 1, 1, "/usr/bin/sudo", (1, 0, 0))
            sshd = Process(sleeper.pid, 1, 1, "/usr/sbin/sshd", (0, 0, 0))
            assert made(request(b"root"), sudo).session == ""
            assert made(request(b"root"), sudo, reads_session=True).session.startswith(f"{sleeper.pid}:")
            assert made(request(b"root"), sshd, reads_session=True).session == ""
        finally:
            sleeper.kill()


def test_a_key_has_the_fingerprint_that_ssh_keygen_prints(tmp_path: Path) -> None:
    """A key that sshd has checked is shown as people know it."""
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    kind, blob, *_ = key.with_name("key.pub").read_bytes().split()
    printed = subprocess.run(["ssh-keygen", "-lf", key], check=True, capture_output=True, text=True).stdout.split()[1]
    asked = request(b"nobody", ssh_auth_info=b"publickey %s %s\n" % (kind, blob))
    assert made(asked, process("/usr/sbin/sshd")).key == printed
    assert made(asked, process("/usr/bin/login")).key == ""


@pytest.mark.parametrize(
    ("info", "keys"),
    [
        (b"", 0),
        (b"password\n", 0),
        (b"publickey ssh-ed25519 AAAA\npublickey ssh-rsa BBBB\n", 2),
        (b"publickey ssh-ed25519 AA=A\n", 0),
        (b"hostbased ssh-ed25519 AAAA\n", 0),
        (b"publickey ssh-rsa AAAA\n" * 100, 4),
        (b"\xff\xfe \xff \xff\n", 0),
    ],
)
def test_what_sshd_has_checked_is_read_strictly(info: bytes, keys: int) -> None:
    """Only whole lines about public keys become fingerprints, and not many."""
    assert len(fingerprints(info).split()) == keys


def test_sudo_for_another_account(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller of sudo -u has that account shown, although sudo names the caller to PAM; su has what PAM says."""
    monkeypatch.setattr(requests, "target_account", lambda _: "postgres")
    assert made(request(CALLER.encode()), process("/usr/bin/sudo", 1)).account == "postgres"
    assert made(request(b"root"), process("/usr/bin/sudo", 1)).account == "root"
    assert made(request(b"root"), process("/usr/bin/su", 1)).account == "root"
