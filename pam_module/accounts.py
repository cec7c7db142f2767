"""Which accounts this machine has: the local file at once, everything else through NSS, which may block."""

import grp
import os
import pwd
from pathlib import Path
from typing import Protocol

from typing_extensions import override

MAX_GROUPS = 1024


class Accounts(Protocol):
    """A source of accounts."""

    def uid_of(self, name: str) -> int | None:
        """Find the user id of an account."""

    def name_of(self, uid: int) -> str | None:
        """Find the account of a user id."""

    def groups_of(self, name: str) -> frozenset[str]:
        """List the names of an account's groups; none of an account that is not there."""


class NssAccounts(Accounts):
    """Every account that the machine knows; asks directory servers, so it may block for long."""

    @override
    def uid_of(self, name: str) -> int | None:
        try:
            return pwd.getpwnam(name).pw_uid
        except KeyError:
            return None

    @override
    def name_of(self, uid: int) -> str | None:
        try:
            return pwd.getpwuid(uid).pw_name
        except KeyError:
            return None

    @override
    def groups_of(self, name: str) -> frozenset[str]:
        try:
            numbers = os.getgrouplist(name, pwd.getpwnam(name).pw_gid)
        except (KeyError, OSError):
            return frozenset()
        names = (group_name(number) for number in numbers[:MAX_GROUPS])
        return frozenset(found for found in names if found is not None)


def group_name(number: int) -> str | None:
    """Return the name of a group, which a directory server may know."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return None


class FileAccounts(Accounts):
    """The accounts of ``/etc/passwd``, kept in memory and read again when the file has changed.

    Answers without waiting. An account that it lacks may still exist elsewhere.
    """

    def __init__(self, path: Path = Path("/etc/passwd")) -> None:
        self.path = path
        self.stamp: tuple[int, int, int] | None = None
        self.uids: dict[str, int] = {}
        self.names: dict[int, str] = {}

    @override
    def uid_of(self, name: str) -> int | None:
        self.refresh()
        return self.uids.get(name)

    @override
    def name_of(self, uid: int) -> str | None:
        self.refresh()
        return self.names.get(uid)

    @override
    def groups_of(self, name: str) -> frozenset[str]:
        raise NotImplementedError("groups are never looked up without NSS: a person may have more than the file says")

    def refresh(self) -> None:
        """Read the file again if it is another one than last time; one that cannot be read holds nobody."""
        try:
            status = self.path.stat()
            stamp = (status.st_ino, status.st_size, status.st_mtime_ns)
            if stamp == self.stamp:
                return
            content = self.path.read_bytes().decode("utf-8", "surrogateescape")
        except OSError:
            stamp, content = None, ""
        self.stamp, self.uids, self.names = stamp, {}, {}
        # Not splitlines(): that also ends a line at U+2028 and others, which a user may put into the full name.
        for line in content.split("\n"):
            name, _, rest = line.partition(":")
            uid = rest.split(":")[1:2]
            # "+name" and "-name" are orders to NSS, not accounts. As in libc, the first of two equal ones counts.
            if name and name[0] not in "+-#" and uid and uid[0].isascii() and uid[0].isdigit():
                self.uids.setdefault(name, int(uid[0]))
                self.names.setdefault(int(uid[0]), name)
