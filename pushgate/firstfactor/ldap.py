"""First factor ``ldap``: the person's entry is searched, and the password tried by a bind as that entry.

The core treats every ``Failed`` of a first factor as a rejection; nothing here ever opens a door.
"""

from collections.abc import Sequence

import structlog
from typing_extensions import override

from pushgate.clock import Clock
from pushgate.firstfactor.base import Checked, FirstFactor, PasswordWrong
from pushgate.firstfactor.ldap_servers import LdapServers
from pushgate.firstfactor.ldap_session import Address, Directory, LdapSession
from pushgate.firstfactor.passwords import refusal
from pushgate.login import Login, Secret
from pushgate.outcome import Failed

log = structlog.get_logger()


class LdapFirstFactor(FirstFactor):
    """Checks passwords at the first server of a directory that answers."""

    name = "ldap"

    def __init__(
        self, addresses: Sequence[Address], directory: Directory, clock: Clock, *, timeout: float, threads: int
    ) -> None:
        """Take the servers; each has ``timeout`` seconds for one check."""
        self.directory = directory
        self.servers = LdapServers(addresses, clock, timeout=timeout, threads=threads)

    @override
    async def check(self, login: Login, password: Secret, deadline: float) -> Checked:
        refused = refusal(password) or not_text(password)
        if refused is not None:
            return refused

        def session(address: Address, seconds: float) -> LdapSession:
            return LdapSession(address, self.directory, login.user, password, seconds)

        def complain(address: Address, failed: Failed) -> None:
            log.warning("first_factor_server_failed", factor=self.name, server=address.name, detail=failed.detail)

        return await self.servers.ask(session, complain, deadline)

    @override
    async def close(self) -> None:
        self.servers.close()


def not_text(password: Secret) -> PasswordWrong | None:
    """Refuse what no directory holds: passwords are UTF-8 there (RFC 4513 section 5.1.3), and ldap3 takes no other."""
    try:
        password.value.decode("utf-8")
    except UnicodeDecodeError:
        return PasswordWrong("the password is not UTF-8: does the NAS send another encoding?")
    return None
