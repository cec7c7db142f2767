"""Reading files that decide who gets in: owner and mode first, bytes second."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from pushgate.errors import ConfigurationError, PushgateError

SAMPLE_SECRETS = frozenset({b"testing123", b"secret", b"radius", b"xyzzy5461"})
"""Secrets out of manuals and RFCs: everybody knows them."""


def read_trusted(path: Path, *, secret: bool, limit: int = 64 * 1024) -> bytes:
    """Read a regular file that only root or this process's user could have written.

    Args:
        path: The file; a symbolic link at its end is refused.
        secret: Also refuse a file that others, or a group other than root's own, may read.
        limit: Largest size in bytes.

    Raises:
        ConfigurationError: for a missing or unreadable file, a wrong type, owner or mode, or an unsafe folder above.
    """
    try:
        # A relative path has parents, too; and behind a link lie other folders than before it.
        check_folders(path.absolute().parent)
        check_folders(path.absolute().parent.resolve())
        opened = open_itself(path)
    except OSError as error:
        raise _refusal(
            path, f"cannot be read ({os.strerror(error.errno or 0).lower()})", "check path and mode"
        ) from None
    with opened as file:
        check_status(path, os.fstat(file.fileno()), secret=secret)
        content = file.read(limit + 1)
    if len(content) > limit:
        raise _refusal(path, f"larger than {limit} bytes", "this is not the file that you mean")
    return content


def open_itself(path: Path) -> BinaryIO:
    """Open a file for reading that is no link; a pipe is not waited for.

    Raises:
        OSError: it cannot be opened, or is a folder.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    # pathlib takes no opener.
    return open(path, "rb", opener=lambda name, _: os.open(name, flags))


def read_secret(path: Path) -> bytes:
    """Read a one-line secret without its line end; as ``read_trusted``, and empty is an error too."""
    value = read_trusted(path, secret=True, limit=4096).rstrip(b"\r\n")
    if not value:
        raise _refusal(path, "is empty", "write the secret into it")
    return value


def check_status(path: Path, status: os.stat_result, *, secret: bool) -> None:
    """Refuse a file of the wrong type, owner or mode (docs/operations.md)."""
    mode = stat.S_IMODE(status.st_mode)
    if not stat.S_ISREG(status.st_mode):
        raise _refusal(path, "is not a regular file", "give the path of a file")
    if status.st_uid not in (0, os.geteuid()):
        raise _refusal(path, f"is owned by user {status.st_uid}", f"chown root {path}")
    if mode & 0o022:
        raise _refusal(path, f"writable by others than its owner (mode {mode:04o})", f"chmod go-w {path}")
    # Root-owned 0640 lets a service group read its own secret; anything else must be 0600.
    allowed = 0o640 if status.st_uid == 0 else 0o600
    if secret and mode & ~allowed & 0o777:
        raise _refusal(path, f"readable by others than its owner (mode {mode:04o})", f"chmod 600 {path}")


def check_socket_folder(path: Path) -> None:
    """Refuse a place where everybody could have put the socket of a server that we are about to trust.

    The folder may be the server's own user's, and may be missing until that starts.

    Raises:
        ConfigurationError: naming the folder.
    """
    folder = path.parent.resolve()
    while not folder.exists():
        folder = folder.parent
    check_folders(folder, any_owner=True)


def check_folders(folder: Path, *, any_owner: bool = False) -> None:
    """Refuse a folder in which somebody else could swap the file, up to ``/`` or our own 0700 folder."""
    for step in (folder, *folder.parents):
        status = step.lstat()
        mode = stat.S_IMODE(status.st_mode)
        if stat.S_ISLNK(status.st_mode):
            status = step.stat()
            mode = stat.S_IMODE(status.st_mode)
        if not any_owner and status.st_uid not in (0, os.geteuid()):
            raise _refusal(step, f"is owned by user {status.st_uid}", "put the file into a folder of root's")
        if status.st_uid == os.geteuid() and mode == 0o700:
            return
        if mode & 0o022:
            # /tmp and its like must stay as they are.
            hint = "put it elsewhere" if mode & stat.S_ISVTX else f"chmod go-w {step}"
            raise _refusal(step, f"writable by others than its owner (mode {mode:04o})", hint)


def _refusal(path: Path, message: str, hint: str) -> ConfigurationError:
    return ConfigurationError([PushgateError(f"{path}: {message}", hint)])
