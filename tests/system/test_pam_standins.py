"""The module against daemons that are absent, hung, foreign or broken: nothing but the right bytes opens the door."""

import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pam_module.protocol import parse_request
from tests.support import stand_in
from tests.support.pam import PAM_FOLDER, PAM_WRAPPER, built_module, module_line, pam_service, pamtester

pytestmark = pytest.mark.system

NOBODY = 65534

SUCCESS = "pamtester: successfully authenticated"
SERVICE_ERR = "pamtester: Error in service module"
AUTH_ERR = "pamtester: Authentication failure"
AUTHINFO_UNAVAIL = "pamtester: Authentication service cannot retrieve authentication info"
USER_UNKNOWN = "pamtester: User not known to the underlying authentication module"

CONV_ERR = "pamtester: Conversation error"

APPROVE = "52000100"
PIECES = [bytes.fromhex(piece) for piece in (APPROVE, "49000161", "450000", "52000107", "520000", "5a0000", "49")]


@dataclass
class Bench:
    """The module in a stack, and a place for the daemon that it is to meet."""

    folder: Path
    """Holds the socket."""
    module: Path
    daemon_uid: int
    """Who the module believes the daemon to be."""
    as_uid: int | None = None
    """Who runs pamtester; None: whoever runs the tests."""
    services: Path | None = None
    """Where pam_wrapper finds services; None: the machine's own folder."""
    daemons: ExitStack = field(default_factory=ExitStack)
    output: IO[bytes] | None = None
    """What the stand-in prints."""

    @property
    def socket(self) -> Path:
        """Where the module looks for the daemon."""
        return self.folder / "pam.sock"

    def start_daemon(self, *pieces: str, end: str = "hang", queue: int = 5, uid: int | None = None) -> None:
        """Start the stand-in daemon."""
        command = [sys.executable, "-IS", stand_in.__file__, str(self.socket)]
        options = [str(self.daemon_uid if uid is None else uid), str(queue), end, *pieces]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE)
        self.daemons.callback(process.communicate)
        self.daemons.callback(process.kill)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        self.output = process.stdout

    def recorded(self, count: int) -> list[bytes]:
        """Read what the module has sent back to the stand-in."""
        assert self.output is not None
        return [bytes.fromhex(self.output.readline().decode()) for _ in range(count)]

    def authenticate(
        self,
        *arguments: str,
        user: str = "root",
        line: str = "",
        before: str = "",
        typed: str = "",
        typed_after: float = 0.0,
        options: tuple[str, ...] = (),
        environment: dict[str, str] | None = None,
    ) -> list[str]:
        """Log in, and return the lines that the person sees; the last one is PAM's verdict.

        Args:
            arguments: The module's, beside its socket.
            user: Who logs in.
            line: The module's whole line, instead.
            before: A line that stands before the module's.
            typed: What the person types.
            typed_after: Seconds that the person takes.
            options: Of pamtester.
            environment: The caller's.
        """
        environment = dict(environment or {})
        if self.services:
            arguments = (*arguments, f"daemon_uid={self.daemon_uid}")
            environment |= {"LD_PRELOAD": PAM_WRAPPER, "PAM_WRAPPER": "1"}
            environment["PAM_WRAPPER_SERVICE_DIR"] = str(self.services)
        line = line or module_line(self.socket, *arguments, module=self.module)
        with pam_service(before, line, folder=self.services or PAM_FOLDER) as service:
            result = pamtester(
                service,
                user,
                typed=typed,
                typed_after=typed_after,
                environment=environment,
                as_uid=self.as_uid,
                options=options,
            )
        # pam_wrapper shows on standard error what would go to syslog.
        return [line for line in result.splitlines() if not line.startswith("PWRAP_")]


@contextmanager
def private_folder(owner: int | None) -> Iterator[Path]:
    """Make a folder that everybody may enter and only its owner may change."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        if owner is not None:
            os.chown(folder, owner, owner)
        yield folder


@pytest.fixture(params=[pytest.param("system", marks=pytest.mark.root), "wrapper"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Set up the module as root in /etc/pam.d, and as an ordinary user under pam_wrapper."""
    if request.param == "system":
        with private_folder(None) as folder:
            bench = Bench(folder, built_module(), daemon_uid=0)
            with bench.daemons:
                yield bench
        return
    other = NOBODY if os.geteuid() == 0 else None
    with private_folder(other) as folder, private_folder(other) as services, private_folder(None) as modules:
        # A copy: the tree itself may lie where an ordinary user cannot read.
        module = Path(shutil.copy(built_module(), modules))
        bench = Bench(folder, module, daemon_uid=other or os.geteuid(), as_uid=other, services=services)
        with bench.daemons:
            yield bench


@pytest.fixture
def root_bench() -> Iterator[Bench]:
    """Set up the module as root: only root can change owners."""
    with private_folder(None) as folder:
        bench = Bench(folder, built_module(), daemon_uid=0)
        with bench.daemons:
            yield bench


def test_approval(bench: Bench) -> None:
    """One result frame with the value 0 opens the door."""
    bench.start_daemon(APPROVE)
    assert bench.authenticate() == [SUCCESS]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("03", SERVICE_ERR),
        ("07", AUTH_ERR),
        ("09", AUTHINFO_UNAVAIL),
        ("0a", USER_UNKNOWN),
        ("0b", "pamtester: Have exhausted maximum number of retries for service"),
        ("1a", "pamtester: Critical error - immediate abort"),
    ],
)
def test_refusals(bench: Bench, code: str, verdict: str) -> None:
    """Every code that the daemon may refuse with arrives as that code."""
    bench.start_daemon(f"520001{code}")
    assert bench.authenticate() == [verdict]


def test_no_daemon(bench: Bench) -> None:
    """Without a daemon nobody gets in, at once."""
    start = time.monotonic()
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]
    assert time.monotonic() - start < 1


def test_dead_daemon(bench: Bench) -> None:
    """A socket that a dead daemon left behind opens nothing."""
    bench.start_daemon(end="exit")
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]
    assert stat.S_ISSOCK(bench.socket.stat().st_mode)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_hung_daemon(bench: Bench) -> None:
    """A daemon that never answers costs the configured time, then the login is refused."""
    bench.start_daemon()
    start = time.monotonic()
    assert bench.authenticate("timeout=2") == [AUTH_ERR]
    assert 1.5 < time.monotonic() - start < 4


def test_daemon_that_trickles(bench: Bench) -> None:
    """Text that keeps coming does not move the deadline."""
    bench.start_daemon(*["49000161"] * 60, APPROVE)
    start = time.monotonic()
    assert bench.authenticate("timeout=1")[-1] == AUTH_ERR
    assert 0.9 < time.monotonic() - start < 3


@pytest.mark.parametrize("pieces", [["520001"], ["52"], ["4900", "0a41"], ["490001", "61", "520001"]])
def test_daemon_dies_inside_a_frame(bench: Bench, pieces: list[str]) -> None:
    """A daemon that dies inside a frame has not approved."""
    bench.start_daemon(*pieces, end="exit")
    assert bench.authenticate()[-1] == AUTHINFO_UNAVAIL


@pytest.mark.parametrize("end", ["close", "close-at-once", "exit"])
def test_closed_without_an_answer(bench: Bench, end: str) -> None:
    """A connection that is closed without an answer is a refusal."""
    bench.start_daemon(end=end)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param("520000", id="empty result"),
        pytest.param("5200020000", id="two-byte result"),
        pytest.param("520001ff", id="unknown code"),
        pytest.param("52000101", id="code that is not listed"),
        pytest.param("5a000161", id="unknown type"),
        pytest.param("5a000000" + APPROVE, id="unknown type before an approval"),
        pytest.param("49ffff" + "61" * 65535 + APPROVE, id="huge frame"),
        pytest.param("492000" + "61" * 8192 + APPROVE, id="frame one byte too long"),
        pytest.param("410000" + APPROVE, id="the module's own type"),
        pytest.param("49000161" * 64 + APPROVE, id="more frames than agreed"),
        pytest.param("00000000", id="zeros"),
    ],
)
def test_broken_protocol(bench: Bench, piece: str) -> None:
    """Bytes that break the protocol are an error, whatever follows them."""
    # A single argument of a program may not be longer than 128 KiB.
    bench.start_daemon(*[piece[at : at + 100_000] for at in range(0, len(piece), 100_000)])
    assert bench.authenticate()[-1] == SERVICE_ERR


def test_byte_by_byte(bench: Bench) -> None:
    """An answer that comes byte by byte is an answer."""
    bench.start_daemon(*["49", "00", "02", "48", "69", "52", "00", "01", "00"])
    assert bench.authenticate() == ["Hi", SUCCESS]


def test_several_frames_at_once(bench: Bench) -> None:
    """Frames that come in one piece are told apart, and errors are shown as well as texts."""
    bench.start_daemon("49000161" + "45000162" + APPROVE)
    assert bench.authenticate() == ["a", "b", SUCCESS]


def test_format_characters(bench: Bench) -> None:
    """Text is shown as it is, never taken for a format."""
    bench.start_daemon("490008" + b"%s%n%s%n".hex(), APPROVE)
    assert bench.authenticate() == ["%s%n%s%n", SUCCESS]


def test_long_text(bench: Bench) -> None:
    """Text longer than PAM's own limit is cut before a host's buffer sees it."""
    bench.start_daemon("491fff" + "61" * 8191, APPROVE)
    assert bench.authenticate() == ["a" * 511, SUCCESS]


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


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777])
def test_writable_folder(bench: Bench, mode: int) -> None:
    """In a folder where others may write, the socket could be anybody's: not even an approval counts."""
    bench.start_daemon(APPROVE)
    bench.folder.chmod(mode)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_folder_that_is_a_link(bench: Bench) -> None:
    """A link is no folder: whoever may change the link chooses the daemon."""
    bench.start_daemon(APPROVE)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        link = Path(name) / "run"
        link.symlink_to(bench.folder)
        line = module_line(link / "pam.sock", f"daemon_uid={bench.daemon_uid}", module=bench.module)
        assert bench.authenticate(line=line) == [AUTHINFO_UNAVAIL]


def test_socket_that_is_a_link(bench: Bench) -> None:
    """A link to the right socket is not the socket."""
    bench.start_daemon(APPROVE)
    bench.socket.rename(bench.folder / "real.sock")
    bench.socket.symlink_to(bench.folder / "real.sock")
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_file_instead_of_a_socket(bench: Bench) -> None:
    """A file is no socket."""
    bench.socket.write_text("")
    if bench.as_uid is not None:
        os.chown(bench.socket, bench.as_uid, -1)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_full_listen_queue(bench: Bench) -> None:
    """A daemon whose queue is full costs 2 s, not for ever."""
    bench.start_daemon(queue=0)
    start = time.monotonic()
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]
    assert 1.5 < time.monotonic() - start < 4


def test_user_name_of_300_bytes(bench: Bench) -> None:
    """A name longer than 256 bytes is nobody's; it is not cut to somebody's."""
    bench.start_daemon(APPROVE)
    assert bench.authenticate(user="a" * 300) == [USER_UNKNOWN]
    assert bench.authenticate(user="a" * 256) == [SUCCESS]


def test_daemon_of_another_user(bench: Bench) -> None:
    """A daemon that is not the expected user's is refused, although it approves."""
    bench.start_daemon(APPROVE)
    line = module_line(bench.socket, f"daemon_uid={bench.daemon_uid + 1}", module=bench.module)
    assert bench.authenticate(line=line) == [AUTHINFO_UNAVAIL]


@pytest.mark.root
def test_wrong_owner_of_the_socket(root_bench: Bench) -> None:
    """A socket that belongs to nobody is refused, although root serves it."""
    root_bench.start_daemon(APPROVE)
    os.chown(root_bench.socket, NOBODY, NOBODY)
    assert root_bench.authenticate() == [AUTHINFO_UNAVAIL]
    os.chown(root_bench.socket, 0, 0)
    assert root_bench.authenticate() == [SUCCESS]


@pytest.mark.root
def test_wrong_owner_of_the_folder(root_bench: Bench) -> None:
    """A folder that belongs to nobody is refused, although root's socket lies in it."""
    root_bench.start_daemon(APPROVE)
    os.chown(root_bench.folder, NOBODY, NOBODY)
    assert root_bench.authenticate() == [AUTHINFO_UNAVAIL]


@pytest.mark.root
def test_wrong_user_behind_the_socket(root_bench: Bench) -> None:
    """A daemon that nobody runs is refused, although its socket and folder belong to root."""
    os.chown(root_bench.folder, NOBODY, NOBODY)
    root_bench.start_daemon(APPROVE, uid=NOBODY)
    os.chown(root_bench.folder, 0, 0)
    os.chown(root_bench.socket, 0, 0)
    assert root_bench.authenticate() == [AUTHINFO_UNAVAIL]


PROMPT_SHOWN = "510006" + b"Code: ".hex()
PROMPT_HIDDEN = "500005" + b"PIN: ".hex()


def test_prompts(bench: Bench) -> None:
    """Prompts are shown, what is typed comes back as it is, and the result decides."""
    bench.start_daemon(PROMPT_SHOWN, PROMPT_HIDDEN, APPROVE, end="record")
    shown = bench.authenticate(typed="123456\n\n")
    assert (shown[-1].removeprefix("Code: PIN: "), bench.recorded(2)) == (SUCCESS, [b"r\0\x06123456", b"r\0\0"])


def test_longest_answer(bench: Bench) -> None:
    """An answer of 511 bytes is sent; a longer one is not cut: the call is cancelled."""
    bench.start_daemon(PROMPT_SHOWN, APPROVE, end="record")
    assert bench.authenticate(typed="1" * 511 + "\n")[-1].endswith(SUCCESS)
    assert bench.authenticate(typed="1" * 512 + "\n")[-1].endswith(CONV_ERR)
    assert bench.recorded(3) == [b"r\x01\xff" + b"1" * 511, b"", b"x\0\x0cconversation"]


def test_nobody_to_ask(bench: Bench) -> None:
    """A conversation that fails cancels the call with its own code."""
    bench.start_daemon(PROMPT_SHOWN, APPROVE, end="record")
    assert bench.authenticate(typed="")[-1].endswith(CONV_ERR)
    assert bench.recorded(1) == [b"x\0\x0cconversation"]


def test_fourth_prompt(bench: Bench) -> None:
    """More prompts than agreed are an error."""
    bench.start_daemon(*[PROMPT_SHOWN] * 4, APPROVE, end="record")
    assert bench.authenticate(typed="1\n2\n3\n4\n")[-1].endswith(SERVICE_ERR)


def test_answer_after_the_deadline(bench: Bench) -> None:
    """An answer that comes after the deadline is dropped, and so is the approval behind it."""
    bench.start_daemon(PROMPT_SHOWN, APPROVE, end="record")
    assert bench.authenticate("timeout=1", typed_after=1.3, typed="1\n")[-1].endswith(AUTH_ERR)
    assert bench.recorded(1) == [b"x\0\x07timeout"]


def test_login_password_is_no_code(bench: Bench) -> None:
    """An answer that is the login password stays here: some hosts answer every question with it."""
    bench.start_daemon(PROMPT_HIDDEN, APPROVE, end="record")
    password = "auth optional pam_unix.so nodelay"
    bench.authenticate(before=password, typed="correct horse\ncorrect horse\n")
    bench.authenticate(before=password, typed="correct horse\ncorrect house\n")
    assert bench.recorded(3) == [b"r\0\0", b"", b"r\0\x0dcorrect house"]


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


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=st.binary(max_size=60) | st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_any_bytes_open_nothing_but_an_approval(bench: Bench, stream: bytes) -> None:
    """Whatever the daemon sends, the door opens only for a well-formed stream that ends in an approval."""
    with bench.daemons.pop_all():
        bench.socket.unlink(missing_ok=True)
    bench.start_daemon(stream.hex(), end="close")
    lines = bench.authenticate("timeout=5")
    assert lines[-1].startswith("pamtester: "), "the module has crashed"
    assert (lines[-1] == SUCCESS) is is_approval(stream)


def is_approval(stream: bytes) -> bool:
    """Read a stream as the documentation says; prompts end it, as nobody answers them."""
    for _ in range(64):
        frame_type, length, rest = stream[:1], int.from_bytes(stream[1:3], "big"), stream[3:]
        if len(stream) < 3 or frame_type not in (b"I", b"E", b"R") or length > 8191 or len(rest) < length:
            return False
        if frame_type == b"R":
            return length == 1 and rest[:1] == b"\0"
        stream = rest[length:]
    return False


def test_module_exports_only_what_pam_calls() -> None:
    """The module shows PAM's entry points and nothing else, so that it cannot clash with its host's names."""
    listing = subprocess.run(["nm", "-D", "--defined-only", built_module()], check=True, capture_output=True, text=True)
    names = {line.split()[-1] for line in listing.stdout.splitlines()}
    assert names == {"pam_sm_authenticate", "pam_sm_setcred", "pam_sm_acct_mgmt"}


def test_module_is_hardened() -> None:
    """Relocations are read-only before the module runs, its stack is guarded, and it needs libc and libpam alone."""
    dump = subprocess.run(["readelf", "-dlsW", built_module()], check=True, capture_output=True, text=True).stdout
    assert "GNU_RELRO" in dump
    assert "BIND_NOW" in dump
    assert "__stack_chk_fail" in dump
    assert set(re.findall(r"NEEDED.*\[(.*)\]", dump)) == {"libpam.so.0", "libc.so.6"}
