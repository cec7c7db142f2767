"""Whole PAM conversations: libpam, the module, the listener; the core is a script."""

import asyncio
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login, Origin, OriginSource
from tests.support.pam import Answer, PamDaemon, approve, deny, ignore, module_line, pam_service, pamtester

pytestmark = [pytest.mark.system, pytest.mark.root]

SUCCESS = "pamtester: successfully authenticated"
FAILURE = "pamtester: Authentication failure"
TEXT = "Push sent. Please approve it."


@contextmanager
def gate(folder: Path, answer: Answer, *options: str) -> Iterator[tuple[PamDaemon, str]]:
    """Put a PAM service in front of a scripted core."""
    line = module_line(folder / "pam.sock", *options)
    with PamDaemon(folder / "pam.sock", answer) as daemon, pam_service(line) as service:
        yield daemon, service


@pytest.mark.parametrize(("answer", "lines"), [(approve(), [TEXT, SUCCESS]), (deny(), [TEXT, FAILURE])])
def test_answer(tmp_path: Path, answer: Answer, lines: list[str]) -> None:
    """What the person answers is what PAM returns."""
    with gate(tmp_path, answer) as (_, service):
        assert pamtester(service, "root").splitlines() == lines


def test_items(tmp_path: Path) -> None:
    """PAM's items reach the core."""
    with gate(tmp_path, approve()) as (daemon, service):
        pamtester(service, "nobody", options=("-I", "rhost=2001:DB8::7", "-I", "tty=pts/7"))
        (login,) = daemon.logins
    assert (login.user, login.service, login.tty, login.known) == ("nobody", service, "pts/7", True)
    assert login.origin == Origin("2001:db8::7", OriginSource.PAM)


@pytest.mark.parametrize("name", ["no-such-account", "root\x1b[2J", "root\n", "root ", "r\u202eoot", "a" * 256])
def test_names_of_nobody(tmp_path: Path, name: str) -> None:
    """A name that no account has, or could have, reaches the core as unknown and as it was given."""
    with gate(tmp_path, deny()) as (daemon, service):
        pamtester(service, name)
        assert [(login.user, login.known) for login in daemon.logins] == [(name, False)]


def test_typed_code(tmp_path: Path) -> None:
    """What the person types at a prompt reaches the core."""
    typed = []

    async def answer(login: Login, conversation: Conversation) -> Decision:
        typed.append(await conversation.ask("Code", echo=True))
        typed.append(await conversation.ask("PIN: ", echo=False))
        return Decision(True, Reason.APPROVED, "audit")

    with gate(tmp_path, answer) as (_, service):
        assert pamtester(service, "root", typed="123456\n\n").splitlines()[-1].endswith(SUCCESS)
    assert typed == ["123456", ""]


def test_late_approval_opens_nothing(tmp_path: Path) -> None:
    """An approval after the module has given up reaches nobody, and the login counts as withdrawn."""
    with gate(tmp_path, ignore(600), "timeout=1") as (daemon, service):
        assert pamtester(service, "root").splitlines() == [TEXT, FAILURE]
        assert daemon.wait_for_cancellation(1).reason == "client cancelled: timeout"


def test_killed_host_withdraws(tmp_path: Path) -> None:
    """A host that is killed while it waits has its login withdrawn by the kernel's end of the connection."""
    with gate(tmp_path, ignore(600)) as (daemon, service):
        host = subprocess.Popen(["pamtester", service, "root", "authenticate"], stdout=subprocess.DEVNULL)
        daemon.wait_for_login()
        host.kill()
        host.wait()
        assert daemon.wait_for_cancellation(1).reason == "client closed the connection"


def test_fifty_hosts_at_once(tmp_path: Path) -> None:
    """Fifty processes that wait at the same time each get their own answer."""

    async def answer(login: Login, conversation: Conversation) -> Decision:
        await asyncio.sleep(1)
        accept = int(login.tty) % 2 == 0
        return Decision(accept, Reason.APPROVED if accept else Reason.DENIED, "audit")

    with gate(tmp_path, answer) as (daemon, service):
        hosts = [
            subprocess.Popen(
                ["pamtester", "-I", f"tty={number}", service, "root", "authenticate"],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            for number in range(50)
        ]
        assert [host.wait(30) for host in hosts] == [number % 2 for number in range(50)]
        assert len(daemon.logins) == 50
