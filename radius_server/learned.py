"""Which addresses have sent a right Message-Authenticator: in mode ``auto`` they must send one ever after.

An address stays known when its client is renamed, and is never displaced by others: each would be a way to make an
appliance trustful again (RFC 3579 section 3.2 leaves the choice; CVE-2024-3596 is what it costs). Whoever has one
client's secret can fill up that client's share and no more. Where a share is full, the whole client counts as
known: one of whose addresses a thousand sign is one that signs.
"""

import contextlib
import json
import os
from collections import Counter
from pathlib import Path

import structlog

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders, read_trusted
from radius_server.clients import IPAddress, plain_address

FILE_NAME = "radius-signers.json"
VERSION = 1
MOST = 10_000
MOST_OF_ONE_CLIENT = 1_000
LARGEST_FILE = 4 * 1024 * 1024
"""Octets; the full table needs a quarter."""

log = structlog.get_logger()


class LearnedSigners:
    """Addresses that have signed, each with the client whose secret it knew; kept in a file, if there is a folder."""

    def __init__(self, folder: Path | None) -> None:
        """Read what was learned before.

        Raises:
            ConfigurationError: if the file could have been written by others, or does not hold what was written.
        """
        self.path = folder / FILE_NAME if folder else None
        self.addresses: dict[IPAddress, str] = {}
        self.changed = False
        self.failing = False
        self.told_full: set[str] = set()
        if self.path is not None and os.path.lexists(self.path):
            self.addresses = read_signers(self.path)
        self.counts = Counter(self.addresses.values())

    def prepare(self) -> None:
        """Make the folder if it is missing, and see that it can be written to.

        Raises:
            ConfigurationError: if not.
        """
        if self.path is None:
            return
        folder = self.path.parent
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
            check_folders(folder.resolve())
            usable = os.access(folder, os.W_OK | os.X_OK)
        except OSError:
            usable = False
        if not usable:
            message = f"{folder}: cannot be made or written to"
            raise ConfigurationError([PushgateError(message, "make it, owned by the daemon's user, with mode 0700")])

    def known(self, client: str, address: IPAddress) -> bool:
        """Whether a request from there must have a Message-Authenticator."""
        return address in self.addresses or self.counts[client] >= MOST_OF_ONE_CLIENT

    def note(self, client: str, address: IPAddress) -> None:
        """Remember that a right Message-Authenticator came from there."""
        if self.known(client, address):
            return
        if len(self.addresses) >= MOST:
            self._tell_full("", f"{MOST} addresses sign; use message_authenticator: required where all do")
            return
        self.addresses[address] = client
        self.counts[client] += 1
        self.changed = True
        if self.counts[client] >= MOST_OF_ONE_CLIENT:
            self._tell_full(client, "every address of this client must now send Message-Authenticator")

    def save_if_changed(self) -> None:
        """Write the file anew, if there is something new; a fault is logged, and the next call tries again."""
        if self.path is None or not self.changed:
            return
        try:
            write_signers(self.path, self.addresses)
        except OSError as error:
            if not self.failing:
                log.error("signers_not_saved", file=str(self.path), error=os.strerror(error.errno or 0))
            self.failing = True
            return
        self.changed = self.failing = False

    def _tell_full(self, client: str, hint: str) -> None:
        if client not in self.told_full:
            self.told_full.add(client)
            log.warning("signers_full", client=client, hint=hint)


def read_signers(path: Path) -> dict[IPAddress, str]:
    """Read addresses and client names.

    Raises:
        ConfigurationError: for a file that others may write, or that holds something else.
    """
    octets = read_trusted(path, secret=False, limit=LARGEST_FILE)
    try:
        data = json.loads(octets)
        if data["version"] != VERSION:
            raise ValueError("another version")
        signers = data["signers"].items()
        if not all(isinstance(client, str) for _, client in signers):
            raise TypeError("no name")
        return {plain_address(address): client for address, client in signers}
    except (ValueError, TypeError, KeyError, AttributeError):
        # To begin anew in silence would be the downgrade that the file is there to prevent.
        hint = "restore it; to delete it lets every appliance in mode auto leave Message-Authenticator out once more"
        raise ConfigurationError([PushgateError(f"{path}: is not what was written there", hint)]) from None


def write_signers(path: Path, addresses: dict[IPAddress, str]) -> None:
    """Put a new file in the place of the old one, so that at any time one of the two is there, whole.

    Raises:
        OSError: if that did not work; the old file stands.
    """
    data = {"version": VERSION, "signers": {str(address): client for address, client in addresses.items()}}
    fresh = path.with_name(f"{path.name}.new")
    # What a crash has left behind; O_EXCL refuses whatever else could stand there.
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            json.dump(data, file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            fresh.unlink()
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
