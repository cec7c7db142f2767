"""The authority's folder: private to its user, holding the database and the keys that it makes at its first start."""

import os
import secrets
import stat
import string
from collections.abc import Callable
from pathlib import Path

from push_authority.errors import AuthorityError

API_KEY_LENGTH = 64
ALPHANUMERIC = string.digits + string.ascii_letters
HEXADECIMAL = string.digits + "abcdef"


def prepare_folder(folder: Path) -> None:
    """Make the folder (0700), or check that only this user can reach into it.

    Raises:
        AuthorityError: it is no folder, belongs to somebody else, or others may enter it.
    """
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        pass
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise AuthorityError(f"{folder}: cannot be created ({reason})", f"mkdir -p {folder.parent}") from None
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise AuthorityError(f"{folder}: is not a folder", "give the path of a folder, not of a link to one")
    check_owner(folder, status, 0o700)


def load_api_key(folder: Path) -> str:
    """Return the API key of ``api.key``: 64 letters and digits, made at the first start."""
    key = load_or_make(folder / "api.key", lambda: "".join(secrets.choice(ALPHANUMERIC) for _ in range(API_KEY_LENGTH)))
    if len(key) != API_KEY_LENGTH or not set(key) <= set(ALPHANUMERIC):
        raise AuthorityError(f"{folder / 'api.key'}: is not 64 letters and digits", "remove it: a new one is made")
    return key


def load_domain_id(folder: Path) -> str:
    """Return the default domain's id of ``domain.id``: 40 hexadecimal digits, made at the first start."""
    identity = load_or_make(folder / "domain.id", lambda: secrets.token_hex(20))
    if len(identity) != 40 or not set(identity) <= set(HEXADECIMAL):
        raise AuthorityError(f"{folder / 'domain.id'}: is not 40 hexadecimal digits", "restore it from a backup")
    return identity


def load_secret(folder: Path) -> bytes:
    """Return the 32 bytes of ``secret.key`` from which the pepper and the encryption key are derived."""
    text = load_or_make(folder / "secret.key", lambda: secrets.token_hex(32))
    if len(text) != 64 or not set(text) <= set(HEXADECIMAL):
        raise AuthorityError(f"{folder / 'secret.key'}: is not 64 hexadecimal digits", "restore it from a backup")
    return bytes.fromhex(text)


def load_or_make(path: Path, make: Callable[[], str]) -> str:
    """Read a private one-line file; write it first, whole and durable, if there is none."""
    try:
        return read_private(path)
    except FileNotFoundError:
        write_private(path, make())
        return read_private(path)


def read_private(path: Path) -> str:
    """Read a file of one line after checking its owner and mode."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise AuthorityError(f"{path}: cannot be read ({os.strerror(error.errno or 0).lower()})") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise AuthorityError(f"{path}: is not a regular file", "move it away")
        check_owner(path, status, 0o600)
        return file.read(4096).decode("ascii", "replace").strip()


def write_private(path: Path, text: str) -> None:
    """Write a new file (0600) that is either absent or complete after a power loss."""
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    os.fsync(descriptor)
    os.close(descriptor)


def check_owner(path: Path, status: os.stat_result, mode: int) -> None:
    """Refuse what belongs to another user or lets others in."""
    if status.st_uid != os.geteuid():
        raise AuthorityError(
            f"{path}: is owned by user {status.st_uid}, not by the authority's user {os.geteuid()}",
            f"chown {os.geteuid()} {path}",
        )
    actual = stat.S_IMODE(status.st_mode)
    if actual & 0o077:
        raise AuthorityError(f"{path}: open to others (mode {actual:04o})", f"chmod {mode:o} {path}")
