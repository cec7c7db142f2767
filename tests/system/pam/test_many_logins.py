"""Many logins through the module: in one process, in threads, inside Python, and at once."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from tests.support.pam import Answer, PamDaemon, approve, module_line, pam_service
from tests.support.pam_driver import driver

pytestmark = pytest.mark.system

PYTHON_HOST = """
import os, pam, signal, sys
signals = signal.pthread_sigmask(signal.SIG_BLOCK, [])
handler = signal.getsignal(signal.SIGINT)
descriptors = os.listdir("/proc/self/fd")
def log_in():
    login = pam.PamAuthenticator()
    return login.authenticate("root", "secret", service=sys.argv[1], resetcreds=False)
print(sum(log_in() for _ in range(20)))
assert signals == signal.pthread_sigmask(signal.SIG_BLOCK, [])
assert handler == signal.getsignal(signal.SIGINT)
assert descriptors == os.listdir("/proc/self/fd")
"""


def daemon(folder: Path, answer: Answer) -> PamDaemon:
    """Make a daemon that also serves who runs the tests."""
    return PamDaemon(folder / "pam.sock", answer, allowed_peer_uids=frozenset({os.geteuid()}))


def test_hundred_logins_in_one_process(private_folder: Path) -> None:
    """A process that logs in a hundred times grows by less than 1 MB, and keeps its signals and descriptors."""
    with daemon(private_folder, approve()), driver(private_folder / "pam.sock") as host:
        *_, last = host.run(host.command(logins=100))
    counts, _, grown = last.partition(" grown ")
    assert counts == "0:100"
    assert int(grown) < 1024


def test_eight_threads(private_folder: Path) -> None:
    """Eight threads with fifty logins each all get their answers."""
    with daemon(private_folder, approve()), driver(private_folder / "pam.sock") as host:
        *_, last = host.run(host.command(threads=8, logins=50))
    assert last.startswith("0:400 ")


def test_three_hundred_waits_at_once(private_folder: Path) -> None:
    """Three hundred processes that wait for one daemon at the same time all get their answers."""
    together, most = 0, 0

    async def answer(login: Login, conversation: Conversation) -> Decision:
        nonlocal together, most
        together += 1
        most = max(most, together)
        await asyncio.sleep(3)
        together -= 1
        return Decision(True, Reason.APPROVED, "audit")

    with daemon(private_folder, answer), driver(private_folder / "pam.sock") as host:
        lines = host.run(host.command(processes=300))
    assert [line.split()[0] for line in lines] == ["0:1"] * 300
    assert most == 300


@pytest.mark.root
def test_inside_python(tmp_path: Path) -> None:
    """A Python process that logs in twenty times by python-pam keeps its signals, handlers and descriptors."""
    with daemon(tmp_path, approve()) as served, pam_service(module_line(tmp_path / "pam.sock")) as service:
        result = subprocess.run(
            [sys.executable, "-c", PYTHON_HOST, service],
            capture_output=True,
            text=True,
            timeout=60,
            stdin=subprocess.DEVNULL,
        )
    assert (result.stdout, result.returncode) == ("20\n", 0), result.stderr
    assert len(served.logins) == 20
