"""One attribute of a person's entry, read from a directory; nobody's password is involved."""

from collections.abc import Sequence

import structlog

from pushgate.clock import Clock
from pushgate.firstfactor.ldap_servers import LdapServers
from pushgate.firstfactor.ldap_session import Address, Directory, LdapSession
from pushgate.login import Secret
from pushgate.outcome import Failed

log = structlog.get_logger()


class LdapLookUp:
    """Reads the attribute at the first server that answers."""

    def __init__(
        self,
        addresses: Sequence[Address],
        directory: Directory,
        attribute: str,
        clock: Clock,
        *,
        timeout: float,
        threads: int,
    ) -> None:
        """Take the servers; each has ``timeout`` seconds for one search."""
        self.directory, self.attribute = directory, attribute
        self.servers = LdapServers(addresses, clock, timeout=timeout, threads=threads)

    async def find(self, user: str, deadline: float) -> str | Failed:
        """Return the one value that a user's entry has; empty if there is no such entry, or not exactly one value."""

        def search(address: Address, seconds: float) -> Search:
            return Search(address, self.directory, user, self.attribute, seconds)

        def complain(address: Address, failed: Failed) -> None:
            log.warning("look_up_failed", server=address.name, detail=failed.detail)

        return await self.servers.ask(search, complain, deadline)

    def close(self) -> None:
        """Search nothing more."""
        self.servers.close()


class Search:
    """One search at one server; ``run`` is called once, in a thread."""

    def __init__(self, address: Address, directory: Directory, user: str, attribute: str, seconds: float) -> None:
        self.session = LdapSession(address, directory, user, Secret(b""), seconds)
        self.attribute = attribute

    @property
    def started(self) -> bool:
        """Whether a thread has taken it."""
        return self.session.started

    @property
    def final(self) -> bool:
        """Whether no other server is to be asked."""
        return self.session.final

    def run(self) -> str | Failed:
        """Search."""
        return self.session.guarded(self.read)

    def read(self) -> str:
        """Connect and read, from top to bottom."""
        self.session.connect()
        entry, _ = self.session.find_person(self.attribute)
        values = entry["raw_attributes"].get(self.attribute, []) if entry else []
        # Of several addresses none is the one that somebody chose for this.
        return values[0].decode("utf-8", "replace") if len(values) == 1 else ""

    def abort(self) -> None:
        """Cut the connection."""
        self.session.abort()
