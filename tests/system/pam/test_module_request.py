"""The module's options, and what it tells the daemon of a login."""

import pytest

from pam_module.protocol import parse_request
from tests.support.pam_bench import APPROVE, SERVICE_ERR, SUCCESS, USER_UNKNOWN, Bench

pytestmark = pytest.mark.system


@pytest.mark.parametrize(
    "option",
    [
        *("fail=open", "Timeout=5", "debug=1", "socket=pam.sock", "socket=", "socket=/" + "a" * 120),
        *("timeout=", "timeout=0", "timeout=5s", "timeout=-1", "timeout=99999999999999999999"),
        *("daemon_uid=root", "daemon_uid=-1", "daemon_uid=4294967295"),
    ],
)
def test_unknown_option(bench: Bench, option: str) -> None:
    """An option that is unknown or has a wrong value refuses everybody."""
    bench.start_daemon(APPROVE)
    assert bench.authenticate(option) == [SERVICE_ERR]


def test_debug_option(bench: Bench) -> None:
    """The known options are taken."""
    bench.start_daemon(APPROVE)
    assert bench.authenticate("debug", "timeout=75") == [SUCCESS]


def test_user_name_of_300_bytes(bench: Bench) -> None:
    """A name longer than 256 bytes is nobody's; it is not cut to somebody's."""
    bench.start_daemon(APPROVE)
    assert bench.authenticate(user="a" * 300) == [USER_UNKNOWN]
    assert bench.authenticate(user="a" * 256) == [SUCCESS]


def test_request(bench: Bench) -> None:
    """The module sends PAM's items, keys in order, and nothing of the caller's environment."""
    bench.start_daemon(end="record-request")
    bench.authenticate("timeout=75", options=("-I", "rhost=192.0.2.7", "-I", "tty=pts/7", "-I", "ruser=" + "r" * 600))
    (sent,) = bench.recorded(1)
    pairs = [pair.partition(b"=") for pair in sent[3:].split(b"\0")[:-1]]
    values = {key.decode(): value for key, _, value in pairs}
    assert list(values) == ["v", "id", "user", "service", "rhost", "tty", "ruser", "uid", "pid", "flags", "timeout"]
    assert (values["v"], values["user"], values["rhost"], values["tty"]) == (b"1", b"root", b"192.0.2.7", b"pts/7")
    assert (values["ruser"], values["uid"]) == (b"r" * 512, str(bench.daemon_uid).encode())
    assert values["timeout"] == b"75"
    assert sent[:3] == b"A" + (len(sent) - 3).to_bytes(2, "big")
    assert parse_request(sent[3:]).user == b"root"


def test_ssh_auth_info_is_whole_or_absent(bench: Bench) -> None:
    """The key that sshd vouches for is sent whole up to 4096 bytes, and otherwise not at all."""
    bench.start_daemon(end="record-request")
    for length in (4096, 4097):
        bench.authenticate("timeout=75", options=("-E", "SSH_AUTH_INFO_0=" + "k" * length))
    whole, absent = (parse_request(sent[3:]) for sent in bench.recorded(2))
    assert (whole.ssh_auth_info, absent.ssh_auth_info) == (b"k" * 4096, b"")


def test_caller_cannot_choose_the_command(bench: Bench) -> None:
    """SUDO_COMMAND in the environment of another program than sudo is not sent."""
    bench.start_daemon(end="record-request")
    bench.authenticate(environment={"SUDO_COMMAND": "/bin/true"})
    (sent,) = bench.recorded(1)
    assert b"command" not in sent
