"""Who asks is found at once where that needs no waiting, and never waited for without an end."""

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from typing_extensions import override

from pam_module.accounts import Accounts, FileAccounts, NssAccounts
from pam_module.identify import LOOKUP_SECONDS, AccountSources, identify
from pam_module.options import ServiceOptions
from pam_module.processes import NoProcess, Process
from pam_module.protocol import Request
from pushgate.clock import FakeClock

REQUEST = Request("00112233445566ff", b"root", b"svc", 0, 1, 0, rhost=b"192.0.2.7")
PROCESS = Process(os.getpid(), 1, 1, "/usr/bin/login", (0, 0, 0))


class Directory(Accounts):
    """A directory server that knows everybody, and answers when the test lets it."""

    def __init__(self) -> None:
        self.answers = threading.Event()
        self.asked: list[str] = []

    @override
    def uid_of(self, name: str) -> int | None:
        self.asked.append(name)
        self.answers.wait(10)
        return 4711

    @override
    def name_of(self, uid: int) -> str | None:
        return None

    @override
    def groups_of(self, name: str) -> frozenset[str]:
        return frozenset({"people"})


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    """One thread for look-ups."""
    with ThreadPoolExecutor(1) as pool:
        yield pool


async def test_an_account_of_the_file_is_found_at_once(threads: ThreadPoolExecutor) -> None:
    """A login of an account that the machine's own file has asks no directory."""
    directory = Directory()
    found = await identify(
        REQUEST, PROCESS, ServiceOptions(), AccountSources(FileAccounts(), directory, threads), FakeClock()
    )
    assert (found.login.user, found.login.known, directory.asked) == ("root", True, [])


async def test_any_other_account_is_looked_up_in_a_thread(threads: ThreadPoolExecutor) -> None:
    """A login of an account of a directory is known; groups are always looked up there."""
    directory = Directory()
    directory.answers.set()
    sources = AccountSources(FileAccounts(), directory, threads)
    request = Request("00112233445566ff", b"of-a-directory", b"svc", 0, 1, 0, rhost=b"192.0.2.7")
    assert (await identify(request, PROCESS, ServiceOptions(), sources, FakeClock())).login.known
    found = await identify(REQUEST, PROCESS, ServiceOptions(reads_groups=True), sources, FakeClock())
    assert found.login.groups == {"people"}


async def test_a_directory_that_hangs(threads: ThreadPoolExecutor) -> None:
    """A directory that does not answer costs five seconds, and then the login is refused."""
    directory, clock = Directory(), FakeClock()
    sources = AccountSources(FileAccounts(), directory, threads)
    request = Request("00112233445566ff", b"of-a-directory", b"svc", 0, 1, 0, rhost=b"192.0.2.7")
    task = asyncio.create_task(identify(request, PROCESS, ServiceOptions(), sources, clock))
    await clock.advance(LOOKUP_SECONDS)
    directory.answers.set()
    with pytest.raises(NoProcess, match="took too long"):
        await task


async def test_a_program_that_cannot_be_seen(threads: ThreadPoolExecutor) -> None:
    """A program whose executable is hidden is refused: sudo asks somebody else than sshd does."""
    hidden = Process(os.getpid(), 1, 1, "", (0, 0, 0))
    sources = AccountSources(FileAccounts(), NssAccounts(), threads)
    with pytest.raises(NoProcess, match="cannot be seen"):
        await identify(REQUEST, hidden, ServiceOptions(), sources, FakeClock())
