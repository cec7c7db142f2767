"""The module in Python, for pam_python inside sshd: hands a login to the pushgate daemon and returns its answer.

Speaks the protocol of ``pam_pushgate.c`` and makes the same checks. It imports nothing but modules built into Debian's
interpreter: extension modules cannot be started twice in a process, and ``signal`` would install a handler in sshd.
There is no ``pam_sm_end``: it would run in every forked copy of sshd, which must not withdraw what another waits for.
"""

import _signal
import _socket
import posix
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:  # typing is no built-in module
    from typing import Any

SUCCESS, SERVICE_ERR, BUF_ERR, AUTH_ERR, AUTHINFO_UNAVAIL, USER_UNKNOWN = 0, 3, 5, 7, 9, 10
MAXTRIES, CONV_ERR, IGNORE, ABORT = 11, 19, 25, 26
RESULTS = (SUCCESS, SERVICE_ERR, AUTH_ERR, AUTHINFO_UNAVAIL, USER_UNKNOWN, MAXTRIES, IGNORE, ABORT)
STYLES = {b"P": 1, b"Q": 2, b"E": 3, b"I": 4}  # frame types that show something, as PAM's message styles
MAX_PAYLOAD, MAX_TEXT, MAX_ANSWER, MAX_PATH = 8191, 511, 511, 107
MAX_USER, MAX_AUTH_INFO, MAX_VALUE, MAX_UID = 256, 4096, 512, 0xFFFF_FFFE
MAX_FRAMES, MAX_PROMPTS = 64, 3
DEFAULT_SECONDS, MAX_SECONDS, SEND_SECONDS, LOOK_SECONDS = 75, 3600, 2, 0.2
SIGNALS = frozenset({_signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM, _signal.SIGHUP})
HOSTS, INET = ("sshd", "sshd-session"), (_socket.AF_INET, _socket.AF_INET6)
EXE, AUXV, DESCRIPTORS, SYSLOG = "/proc/self/exe", "/proc/self/auxv", "/proc/self/fd", "/dev/log"
AT_SECURE, WORD = 23, (8 if sys.maxsize > 0xFFFF_FFFF else 4)  # the latter: bytes of a C long
FORMAT, FOLDER, SOCKET, OTHERS_WRITE = 0o170000, 0o040000, 0o140000, 0o022
LOG_ERR, LOG_DEBUG = 83, 87  # with the facility LOG_AUTHPRIV


class LeaveError(Exception):
    """The call ends: with this code, these words for the log, and this reason for the daemon."""

    def __init__(self, code: int, words: str = "", cancel: bytes = b"") -> None:
        self.code, self.words, self.cancel = code, words, cancel


class Options:
    """What stands behind the module's name in the stack."""

    def __init__(self, arguments: "list[str]") -> None:
        self.socket, self.seconds, self.daemon_uid, self.debug = "/run/pushgate/pam.sock", DEFAULT_SECONDS, 0, False
        for argument in arguments:
            name, equals, value = argument.partition("=")
            number = int(value) if value.isascii() and value.isdigit() and len(value) <= 10 else -1
            if name == "socket" and value[:1] == "/" and len(encoded(value)) <= MAX_PATH:
                self.socket = value
            elif name == "timeout" and 0 < number <= MAX_SECONDS:
                self.seconds = number
            elif name == "daemon_uid" and 0 <= number <= MAX_UID:
                self.daemon_uid = number
            elif name == "debug" and not equals:
                self.debug = True
            else:
                raise LeaveError(SERVICE_ERR, "unknown or wrong option")


class Call:
    """One login: the connection to the daemon, and what else is watched while it waits."""

    def __init__(self, pamh: "Any", options: Options) -> None:
        self.pamh, self.options, self.deadline = pamh, options, time.monotonic() + options.seconds
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        self.client = -1
        self.events = select.poll()
        self.mask: set[int] = _signal.pthread_sigmask(_signal.SIG_BLOCK, ())

    def run(self, flags: int, call_id: str) -> int:
        """Do everything between PAM's call and its code."""
        try:
            request = self.request(flags, call_id)
            self.connect()
            self.send(b"A", request)
            self.client = client_connection(self.pamh.rhost) if self.pamh.tty == "ssh" else -1
            if self.client >= 0:
                self.events.register(self.client, select.POLLRDHUP)
            _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)
            return self.converse()
        except LeaveError as leaving:
            if leaving.cancel:
                self.send(b"x", leaving.cancel, leaving.code)
            raise
        finally:
            self.socket.close()
            _signal.pthread_sigmask(_signal.SIG_SETMASK, self.mask)

    def request(self, flags: int, call_id: str) -> bytes:
        """Write the first frame's payload. A name too long is refused and never cut: it could become another's."""
        pamh, user = self.pamh, self.pamh.get_user(None)
        if not 0 < len(encoded(user)) <= MAX_USER:
            raise LeaveError(USER_UNKNOWN)
        items = {"v": "1", "id": call_id, "user": user, "service": pamh.service, "rhost": pamh.rhost, "tty": pamh.tty}
        items |= {"ruser": pamh.ruser, "uid": f"{posix.getuid()}", "pid": f"{posix.getpid()}"}
        items |= {"flags": f"{flags & 0xFFFF_FFFF}", "timeout": f"{self.options.seconds}"}
        pairs = {encoded(key): encoded(value)[:MAX_VALUE] for key, value in items.items()}
        try:
            info = encoded(pamh.env["SSH_AUTH_INFO_0"])
        except KeyError:
            info = b""
        # Whole or not at all: half a key would have another fingerprint.
        pairs[b"ssh_auth_info"] = info if len(info) <= MAX_AUTH_INFO else b""
        payload = b"".join(b"%s=%s\0" % pair for pair in pairs.items() if pair[1])
        if not 0 < len(encoded(pamh.service)) <= MAX_VALUE or len(payload) > MAX_PAYLOAD:
            raise LeaveError(SERVICE_ERR, "the request does not fit")
        return payload

    def connect(self) -> None:
        """Connect to the daemon, if it and the place of its socket are the right user's."""
        check_path(self.options)
        # Before connect(): without it connect() waits for ever while the daemon's queue is full.
        limit = SEND_SECONDS.to_bytes(WORD, sys.byteorder) + bytes(WORD)
        self.socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDTIMEO, limit)
        try:
            self.socket.connect(self.options.socket)
            peer = self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
        except OSError:
            raise LeaveError(AUTHINFO_UNAVAIL, "cannot connect: is the daemon running?") from None
        if int.from_bytes(peer[4:8], sys.byteorder) != self.options.daemon_uid:
            raise LeaveError(AUTHINFO_UNAVAIL, "refused: the daemon runs as the wrong user")
        self.events.register(self.socket.fileno(), select.POLLIN)

    def send(self, kind: bytes, payload: bytes, failed: int = AUTHINFO_UNAVAIL) -> None:
        """Send a frame; leave with a code if that fails."""
        frame = kind + len(payload).to_bytes(2, "big") + payload
        try:
            while frame:
                frame = frame[self.socket.send(frame, _socket.MSG_NOSIGNAL) :]
        except OSError:
            raise LeaveError(failed, "cannot send to the daemon") from None

    def converse(self) -> int:
        """Serve the daemon's frames until its result."""
        prompts = 0
        for _ in range(MAX_FRAMES):
            header = self.receive(3)
            kind, length = header[:1], int.from_bytes(header[1:], "big")
            if length > MAX_PAYLOAD or (kind != b"R" and kind not in STYLES):
                break
            payload = self.receive(length)
            if kind == b"R":
                if length == 1 and payload[0] in RESULTS:
                    return payload[0]
                raise LeaveError(SERVICE_ERR, "the daemon sent an unknown result")
            message = self.pamh.Message(STYLES[kind], payload[:MAX_TEXT].partition(b"\0")[0].decode("utf-8", "replace"))
            if kind in (b"I", b"E"):
                try:
                    self.pamh.conversation(message)
                except self.pamh.exception:
                    pass  # the host cannot show it, and the person may still decide
                continue
            if (prompts := prompts + 1) > MAX_PROMPTS:
                break
            _signal.pthread_sigmask(_signal.SIG_SETMASK, self.mask)
            answer = self.ask(message)
            _signal.pthread_sigmask(_signal.SIG_BLOCK, SIGNALS)
            self.send(b"r", answer)
        raise LeaveError(SERVICE_ERR, "the daemon broke the protocol")

    def ask(self, message: "Any") -> bytes:
        """Ask, and take what was typed; the login password never leaves as a code, some hosts answer with it."""
        code, typed = CONV_ERR, None
        try:
            answer = self.pamh.conversation(message).resp
            typed = None if answer is None else encoded(answer)
        except (self.pamh.exception, UnicodeError) as error:
            # Nothing that a stack could take for success or for "leave me out" may come from the host.
            code = next((code for code in (ABORT, BUF_ERR) if getattr(error, "pam_result", 0) == code), CONV_ERR)
        self.seconds_left()
        if typed is None or len(typed) > MAX_ANSWER or b"\0" in typed:
            raise LeaveError(code, "", b"conversation")
        return b"" if same(typed, encoded(self.pamh.authtok)) else typed

    def receive(self, length: int) -> bytes:
        """Read exactly so many bytes, but wait no longer than somebody waits for us."""
        data = b""
        while len(data) < length:
            seconds = min(self.seconds_left(), LOOK_SECONDS)
            ready = [descriptor for descriptor, _ in self.events.poll(seconds * 1000)]
            if SIGNALS & _signal.sigpending():
                raise LeaveError(ABORT, "interrupted", b"interrupted")
            if self.client in ready:
                raise LeaveError(ABORT, "the client has gone", b"client gone")
            try:
                piece = self.socket.recv(length - len(data), _socket.MSG_DONTWAIT)
            except BlockingIOError:
                continue
            except OSError:
                piece = b""
            if not piece:
                raise LeaveError(AUTHINFO_UNAVAIL, "the daemon went away")
            data += piece
        return data

    def seconds_left(self) -> float:
        """Tell how much time is left; leave if there is none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise LeaveError(AUTH_ERR, "no answer in time", b"timeout")
        return left


def encoded(value: "str | None") -> bytes:
    """Give the bytes of what PAM said; sshd's locale is C, so bytes that are no ASCII may come as surrogates."""
    return (value or "").encode("utf-8", "surrogateescape")


def same(one: bytes, other: bytes) -> bool:
    """Compare without telling by the time where they differ."""
    return len(one) == len(other) and sum(left ^ right for left, right in zip(one, other, strict=True)) == 0


def check_path(options: Options) -> None:
    """Leave unless socket and folder are the daemon's alone: whoever may write the folder may swap the socket."""
    try:
        # lstat: a link is neither a folder nor a socket. SO_PEERCRED alone tells who called listen(), not who serves.
        holder, socket = posix.lstat(options.socket.rpartition("/")[0] or "/"), posix.lstat(options.socket)
    except OSError:
        raise LeaveError(AUTHINFO_UNAVAIL, "no socket: is the daemon running?") from None
    if holder.st_mode & (FORMAT | OTHERS_WRITE) != FOLDER or holder.st_uid not in (0, options.daemon_uid):
        raise LeaveError(AUTHINFO_UNAVAIL, "refused: others may write to the socket's folder")
    if socket.st_mode & FORMAT != SOCKET or socket.st_uid != options.daemon_uid:
        raise LeaveError(AUTHINFO_UNAVAIL, "refused: the socket is none, or has the wrong owner")


def client_connection(rhost: "str | None") -> int:
    """Find sshd's connection to the client, whose end sshd does not notice while PAM waits; -1 if that is unclear."""
    peers = {}
    for descriptor in sorted(int(name) for name in posix.listdir(DESCRIPTORS)):
        try:
            connection = _socket.socket(fileno=descriptor)
        except OSError:
            continue  # no socket
        try:
            if descriptor > 2 and connection.family in INET and connection.type == _socket.SOCK_STREAM:
                peers[descriptor] = connection.getpeername()[0].removeprefix("::ffff:")
        except OSError:
            pass  # not connected
        finally:
            connection.detach()  # otherwise the descriptor would be closed with the object
    fitting = [descriptor for descriptor, peer in peers.items() if len(peers) == 1 or peer == rhost]
    return fitting[0] if fitting else -1


def in_sshd() -> bool:
    """Tell whether we are in sshd, with no more rights than whoever started it: elsewhere Python is no safe guest."""
    if posix.readlink(EXE).removesuffix(" (deleted)").rpartition("/")[2] not in HOSTS:
        return False
    descriptor = posix.open(AUXV, posix.O_RDONLY | posix.O_CLOEXEC)
    try:
        auxv = posix.read(descriptor, 4096)
    finally:
        posix.close(descriptor)
    words = [int.from_bytes(auxv[at : at + WORD], sys.byteorder) for at in range(0, len(auxv), WORD)]
    secure = dict(zip(words[::2], words[1::2], strict=True)).get(AT_SECURE, 1)
    return not secure and len({*posix.getresuid()}) == len({*posix.getresgid()}) == 1


def say(level: int, call_id: str, words: str) -> None:
    """Write a line to the system log; without the syslog module, which would leave its mark in the host."""
    log = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC | _socket.SOCK_NONBLOCK)
    try:
        stamp = time.strftime("%b %e %H:%M:%S")
        log.sendto(f"<{level}>{stamp} pam_pushgate[{posix.getpid()}]: {call_id}: {words}".encode(), SYSLOG)
    except OSError:
        pass
    finally:
        log.close()


def pam_sm_authenticate(pamh: "Any", flags: int, argv: "list[str]") -> int:
    """Ask the daemon. What goes wrong here is a refusal, and its text stays here: it may hold what was typed."""
    call_id = "-"
    try:
        if not in_sshd():
            raise LeaveError(SERVICE_ERR, "refused: this is not sshd")
        call_id = posix.getrandom(8).hex()
        options = Options(argv[1:])
        code = Call(pamh, options).run(flags, call_id)
        if options.debug:
            say(LOG_DEBUG, call_id, f"result {code}")
    except LeaveError as leaving:
        code = leaving.code
        if leaving.words:
            say(LOG_ERR, call_id, leaving.words)
    except BaseException as error:  # noqa: BLE001 - pam_python would write its text to the log
        code = SERVICE_ERR
        say(LOG_ERR, call_id, "not UTF-8" if isinstance(error, UnicodeError) else "internal error")
    return code


def pam_sm_setcred(pamh: "Any", flags: int, argv: "list[str]") -> int:
    """Do nothing, but not in another program."""
    return SUCCESS if in_sshd() else SERVICE_ERR


pam_sm_acct_mgmt = pam_sm_setcred
