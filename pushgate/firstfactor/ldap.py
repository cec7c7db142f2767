"""First factor ``ldap``: the person's entry is searched, and the password tried by a bind as that entry.

The core treats every ``Failed`` of a first factor as a rejection; nothing here ever opens a door.
"""

from collections.abc import Sequence

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordWrong
from pushgate.firstfactor.failover import Failover
from pushgate.firstfactor.ldap_session import Address, Directory, LdapSession
from pushgate.firstfactor.passwords import refusal
from pushgate.login import Login, Secret
from pushgate.outcome import Failed, FailureKind
from pushgate.threads import FullError, Threads

log = structlog.get_logger()


class LdapFirstFactor(FirstFactor):
    """Checks passwords at the first server of a directory that answers."""

    name = "ldap"

    def __init__(
        self, addresses: Sequence[Address], directory: Directory, clock: Clock, *, timeout: float, threads: int
    ) -> None:
        """Take the servers; each has ``timeout`` seconds for one check."""
        self.directory, self.clock, self.timeout = directory, clock, timeout
        self.failover = Failover(addresses, clock)
        self.threads = Threads("ldap", threads, clock)

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        refused = refusal(password) or not_text(password)
        if refused is not None:
            return refused
        outcome: Checked = Failed(FailureKind.UNAVAILABLE, asked=False, detail="no time left")
        for address, seconds in self.failover.turns(self.timeout, deadline):
            session = LdapSession(address, self.directory, login.user, password, seconds)
            try:
                outcome = await self.threads.run(session, self.clock.now() + seconds)
            except FullError:
                return Failed(FailureKind.RATE_LIMITED, asked=False, detail="too many checks at the same time")
            except TimeoutError:
                if not session.started:
                    return Failed(FailureKind.RATE_LIMITED, asked=False, detail="no thread was free in time")
                outcome = Failed(FailureKind.UNAVAILABLE, asked=False, detail=f"no answer within {seconds:.2g} s")
            if not isinstance(outcome, Failed):
                self.failover.note_answer(address)
                return outcome
            self.failover.note_failure(address)
            log.warning("first_factor_server_failed", factor=self.name, server=address.name, detail=outcome.detail)
            if session.final:
                break
        return outcome

    @override
    async def close(self) -> None:
        self.threads.close()


def not_text(password: Secret) -> PasswordWrong | None:
    """Refuse what no directory holds: passwords are UTF-8 there (RFC 4513 section 5.1.3), and ldap3 takes no other."""
    try:
        password.value.decode("utf-8")
    except UnicodeDecodeError:
        return PasswordWrong("the password is not UTF-8: does the NAS send another encoding?")
    return None
