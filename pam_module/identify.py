"""Who is at the other end: at once where the machine's own file knows the account, in a thread where that may block."""

import asyncio
from concurrent.futures import Executor
from dataclasses import dataclass

from pam_module.accounts import Accounts
from pam_module.options import ServiceOptions
from pam_module.processes import NoProcess, Process
from pam_module.protocol import Request
from pam_module.requests import Identified, login_at_once, login_of
from pushgate.clock import Clock

LOOKUP_SECONDS = 5.0
"""For the account database, which may be a directory server that hangs."""


@dataclass(frozen=True, slots=True)
class AccountSources:
    """Where accounts are looked up."""

    local: Accounts
    """Answers at once."""
    all: Accounts
    """May block, so it is asked in one of the threads."""
    threads: Executor


async def identify(
    request: Request, process: Process, options: ServiceOptions, accounts: AccountSources, clock: Clock
) -> Identified:
    """Find out who asks.

    Raises:
        NoProcess: the kernel does not show the program, or the look-up took too long.
    """
    if not process.exe:
        # Whether this is sudo, su or sshd decides who is asked: not knowing it, we could ask the wrong person.
        raise NoProcess("its executable cannot be seen: the daemon needs CAP_SYS_PTRACE")
    found = login_at_once(request, process, options, accounts.local)
    if found is not None and found.login.known:
        return found
    # In a thread: a directory server may hang, and the machine's table of connections be long.
    loop = asyncio.get_running_loop()
    try:
        async with clock.timeout_at(clock.now() + LOOKUP_SECONDS):
            return await loop.run_in_executor(accounts.threads, login_of, request, process, options, accounts.all)
    except TimeoutError:
        raise NoProcess("looking up the account took too long") from None
