"""The hook against daemons good and bad, over real sockets; pam_python's handle is a stand-in."""

import ast
import os
import posix
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pam_module import hook
from pam_module.protocol import parse_request
from tests.support.pam import PamDaemon, approve, deny

SUCCESS, SERVICE_ERR, BUF_ERR, AUTH_ERR, AUTHINFO_UNAVAIL, USER_UNKNOWN = 0, 3, 5, 7, 9, 10
CONV_ERR, ABORT = 19, 26
APPROVE = bytes.fromhex("52000100")
SHOWN, HIDDEN = b"Q\0\x06Code: ", b"P\0\x05PIN: "


class PamError(Exception):
    """What pam_python raises where libpam fails."""

    def __init__(self, pam_result: int) -> None:
        self.pam_result = pam_result


@dataclass
class Pam:
    """pam_python's handle, as far as the hook uses it."""

    user: str | None = "alice"
    service: str | None = "sshd"
    rhost: str | None = None
    tty: str | None = None
    ruser: str | None = None
    authtok: str | None = None
    env: dict[str, str] = field(default_factory=dict)
    typed: list[str | Exception | None] = field(default_factory=list)
    """What the person types at each prompt, or how that fails."""
    shown: list[tuple[int, str]] = field(default_factory=list)
    Message = staticmethod(lambda style, text: (style, text))
    exception = PamError

    def get_user(self, prompt: str | None) -> str | None:
        """Give the user's name."""
        assert prompt is None
        return self.user

    def conversation(self, message: tuple[int, str]) -> SimpleNamespace:
        """Show a message, and answer a prompt."""
        self.shown.append(message)
        answer = self.typed.pop(0) if message[0] in (1, 2) else None
        if isinstance(answer, Exception):
            raise answer
        return SimpleNamespace(resp=answer, resp_retcode=0)


@dataclass
class Site:
    """A host that passes for sshd, a place for the daemon's socket, and the system log."""

    folder: Path
    log: socket.socket
    parts: ExitStack
    received: list[bytes] = field(default_factory=list)
    """What the daemon got, a connection each."""
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        """Where the daemon listens."""
        return self.folder / "pam.sock"

    def serve(self, *pieces: bytes, answers: int = 0, hold: bool = False, connections: int = 1) -> None:
        """Start a daemon that sends the pieces after the request, reads so many answers, and closes or waits."""
        listening = socket.socket(socket.AF_UNIX)
        self.parts.callback(listening.close)
        listening.bind(str(self.socket))
        listening.listen()

        def run() -> None:
            for _ in range(connections):
                connection, _ = listening.accept()
                with connection:
                    got = connection.recv(9000)
                    for piece in pieces:
                        connection.sendall(piece)
                        got += connection.recv(9000) if answers else b""
                    if not hold:
                        connection.shutdown(socket.SHUT_WR)
                    # The hook may close before it has read everything; then the kernel says so after its last byte.
                    with suppress(ConnectionResetError):
                        while more := connection.recv(9000):
                            got += more
                    self.received.append(got)

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def login(self, pam: Pam | None = None, *arguments: str, flags: int = 1) -> int:
        """Call the hook as pam_python does."""
        options = [f"socket={self.socket}", f"daemon_uid={os.geteuid()}", *arguments]
        return hook.pam_sm_authenticate(pam or Pam(), flags, ["/usr/lib/pushgate/hook.py", *options])

    def sent(self, number: int = 0) -> bytes:
        """Tell what the hook sent in one call, when the daemon has read it all."""
        self.wait()
        return self.received[number]

    def said_last(self) -> bytes:
        """Tell what the hook sent after its request."""
        whole = self.sent()
        return whole[3 + int.from_bytes(whole[1:3], "big") :]

    def logged(self) -> list[str]:
        """Read the lines of the log, without priority, time and pid."""
        lines = []
        while True:
            try:
                lines.append(self.log.recv(2000).decode().partition("]: ")[2].partition(": ")[2])
            except BlockingIOError:
                return lines

    def wait(self) -> None:
        """Wait until the daemon has ended."""
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """Let this process pass for sshd; signals are looked at quickly."""
    tmp_path.chmod(0o755)
    (tmp_path / "exe").symlink_to("/usr/sbin/sshd")
    monkeypatch.setattr(hook, "EXE", str(tmp_path / "exe"))
    monkeypatch.setattr(hook, "SYSLOG", str(tmp_path / "log"))
    monkeypatch.setattr(hook, "LOOK_SECONDS", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log, ExitStack() as parts:
        log.bind(str(tmp_path / "log"))
        log.setblocking(False)
        site = Site(tmp_path, log, parts)
        yield site
        site.wait()


def test_imports_nothing_but_built_in_modules() -> None:
    """The hook needs no file beside itself: anything else would break or slow down sshd's second login."""
    assert hook.__file__ is not None
    names = set()
    for node in ast.walk(ast.parse(Path(hook.__file__).read_text())):
        if isinstance(node, ast.Import):
            names |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(str(node.module))
    # typing only where the type checker looks.
    assert names == {"_signal", "_socket", "posix", "select", "sys", "time", "typing"}
    assert "pam_sm_end" not in vars(hook)


@pytest.mark.parametrize("code", [0, 3, 7, 9, 10, 11, 25, 26])
def test_results(site: Site, code: int) -> None:
    """Every code that the daemon may send is returned as it is."""
    site.serve(b"R\0\x01" + bytes([code]))
    assert site.login() == code


def test_request_bytes(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is byte for byte the documented one."""
    monkeypatch.setattr(posix, "getrandom", lambda size: bytes.fromhex("00112233445566ff"))
    monkeypatch.setattr(posix, "getuid", lambda: 0)
    monkeypatch.setattr(posix, "getpid", lambda: 4711)
    site.serve(APPROVE)
    assert site.login(Pam(rhost="192.0.2.7", tty="ssh")) == SUCCESS
    vector = "v=1|id=00112233445566ff|user=alice|service=sshd|rhost=192.0.2.7|tty=ssh|uid=0|pid=4711|flags=1|"
    payload = (vector + "timeout=75|").replace("|", "\0").encode()
    assert len(vector) == 95
    assert site.sent() == b"A" + len(payload).to_bytes(2, "big") + payload


def test_items(site: Site) -> None:
    """PAM's items arrive: long ones cut, a key whole or not at all, flags as an unsigned number."""
    site.serve(APPROVE, connections=2)
    pam = Pam(user="r\udce4", ruser="r" * 600, env={"SSH_AUTH_INFO_0": "k" * 4096, "SUDO_COMMAND": "/bin/true"})
    site.login(pam, flags=-1)
    site.login(Pam(env={"SSH_AUTH_INFO_0": "k" * 4097}))
    first, second = (parse_request(sent[3:]) for sent in (site.sent(0), site.sent(1)))
    assert (first.user, first.ruser, first.ssh_auth_info) == (b"r\xe4", b"r" * 512, b"k" * 4096)
    assert (first.uid, first.pid, first.flags, first.command) == (os.getuid(), os.getpid(), 0xFFFF_FFFF, b"")
    assert second.ssh_auth_info == b""


@pytest.mark.parametrize("style", [b"I", b"E"])
def test_text(site: Site, style: bytes) -> None:
    """Text is shown as it is, up to what every host can hold; that nobody can see it ends nothing."""
    site.serve(style + b"\0\x0aApprove 42" + style + b"\0\x08%s%n%s%n" + style + b"\x1f\xff" + b"a" * 8191 + APPROVE)
    pam = Pam()
    assert site.login(pam) == SUCCESS
    number = {b"I": 4, b"E": 3}[style]
    assert pam.shown == [(number, "Approve 42"), (number, "%s%n%s%n"), (number, "a" * 511)]


def test_host_that_cannot_show(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A text that the host cannot show leaves the decision to the person."""

    def fail(pam: Pam, message: tuple[int, str]) -> None:
        raise PamError(CONV_ERR)

    monkeypatch.setattr(Pam, "conversation", fail)
    site.serve(b"I\0\x01a" + APPROVE)
    assert site.login() == SUCCESS


def test_prompts(site: Site) -> None:
    """What is typed goes back as it is: Enter, a code, and bytes that are not ASCII."""
    site.serve(b"Q\0\x0fCode or Enter: ", HIDDEN, SHOWN, APPROVE, answers=1, hold=True)
    pam = Pam(typed=["", "123456", "\u00e4"])
    assert site.login(pam) == SUCCESS
    assert pam.shown == [(2, "Code or Enter: "), (1, "PIN: "), (2, "Code: ")]
    assert site.said_last() == bytes.fromhex("720000") + bytes.fromhex("720006313233343536") + b"r\0\x02\xc3\xa4"


@pytest.mark.parametrize(("typed", "sent"), [("secret", b"r\0\0"), ("secreT", b"r\0\x06secreT")])
def test_login_password_is_no_code(site: Site, typed: str, sent: bytes) -> None:
    """The login password never leaves as a code."""
    site.serve(HIDDEN + APPROVE, hold=True)
    assert site.login(Pam(authtok="secret", typed=[typed])) == SUCCESS
    assert site.said_last() == sent


UNREADABLE = UnicodeDecodeError("utf-8", b"\xe4", 0, 1, "no UTF-8")


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        (None, CONV_ERR),
        ("1" * 512, CONV_ERR),
        ("1\0002", CONV_ERR),
        (UNREADABLE, CONV_ERR),
        (PamError(CONV_ERR), CONV_ERR),
        (PamError(ABORT), ABORT),
        (PamError(BUF_ERR), BUF_ERR),
        # What a stack could take for success or for "leave me out".
        (PamError(SUCCESS), CONV_ERR),
        (PamError(25), CONV_ERR),
    ],
)
def test_failing_conversation(site: Site, typed: str | Exception | None, code: int) -> None:
    """An answer that is none cancels the call, and never becomes a success."""
    site.serve(SHOWN + APPROVE, hold=True)
    assert site.login(Pam(typed=[typed])) == code
    assert site.said_last() == b"x\0\x0cconversation"


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param("520000", id="empty result"),
        pytest.param("5200020000", id="two-byte result"),
        pytest.param("520001ff", id="unknown code"),
        pytest.param("52000101", id="code that is not listed"),
        pytest.param("5a000161", id="unknown type"),
        pytest.param("5a000000" + "52000100", id="unknown type before an approval"),
        pytest.param("49ffff" + "61" * 65535 + "52000100", id="huge frame"),
        pytest.param("492000" + "61" * 8192 + "52000100", id="frame one byte too long"),
        pytest.param("410000" + "52000100", id="the module's own type"),
        pytest.param("49000161" * 64 + "52000100", id="more frames than agreed"),
        pytest.param("510000" * 4 + "52000100", id="more prompts than agreed"),
        pytest.param("00000000", id="zeros"),
    ],
)
def test_broken_protocol(site: Site, stream: str) -> None:
    """Bytes that break the protocol are an error, whatever follows them."""
    listening = socket.socket(socket.AF_UNIX)
    site.parts.callback(listening.close)
    listening.bind(str(site.socket))
    listening.listen()

    def run() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(9000)
            # The hook hangs up on us, as it should.
            with suppress(OSError):
                connection.sendall(bytes.fromhex(stream))
                while connection.recv(9000):
                    pass

    site.threads.append(threading.Thread(target=run))
    site.threads[0].start()
    assert site.login(Pam(typed=["", "", "", ""])) == SERVICE_ERR


@pytest.mark.parametrize("stream", [b"", b"R", b"R\0\x01", b"I\0\x01", b"I\0\x01aR\0\x01"])
def test_end_inside_a_frame(site: Site, stream: bytes) -> None:
    """A daemon that goes away has not approved."""
    site.serve(stream)
    assert site.login() == AUTHINFO_UNAVAIL
    assert site.logged() == ["the daemon went away"]


def test_byte_by_byte(site: Site) -> None:
    """A result that comes in four pieces is a result."""
    site.serve(b"\x49", b"\0", b"\x01", b"a", b"R", b"\0", b"\x01", b"\0")
    assert site.login() == SUCCESS


def test_missing_daemon(site: Site) -> None:
    """Without a daemon nobody gets in, whether it never ran or has left its socket behind."""
    assert site.login() == AUTHINFO_UNAVAIL
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(site.socket))
    assert site.login() == AUTHINFO_UNAVAIL
    assert site.logged() == ["no socket: is the daemon running?", "cannot connect: is the daemon running?"]


def test_hung_daemon(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the deadline the hook leaves and says so; the daemon's text has not moved it."""
    now = iter(range(1000))
    clock = SimpleNamespace(monotonic=lambda: next(now), strftime=lambda form: "now")
    monkeypatch.setattr(hook, "time", clock)
    site.serve(b"I\0\x01a", hold=True)
    assert site.login(None, "timeout=10") == AUTH_ERR
    assert site.said_last() == b"x\0\x07timeout"
    assert site.logged() == ["no answer in time"]


def test_answer_after_the_deadline(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer typed after the deadline is dropped, and so is the approval behind it."""
    late = [0.0]
    monkeypatch.setattr(hook, "time", SimpleNamespace(monotonic=lambda: late[0], strftime=lambda form: "now"))
    pam = Pam(typed=["123456"])
    monkeypatch.setattr(Pam, "authtok", None)
    converse = pam.conversation

    def slowly(message: tuple[int, str]) -> SimpleNamespace:
        late[0] = 80.0
        return converse(message)

    monkeypatch.setattr(pam, "conversation", slowly)
    site.serve(SHOWN + APPROVE, hold=True)
    assert site.login(pam) == AUTH_ERR
    assert site.said_last() == b"x\0\x07timeout"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP])
def test_signals(site: Site, number: signal.Signals) -> None:
    """A signal during the wait withdraws the push and cancels even an approval; afterwards the host receives it."""
    arrived: list[int] = []
    previous = signal.signal(number, lambda which, frame: arrived.append(which))
    try:
        site.serve(b"I\0\x01a" + APPROVE, hold=True)
        pam = Pam()
        show = pam.conversation

        def interrupted(message: tuple[int, str]) -> SimpleNamespace:
            signal.pthread_kill(threading.get_ident(), number)
            assert arrived == []
            return show(message)

        pam.conversation = interrupted  # type: ignore[method-assign]
        assert site.login(pam) == ABORT
        assert arrived == [number]
    finally:
        signal.signal(number, previous)
    assert site.said_last() == b"x\0\x0binterrupted"


def test_signals_during_a_prompt_are_the_hosts(site: Site) -> None:
    """While a prompt is open the host receives its signals at once, as it does anywhere else."""
    arrived: list[int] = []
    previous = signal.signal(signal.SIGTERM, lambda which, frame: arrived.append(which))
    try:
        site.serve(SHOWN + APPROVE, hold=True)
        pam = Pam(typed=["1"])
        ask = pam.conversation

        def interrupted(message: tuple[int, str]) -> SimpleNamespace:
            signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
            assert arrived == [signal.SIGTERM]
            return ask(message)

        pam.conversation = interrupted  # type: ignore[method-assign]
        assert site.login(pam) == SUCCESS
    finally:
        signal.signal(signal.SIGTERM, previous)


@pytest.fixture
def clients(site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], tuple[socket.socket, str]]]:
    """Open connections of clients from addresses of loopback; the hook sees their descriptors and ours of the log."""
    (site.folder / "fd").mkdir()
    monkeypatch.setattr(hook, "DESCRIPTORS", str(site.folder / "fd"))
    (site.folder / "fd" / str(site.log.fileno())).touch()
    (site.folder / "fd" / "1").touch()
    with ExitStack() as parts:
        listening = parts.enter_context(socket.create_server(("127.0.0.1", 0)))
        (site.folder / "fd" / str(listening.fileno())).touch()

        def connect(address: str) -> tuple[socket.socket, str]:
            client = parts.enter_context(socket.create_connection(listening.getsockname(), source_address=(address, 0)))
            served, _ = listening.accept()
            parts.enter_context(served)
            (site.folder / "fd" / str(served.fileno())).touch()
            return client, str(served.fileno())

        yield connect


Clients = Callable[[str], tuple[socket.socket, str]]


def test_client_that_hangs_up(site: Site, clients: Clients) -> None:
    """The client of sshd goes away during the wait: the push is withdrawn, and no approval counts."""
    clients("127.0.0.3")
    client, _ = clients("127.0.0.2")
    site.serve(b"I\0\x01a", hold=True)
    pam = Pam(tty="ssh", rhost="127.0.0.2")
    show = pam.conversation

    def hang_up(message: tuple[int, str]) -> SimpleNamespace:
        client.close()
        return show(message)

    pam.conversation = hang_up  # type: ignore[method-assign]
    assert site.login(pam) == ABORT
    assert site.said_last() == b"x\0\x0bclient gone"


def test_choice_of_the_connection(clients: Clients) -> None:
    """The only connection is the client's; of several, the one from PAM_RHOST; none is closed by looking at it."""
    assert hook.client_connection("127.0.0.2") == -1
    first, descriptor = clients("127.0.0.2")
    assert hook.client_connection("198.51.100.1") == int(descriptor)
    second, other = clients("127.0.0.3")
    assert hook.client_connection("127.0.0.3") == int(other)
    assert hook.client_connection("127.0.0.2") == int(descriptor)
    assert hook.client_connection("198.51.100.1") == hook.client_connection(None) == -1
    for client, number in ((first, descriptor), (second, other)):
        client.sendall(b"x")
        assert os.read(int(number), 1) == b"x"


def test_connections_of_other_hosts_are_not_watched(site: Site, clients: Clients) -> None:
    """Without sshd's own tty item nothing but the daemon is watched."""
    client, _ = clients("127.0.0.2")
    client.close()
    site.serve(APPROVE)
    assert site.login(Pam(tty="pts/1", rhost="127.0.0.2")) == SUCCESS


@pytest.mark.parametrize(
    "option",
    [
        *("fail=open", "Timeout=5", "debug=1", "socket=pam.sock", "socket=", "socket=/" + "a" * 120),
        *("timeout=", "timeout=0", "timeout=5s", "timeout=-1", "timeout=99999999999999999999", "timeout=\u0665"),
        *("daemon_uid=root", "daemon_uid=-1", "daemon_uid=4294967295"),
    ],
)
def test_unknown_option(site: Site, option: str) -> None:
    """An option that is unknown or has a wrong value refuses everybody, before anything is connected."""
    assert site.login(None, option) == SERVICE_ERR
    assert site.logged() == ["unknown or wrong option"]


def test_debug(site: Site) -> None:
    """With ``debug`` the result is in the log; nothing of what was typed is."""
    site.serve(SHOWN + APPROVE, hold=True)
    assert site.login(Pam(typed=["123456"]), "debug", "timeout=30") == SUCCESS
    assert site.logged() == ["result 0"]


def test_default_socket(site: Site) -> None:
    """Without an option the hook asks root's daemon at the usual place."""
    options = hook.Options([])
    assert (options.socket, options.daemon_uid, options.seconds) == ("/run/pushgate/pam.sock", 0, 75)


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777, 0o1777])
def test_writable_folder(site: Site, mode: int) -> None:
    """In a folder where others may write, the socket could be anybody's: nothing is sent."""
    (site.folder / "run").mkdir(mode=0o755)
    site.folder = site.folder / "run"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(site.socket))
        listening.listen()
        site.folder.chmod(mode)
        assert site.login() == AUTHINFO_UNAVAIL
        listening.setblocking(False)
        with pytest.raises(BlockingIOError):
            listening.accept()
    assert site.logged() == ["refused: others may write to the socket's folder"]


def test_links_and_files(site: Site) -> None:
    """A link is neither a folder nor a socket, and a file is no socket."""
    real = site.folder
    (real / "run").mkdir(mode=0o755)
    (real / "link").symlink_to(real / "run")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(real / "run" / "pam.sock"))
        listening.listen()
        site.folder = real / "link"
        assert site.login() == AUTHINFO_UNAVAIL
        (real / "pam.sock").symlink_to(real / "run" / "pam.sock")
        site.folder = real
        assert site.login() == AUTHINFO_UNAVAIL
    (real / "pam.sock").unlink()
    (real / "pam.sock").touch()
    assert site.login() == AUTHINFO_UNAVAIL


def test_daemon_of_another_user(site: Site) -> None:
    """A socket that is not the expected user's is refused."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(site.socket))
        listening.listen()
        assert site.login(None, f"daemon_uid={os.geteuid() + 1}") == AUTHINFO_UNAVAIL


@pytest.mark.root
def test_wrong_user_behind_the_socket(site: Site) -> None:
    """A socket that nobody made and root now owns is refused: the kernel knows who called listen()."""
    nobody = 65534
    listening = socket.socket(socket.AF_UNIX)
    site.parts.callback(listening.close)
    listening.bind(str(site.socket))
    os.seteuid(nobody)
    try:
        listening.listen()
    finally:
        os.seteuid(0)
    assert site.login() == AUTHINFO_UNAVAIL
    assert site.logged() == ["refused: the daemon runs as the wrong user"]


@pytest.mark.parametrize("user", [None, "", "a" * 257, "\u00e4" * 129])
def test_names_of_nobody(site: Site, user: str | None) -> None:
    """A missing name, and one longer than 256 bytes, is nobody's; it is not cut to somebody's."""
    assert site.login(Pam(user=user)) == USER_UNKNOWN


@pytest.mark.parametrize("service", [None, "", "s" * 513])
def test_odd_service(site: Site, service: str | None) -> None:
    """A request that lacks its service, or whose service does not fit, is not sent."""
    assert site.login(Pam(service=service)) == SERVICE_ERR
    assert site.logged() == ["the request does not fit"]


def test_exceptions_stay_here(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever breaks is a refusal, and its text, which may quote what was typed, reaches neither log nor host."""

    def fail(pam: Pam, prompt: str | None) -> str:
        raise KeyboardInterrupt("secret")

    monkeypatch.setattr(Pam, "get_user", fail)
    assert site.login() == SERVICE_ERR
    assert site.logged() == ["internal error"]


def test_name_that_is_not_utf8(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that pam_python cannot decode is refused, and the log says why without the name."""

    def fail(pam: Pam, prompt: str | None) -> str:
        raise UNREADABLE

    monkeypatch.setattr(Pam, "get_user", fail)
    assert site.login() == SERVICE_ERR
    assert site.logged() == ["not UTF-8"]


def test_missing_log(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a system log refuses all the same."""
    monkeypatch.setattr(hook, "SYSLOG", str(site.folder / "none"))
    assert site.login() == AUTHINFO_UNAVAIL


PROGRAMS = {
    "/usr/sbin/sshd": SUCCESS,
    "/usr/sbin/sshd (deleted)": SUCCESS,
    "/usr/lib/openssh/sshd-session": SUCCESS,
    "/usr/bin/sudo": SERVICE_ERR,
    "/usr/bin/su": SERVICE_ERR,
    "/usr/bin/python3.11": SERVICE_ERR,
    "/home/mallory/sshd/x": SERVICE_ERR,
    "/usr/sbin/sshd2": SERVICE_ERR,
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_hosts(site: Site, program: str) -> None:
    """Only sshd may be the host, by its executable; everywhere else each of PAM's calls is refused unheard."""
    (site.folder / "exe").unlink()
    (site.folder / "exe").symlink_to(program)
    arguments = (Pam(), 0, ["hook.py"])
    expected = PROGRAMS[program]
    assert hook.pam_sm_setcred(*arguments) == hook.pam_sm_acct_mgmt(*arguments) == expected
    if expected != SUCCESS:
        assert site.login() == SERVICE_ERR
        assert site.logged() == ["refused: this is not sshd"]


@pytest.mark.parametrize("function", ["getresuid", "getresgid"])
@pytest.mark.parametrize("ids", [(1000, 0, 0), (1000, 1000, 0)])
def test_setuid_host(site: Site, monkeypatch: pytest.MonkeyPatch, function: str, ids: tuple[int, int, int]) -> None:
    """A program with more rights than its caller is refused, also under sshd's name."""
    monkeypatch.setattr(posix, function, lambda: ids)
    assert site.login() == SERVICE_ERR
    assert site.logged() == ["refused: this is not sshd"]


@pytest.mark.parametrize(
    ("entries", "allowed"), [([(6, 4096), (23, 0), (0, 0)], True), ([(23, 1)], False), ([], False)]
)
def test_secure_mode(
    site: Site, monkeypatch: pytest.MonkeyPatch, entries: list[tuple[int, int]], *, allowed: bool
) -> None:
    """A program that the kernel runs in secure mode, by capabilities for example, is refused; so is not knowing."""
    words = b"".join(word.to_bytes(hook.WORD, "little") for entry in entries for word in entry)
    (site.folder / "auxv").write_bytes(words)
    monkeypatch.setattr(hook, "AUXV", str(site.folder / "auxv"))
    assert hook.in_sshd() is allowed


def test_host_that_cannot_be_seen(site: Site) -> None:
    """Without /proc nobody can tell what the host is: refused."""
    (site.folder / "exe").unlink()
    assert site.login() == SERVICE_ERR


@pytest.mark.parametrize(("answer", "code"), [(approve(), SUCCESS), (deny(), AUTH_ERR)])
def test_real_listener(site: Site, answer: Callable[..., object], code: int) -> None:
    """The real daemon's side understands the hook."""
    own = frozenset({os.geteuid()})
    with PamDaemon(site.socket, answer, allowed_peer_uids=own) as daemon:  # type: ignore[arg-type]
        pam = Pam(user="root", rhost="192.0.2.7", tty="ssh")
        assert site.login(pam) == code
    assert pam.shown == [(4, "Push sent. Please approve it.")]
    assert [(login.user, login.service, login.tty) for login in daemon.logins] == [("root", "sshd", "ssh")]


PIECES = [bytes.fromhex(piece) for piece in ("52000100", "49000161", "450000", "52000107", "520000", "5a0000", "49")]


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=st.binary(max_size=60) | st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_any_bytes_open_nothing_but_an_approval(site: Site, stream: bytes) -> None:
    """Whatever the daemon sends, the door opens only for a well-formed stream that ends in an approval."""
    site.socket.unlink(missing_ok=True)
    site.serve(stream)
    assert (site.login(Pam(typed=[None, None, None])) == SUCCESS) is is_approval(stream)
    site.wait()


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
