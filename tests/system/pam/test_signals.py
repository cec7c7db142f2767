"""What ends the wait of a host, sshd or not: its signals, its terminal, its client; no root needed."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pexpect
import pytest

from pushgate.conversation import Conversation
from pushgate.decision import Decision
from pushgate.login import Login
from tests.support.pam import PamDaemon, approve, ignore
from tests.support.pam_driver import Driver, driver
from tests.support.processes import wait_until

pytestmark = pytest.mark.system

NEVER = 600.0
SETTLED = 0.2
"""Seconds after which a host that has just shown a text waits again: while it shows one, signals are its own."""
INTERRUPTED = "client cancelled: interrupted"
CLIENT_GONE = "client cancelled: client gone"
ABORT = "26:1"
SIGNALS = [signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    """End whatever a test starts."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def daemon(private_folder: Path, parts: ExitStack) -> PamDaemon:
    """A daemon whose pushes nobody answers, and that serves who runs the tests."""
    allowed = frozenset({os.geteuid()})
    return parts.enter_context(PamDaemon(private_folder / "pam.sock", ignore(NEVER), allowed_peer_uids=allowed))


@pytest.fixture
def host(private_folder: Path, parts: ExitStack) -> Driver:
    """A host with the module in its stack."""
    return parts.enter_context(driver(private_folder / "pam.sock"))


def started(parts: ExitStack, process: subprocess.Popen[str]) -> subprocess.Popen[str]:
    """See to it that a process ends with the test."""
    parts.callback(process.communicate)
    parts.callback(process.kill)
    return process


def ignores_ctrl_c() -> None:
    """Ignore a signal as a host may; that survives the start of another program."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def blocked_and_pending() -> None:
    """Block a signal as sudo does, and have it pending: both survive the start of another program."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("number", SIGNALS)
def test_signal_withdraws_and_then_ends_the_host(
    daemon: PamDaemon, host: Driver, parts: ExitStack, number: signal.Signals
) -> None:
    """A signal withdraws the push with its reason, and then does to the host what it always does."""
    process = started(parts, host.start(host.command()))
    daemon.wait_for_login()
    process.send_signal(number)
    assert daemon.wait_for_cancellation(1).reason == INTERRUPTED
    assert process.wait(5) == -number


def test_ignored_signal(daemon: PamDaemon, host: Driver, parts: ExitStack) -> None:
    """A signal that the host ignores withdraws the push too, and the host goes on with PAM's answer."""
    process = started(parts, host.start(host.command(), before=ignores_ctrl_c))
    daemon.wait_for_login()
    process.send_signal(signal.SIGINT)
    assert daemon.wait_for_cancellation(1).reason == INTERRUPTED
    output, _ = process.communicate(timeout=5)
    assert (output.splitlines()[-1].split()[0], process.returncode) == (ABORT, 0)


def test_pending_signal_beats_an_approval(private_folder: Path, host: Driver, parts: ExitStack) -> None:
    """A host that blocks Ctrl-C, as sudo does, and has it pending refuses even what is approved at once."""
    allowed = frozenset({os.geteuid()})
    parts.enter_context(PamDaemon(private_folder / "pam.sock", approve(), allowed_peer_uids=allowed))
    process = started(parts, host.start(host.command(), before=blocked_and_pending))
    output, _ = process.communicate(timeout=5)
    assert (output.splitlines()[-1].split()[0], process.returncode) == (ABORT, 0)
    assert host.run(host.command())[-1].startswith("0:1 ")


def test_signal_at_a_prompt(daemon: PamDaemon, host: Driver, parts: ExitStack) -> None:
    """A signal during a question acts as in any host; one after the answer is held back again and withdraws."""

    async def ask_and_wait(login: Login, conversation: Conversation) -> Decision:
        await conversation.ask("Code", echo=True)
        await conversation.tell("Thanks.")
        return await ignore(NEVER)(login, conversation)

    daemon.answer = ask_and_wait
    process = started(parts, host.start(host.command()))
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "Code: \n"
    process.send_signal(signal.SIGTERM)
    assert process.wait(1) == -signal.SIGTERM
    assert daemon.wait_for_cancellation(1).reason == "client closed the connection"

    process = started(parts, host.start(host.command()))
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stdout.readline() == "Code: \n"
    process.stdin.write("1\n")
    process.stdin.flush()
    assert process.stdout.readline() == "Thanks.\n"
    assert process.stdout.readline() == "Push sent. Please approve it.\n"
    time.sleep(SETTLED)
    process.send_signal(signal.SIGTERM)
    wait_until(lambda: len(daemon.cancelled) == 2, 1, "the second withdrawal")
    assert daemon.cancelled[1].reason == INTERRUPTED
    assert process.wait(5) == -signal.SIGTERM


def test_closed_terminal(daemon: PamDaemon, host: Driver, parts: ExitStack) -> None:
    """A terminal that is closed withdraws the push, also of a host that ignores the signal of it."""
    program, *arguments = host.command()
    terminal = pexpect.spawn(program, arguments, ignore_sighup=True, timeout=5, encoding="utf-8")
    parts.callback(terminal.close, force=True)
    daemon.wait_for_login()
    with Path("/dev/null").open() as nothing:
        os.dup2(nothing.fileno(), terminal.child_fd)
    assert daemon.wait_for_cancellation(1).reason == "client cancelled: terminal gone"


def test_terminal_that_stays(private_folder: Path, host: Driver, parts: ExitStack) -> None:
    """A host in a terminal that stays open gets its answer, and has no descriptor more than before."""
    allowed = frozenset({os.geteuid()})
    parts.enter_context(PamDaemon(private_folder / "pam.sock", approve(0.2), allowed_peer_uids=allowed))
    program, *arguments = host.command()
    terminal = pexpect.spawn(program, arguments, timeout=5, encoding="utf-8")
    parts.callback(terminal.close, force=True)
    assert "\r\n0:1 " in terminal.read()
    terminal.close()
    assert terminal.exitstatus == 0


@pytest.fixture
def sockets(parts: ExitStack) -> "Connections":
    """Connections that a host inherits."""
    return Connections(parts)


class Connections:
    """TCP connections from several addresses of this machine to a host that is about to start."""

    def __init__(self, parts: ExitStack) -> None:
        self.parts = parts
        self.inherited: list[socket.socket] = []

    def client(self, address: str, *, mapped: bool = False) -> socket.socket:
        """Connect from an address; the host inherits the other end."""
        made = (
            socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
            if mapped
            else socket.create_server(("127.0.0.1", 0))
        )
        listening = self.parts.enter_context(closing(made))
        port = listening.getsockname()[1]
        client = self.parts.enter_context(socket.create_connection(("127.0.0.1", port), source_address=(address, 0)))
        self.inherited.append(self.parts.enter_context(listening.accept()[0]))
        return client

    def datagrams(self) -> None:
        """Let the host inherit what is no client: a connected UDP socket and a listening one."""
        udp = self.parts.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.connect(("127.0.0.3", 9))
        self.inherited += [udp, self.parts.enter_context(socket.create_server(("127.0.0.1", 0)))]

    def handed_over(self) -> list[int]:
        """List what the host inherits."""
        return [each.fileno() for each in self.inherited]

    def close_ours(self) -> None:
        """Close our own copies, so that the host alone holds its ends."""
        for each in self.inherited:
            each.close()


def start_ssh(parts: ExitStack, host: Driver, sockets: Connections, rhost: str, tty: str = "ssh") -> None:
    """Start a host that looks like sshd's child."""
    started(parts, host.start(host.command(tty=tty, rhost=rhost), inherits=sockets.handed_over()))
    sockets.close_ours()


def test_only_connection(daemon: PamDaemon, host: Driver, parts: ExitStack, sockets: Connections) -> None:
    """The one TCP connection of sshd's child is its client's, by whatever name PAM knows it."""
    sockets.datagrams()
    client = sockets.client("127.0.0.2")
    start_ssh(parts, host, sockets, "client.example.org")
    daemon.wait_for_login()
    client.close()
    assert daemon.wait_for_cancellation(1).reason == CLIENT_GONE


@pytest.mark.parametrize("mapped", [False, True])
def test_connection_among_several(
    daemon: PamDaemon, host: Driver, parts: ExitStack, sockets: Connections, mapped: bool
) -> None:
    """Among several connections the one from PAM's address is the client's; the others may close."""
    another, client, third = (
        sockets.client(address, mapped=mapped) for address in ("127.0.0.2", "127.0.0.3", "127.0.0.4")
    )
    start_ssh(parts, host, sockets, "127.0.0.3")
    daemon.wait_for_login()
    another.close()
    third.close()
    time.sleep(0.3)
    assert daemon.cancelled == []
    client.close()
    assert daemon.wait_for_cancellation(1).reason == CLIENT_GONE


@pytest.mark.parametrize(("tty", "rhost"), [("ssh", "127.0.0.9"), ("ssh", ""), ("pts/1", "127.0.0.2"), ("", "")])
def test_connections_of_nobody_in_particular(
    daemon: PamDaemon, host: Driver, parts: ExitStack, sockets: Connections, tty: str, rhost: str
) -> None:
    """Connections of another program than sshd, and ones of which none is the client's, are not watched."""
    clients = [sockets.client(address) for address in ("127.0.0.2", "127.0.0.3")]
    start_ssh(parts, host, sockets, rhost, tty)
    daemon.wait_for_login()
    for client in clients:
        client.close()
    time.sleep(0.3)
    assert daemon.cancelled == []


def test_daemon_restarts_during_a_wait(private_folder: Path, daemon: PamDaemon, host: Driver, parts: ExitStack) -> None:
    """A daemon that is restarted refuses who waits, and serves who comes next; nobody gets in by the gap."""
    process = started(parts, host.start(host.command()))
    daemon.wait_for_login()
    daemon.stop()
    output, _ = process.communicate(timeout=5)
    assert output.splitlines()[-1].split()[0] == "9:1"
    assert host.run(host.command())[-1].split()[0] == "9:1"
    allowed = frozenset({os.geteuid()})
    parts.enter_context(PamDaemon(private_folder / "pam.sock", approve(), allowed_peer_uids=allowed))
    assert host.run(host.command())[-1].split()[0] == "0:1"
