"""Which e-mail address the code of a user is mailed to: by a template, a map, or a directory; never by guessing."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from typing_extensions import override

from pushgate.firstfactor.ldap_lookup import LdapLookUp
from pushgate.outcome import Failed, FailureKind

USER_PLACE = "{user}"

# The form of HTML's input type=email: an address as people have it, without comments, quotes, lists and routes.
LOCAL = r"(?P<local>[\w.!#$%&'*+/=?^`{|}~-]{1,64})"
LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
ADDRESS = re.compile(rf"{LOCAL}@(?P<domain>{LABEL}(?:\.{LABEL}){{0,10}})")
LONGEST = 254
DIRECTORY_HINT = "see address.ldap in the configuration"


class LookUp(Protocol):
    """Finds the address of a user."""

    async def find(self, user: str, deadline: float) -> str | Failed | None:
        """Return the address, as it was found; None if there is none. Never raises."""

    async def close(self) -> None:
        """Release connections and threads."""


class Template(LookUp):
    """Everybody has the same domain: ``{user}@example.com``."""

    def __init__(self, template: str) -> None:
        self.template = template

    @override
    async def find(self, user: str, deadline: float) -> str | Failed | None:
        # A name that holds an @, to choose the domain, makes a text with two of them: that is no address.
        return self.template.replace(USER_PLACE, user)

    @override
    async def close(self) -> None:
        return


class AddressMap(LookUp):
    """A file has the address of each user; nobody else has one."""

    def __init__(self, addresses: Mapping[str, str]) -> None:
        self.addresses = addresses

    @override
    async def find(self, user: str, deadline: float) -> str | Failed | None:
        return self.addresses.get(user)

    @override
    async def close(self) -> None:
        return


class DirectoryAddresses(LookUp):
    """A directory has the address of each user."""

    def __init__(self, directory: LdapLookUp) -> None:
        self.directory = directory

    @override
    async def find(self, user: str, deadline: float) -> str | Failed | None:
        found = await self.directory.find(user, deadline)
        return found or None

    @override
    async def close(self) -> None:
        self.directory.close()


class Addresses:
    """Finds the address of a user, and makes sure that it is one."""

    def __init__(self, look_up: LookUp, *, allow_addresses: bool = False) -> None:
        """Take the way; ``allow_addresses``: a user name that is an address is used as it was typed."""
        self.look_up, self.allow_addresses = look_up, allow_addresses

    async def find(self, user: str, deadline: float) -> str | Failed:
        """Return the one address that a user has."""
        if self.allow_addresses and is_address(user):
            return user
        found = await self.look_up.find(user, deadline)
        if isinstance(found, Failed):
            # Who can bring the directory down must not open doors by that: it counts as if somebody had been asked.
            return replace(found, asked=True, detail=f"directory: {found.detail}", hint=DIRECTORY_HINT)
        if found is None or not is_address(found):
            detail = "no e-mail address for this user" if found is None else "what was found is no e-mail address"
            return Failed(FailureKind.NOT_ENROLLED, asked=False, detail=detail, hint="see address in the configuration")
        return found

    def shown(self, user: str) -> str:
        """Return what the question may show of a user's address; nothing where it does not follow from the name.

        Out of a map or a directory it would tell a stranger who has one, and where.
        """
        if self.allow_addresses and is_address(user):
            return masked(user)
        address = self.look_up.template.replace(USER_PLACE, user) if isinstance(self.look_up, Template) else ""
        return masked(address) if is_address(address) else ""


def is_address(text: str) -> bool:
    """Whether a text is one plain e-mail address."""
    return len(text) <= LONGEST and text.isprintable() and ADDRESS.fullmatch(text) is not None


def masked(address: str) -> str:
    """Write an address so that its owner knows it and nobody else learns it: ``j***@example.com``."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def mailbox(address: str) -> str:
    """Name the mailbox that fills up, whatever spelling was used: for counting mails."""
    local, _, domain = address.casefold().rpartition("@")
    return f"{local.partition('+')[0]}@{domain}"
