"""Files that decide who gets in, read with their owner and mode, and replaced as a whole or not at all."""

import errno
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pushgate.errors import PushgateError
from pushgate.files import open_itself

MAX_SIZE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """What a file holds, and whose it is."""

    data: bytes
    mode: int = 0o644
    uid: int = 0
    gid: int = 0

    @property
    def text(self) -> str:
        """The bytes as text, from which ``encode`` gets the same bytes again."""
        return self.data.decode("utf-8", "surrogateescape")

    def with_text(self, text: str) -> "Content":
        """Say what the file is to hold instead."""
        return Content(text.encode("utf-8", "surrogateescape"), self.mode, self.uid, self.gid)


def read(path: Path, owner: int, limit: int = MAX_SIZE) -> Content | None:
    """Read a file; None if there is none.

    Raises:
        PushgateError: it is a link, or somebody else than the owner could have written it.
    """
    check_folder(path.parent, owner)
    try:
        opened = open_itself(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise PushgateError(f"{path}: is a symbolic link", "put a file there, and run this again") from None
        hint = (
            "put a file there, and run this again" if error.errno == errno.EISDIR else "are you root? sudo pushgate pam"
        )
        raise PushgateError(f"{path}: {(error.strerror or 'error').lower()}", hint) from None
    with opened as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise PushgateError(f"{path}: is not a regular file", "put a file there, and run this again")
        check_owner(path, status, owner)
        data = file.read(limit + 1)
    if len(data) > limit:
        raise PushgateError(f"{path}: larger than {limit} bytes", "this is no file of PAM or sshd")
    return Content(data, stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid)


def write(path: Path, content: Content) -> None:
    """Put a file in place. Whoever looks sees the old file or the new one, also after a crash or a power cut."""
    # With a dot in front: a name that no program asks PAM for, and that sshd's *.conf leaves out.
    fresh = path.with_name(f".{path.name}.pushgate-new")
    # What an interrupted run has left. Nobody but root can write into this folder.
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.data)
            file.flush()
            os.fchown(descriptor, content.uid, content.gid)
            os.fchmod(descriptor, content.mode)
            os.fsync(descriptor)
        fresh.replace(path)
    except BaseException:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def delete(path: Path) -> None:
    """Remove a file for good."""
    path.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make what has changed in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def check_folder(folder: Path, owner: int) -> None:
    """Refuse a folder in which somebody else could swap files.

    Raises:
        PushgateError: naming it.
    """
    try:
        status = folder.stat()
    except OSError as error:
        hint = "is the program installed, and are you root?"
        raise PushgateError(f"{folder}: {(error.strerror or 'error').lower()}", hint) from None
    check_owner(folder, status, owner)


def check_owner(path: Path, status: os.stat_result, owner: int) -> None:
    """Refuse what somebody else owns or may write.

    Raises:
        PushgateError: naming it.
    """
    if status.st_uid != owner:
        raise PushgateError(f"{path}: is owned by user {status.st_uid}", f"look who wrote it; then: chown root {path}")
    if status.st_mode & 0o022:
        mode = stat.S_IMODE(status.st_mode)
        raise PushgateError(f"{path}: others may write it (mode {mode:04o})", f"chmod go-w {path}")
