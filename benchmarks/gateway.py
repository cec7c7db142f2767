"""A whole installation for the benchmarks: the authority in one process, RADIUS in another, a NAS and people here.

The daemon reaches the authority by HTTP over loopback TCP, as it would LoginTC's cloud. Each person is one user with
one terminal device, which signs what it answers.
"""

import secrets
import selectors
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal

from benchmarks.figure import WrongAnswerError
from pushgate.cli.authority_api import AuthorityApi
from pushgate.cli.device_api import TerminalDevice
from pushgate.cli.device_context import PendingLogin
from pushgate.errors import PushgateError
from radius_server.nas import build_request, verify_reply
from radius_server.wire import (
    STATUS_SERVER,
    encode_request,
)
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent
SECONDS = 280
ACCESS_ACCEPT, ACCESS_REJECT = 2, 3
IDENTIFIERS = 250
"""Packets per source port: the identifier has 256 values."""

AUTHORITY = """\
authority:
  folder: {folder}/authority
  socket: null
  listen: 127.0.0.1:{api}
  page: 127.0.0.1:{page}
  request_timeout: 300
log:
  level: warning
"""
DAEMON = """\
login:
  timeout: {seconds}
provider:
  type: logintc
  url: http://127.0.0.1:{api}
  api_key_file: {folder}/authority/api.key
  domain_id_file: {folder}/authority/domain.id
radius:
  listen: ["127.0.0.1:{radius}"]
  first_factor: none
  answer_within: {seconds}
  max_pending_per_client: 5000
  clients:
    - name: bench-nas
      address: 127.0.0.1/32
      secret_file: {folder}/radius.secret
audit:
  file: {folder}/audit.jsonl
log:
  level: warning
"""


@dataclass(frozen=True)
class Answer:
    """What the NAS received: the code of a reply whose authenticators are right, and when it came."""

    code: int
    at: float


class Nas:
    """Sends Access-Requests from as many ports as it needs, and notes the replies as they come."""

    def __init__(self, port: int, secret: bytes) -> None:
        self.port, self.secret = port, secret
        self.sent: dict[tuple[int, int], tuple[str, bytes]] = {}
        self.answers: dict[str, Answer] = {}
        self.sockets: list[socket.socket] = []
        self.arrived = threading.Condition()
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.thread = threading.Thread(target=self.receive, name="nas")
        self.thread.start()

    def send(self, user: str) -> None:
        """Send one login."""
        if len(self.sent) % IDENTIFIERS == 0:
            fresh = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            fresh.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            fresh.connect(("127.0.0.1", self.port))
            self.sockets.append(fresh)
            self.selector.register(fresh, selectors.EVENT_READ)
        identifier = len(self.sent) % IDENTIFIERS
        request = build_request(user, "push", self.secret, identifier)
        self.sent[self.sockets[-1].fileno(), identifier] = (user, request)
        self.sockets[-1].send(request)

    def receive(self) -> None:
        """Note every reply until the NAS is stopped; runs in a thread of its own."""
        while not self.stopping:
            for key, _ in self.selector.select(0.2):
                assert isinstance(key.fileobj, socket.socket)
                reply = key.fileobj.recv(4096)
                at = time.perf_counter()
                user, request = self.sent[key.fileobj.fileno(), reply[1]]
                with self.arrived:
                    if user in self.answers:
                        raise WrongAnswerError(f"{user} was answered twice")
                    self.answers[user] = Answer(verify_reply(request, reply, self.secret), at)
                    self.arrived.notify_all()

    def wait(self, user: str, seconds: float = 30) -> Answer:
        """Wait for the answer to a user's login."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: user in self.answers, seconds):
                raise WrongAnswerError(f"no answer for {user} within {seconds:g} s")
            return self.answers[user]

    def stop(self) -> None:
        """Close the ports."""
        self.stopping = True
        self.thread.join()
        self.selector.close()
        for each in self.sockets:
            each.close()


class Gateway:
    """Both processes, enrolled people, and the NAS, for the time of a ``with`` block."""

    def __init__(self, folder: Path, people: int) -> None:
        self.folder = folder
        self.users = [f"person{number:04d}" for number in range(people)]
        self.devices: dict[str, TerminalDevice] = {}
        self.stack = ExitStack()

    def __enter__(self) -> "Gateway":
        try:
            self.start()
        except BaseException:
            self.stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    def start(self) -> None:
        """Start the authority, enrol everybody, start the daemon and the NAS."""
        ports = {"api": free_port(), "page": free_port(), "radius": free_port()}
        secret = secrets.token_hex(16)
        self.write("radius.secret", secret)
        self.write("authority.yaml", AUTHORITY.format(folder=self.folder, **ports))
        self.write("daemon.yaml", DAEMON.format(folder=self.folder, seconds=SECONDS, **ports))

        self.authority = self.serve("authority.yaml")
        page = f"http://127.0.0.1:{ports['page']}"
        wait_for_port(ports["page"])
        wait_for_port(ports["api"])
        key, domain = ((self.folder / "authority" / name).read_text().strip() for name in ("api.key", "domain.id"))
        api = AuthorityApi(f"http://127.0.0.1:{ports['api']}", key, domain)
        self.stack.callback(api.session.close)
        for user in self.users:
            code = api.activation_code(api.add_user(user)["id"])["code"]
            self.devices[user] = TerminalDevice.enroll(page, code, "bench")
            self.devices[user].http.session.close()

        self.daemon = self.serve("daemon.yaml")
        wait_for_radius(ports["radius"], secret.encode())
        self.nas = Nas(ports["radius"], secret.encode())
        self.stack.callback(self.nas.stop)

    def write(self, name: str, text: str) -> None:
        """Write a private file."""
        path = self.folder / name
        path.touch(mode=0o600)
        path.write_text(text)

    def serve(self, config: str) -> int:
        """Run ``pushgate serve`` until the block ends; returns its pid."""
        command = [sys.executable, "-c", "from pushgate.cli.main import main; main()", "serve", "--config"]
        process = subprocess.Popen([*command, str(self.folder / config)], cwd=ROOT)
        self.stack.callback(process.wait, 30)
        self.stack.callback(process.terminate)
        return process.pid

    def shown(self, user: str) -> PendingLogin:
        """Wait until the person's device shows the login, and close its connection."""
        device = self.devices[user]
        give_up = time.monotonic() + 60
        while not (logins := device.pending()):
            if time.monotonic() > give_up:
                raise WrongAnswerError(f"{user} was never asked")
            time.sleep(0.05)
        device.http.session.close()
        if len(logins) != 1:
            raise WrongAnswerError(f"{user} was asked {len(logins)} times")
        return logins[0]

    def shown_to(self, users: list[str]) -> dict[str, PendingLogin]:
        """Wait until the devices of all these people show their login."""
        with ThreadPoolExecutor(4) as pool:
            return dict(zip(users, pool.map(self.shown, users), strict=True))

    def decide(self, user: str, login: PendingLogin, decision: Literal["approved", "denied"]) -> None:
        """Let the person answer; the authority must take it."""
        try:
            state = self.devices[user].decide(login, decision)
        except PushgateError as error:
            raise WrongAnswerError(f"{user} could not answer: {error.message}") from None
        if state != decision:
            raise WrongAnswerError(f"{user} answered {decision}, the state became {state}")

    def expect(self, user: str, decision: Literal["approved", "denied"]) -> Answer:
        """Wait for the NAS's answer, which must say what the person said."""
        answer = self.nas.wait(user)
        expected = ACCESS_ACCEPT if decision == "approved" else ACCESS_REJECT
        if answer.code != expected:
            raise WrongAnswerError(f"{user} answered {decision}, the NAS received code {answer.code}")
        return answer


def wait_for_port(port: int) -> None:
    """Wait until somebody accepts connections."""
    give_up = time.monotonic() + 20
    while time.monotonic() < give_up:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise WrongAnswerError(f"nothing listens at port {port}")


def wait_for_radius(port: int, secret: bytes, *, signed: bool = True) -> None:
    """Ask with Status-Server until there is an answer; ours is always signed."""
    request = encode_request(STATUS_SERVER, 0, secrets.token_bytes(16), secret)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", port))
        probe.settimeout(0.1)
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            try:
                probe.send(request)
                if verify_reply(request, probe.recv(4096), secret, signed=signed) == ACCESS_ACCEPT:
                    return
            except TimeoutError:
                continue
            except ConnectionRefusedError:
                time.sleep(0.05)
    raise WrongAnswerError("the RADIUS server does not answer Status-Server")
