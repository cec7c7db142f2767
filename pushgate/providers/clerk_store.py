"""Where enrolled people's sessions at Clerk are kept: one encrypted file for each, replaced as a whole.

A file moved to another person's name does not open: the name is part of what is sealed. Whoever holds the files and the
key could begin a verification, but would still lack the second factor.
"""

import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders, read_trusted

MAGIC = b"pgc1"
NONCE_BYTES = 12
SUFFIX = ".session"
MAX_BYTES = 32 * 1024


class SessionStoreError(PushgateError):
    """The files cannot be used; whoever wants to be let in by them is not."""


@dataclass(frozen=True, slots=True)
class KeptSession:
    """One enrolled person's session."""

    user_id: str
    name: str
    session_id: str
    jwt: str = field(repr=False)


class SessionStore:
    """A folder of such files."""

    def __init__(self, folder: Path, secret: bytes) -> None:
        """Take the folder, which is private, and the secret of the key file."""
        self.folder = folder
        self.cipher = AESGCM(hashlib.sha256(b"pushgate clerk sessions\n" + secret).digest())

    def path_of(self, user_id: str) -> Path:
        """Return where a person's session is kept."""
        return self.folder / (hashlib.sha256(user_id.encode()).hexdigest()[:40] + SUFFIX)

    def load(self, user_id: str) -> KeptSession | None:
        """Read a person's session; None for somebody who is not enrolled.

        Raises:
            SessionStoreError: the file is unsafe, damaged, or sealed with another key.
        """
        path = self.path_of(user_id)
        try:
            path.lstat()
        except FileNotFoundError:
            return None
        except OSError as error:
            # A folder that has lost its rights, or a disk that fails: not the same as somebody who is not enrolled.
            problem = os.strerror(error.errno or 0).lower()
            raise SessionStoreError(f"{path}: {problem}", "check folder and disk") from None
        return self.read(path)

    def everybody(self) -> list[KeptSession]:
        """Read all sessions.

        Raises:
            SessionStoreError: as ``load``.
        """
        return [self.read(path) for path in sorted(self.folder.glob(f"*{SUFFIX}"))]

    def read(self, path: Path) -> KeptSession:
        """Open one file.

        Raises:
            SessionStoreError: as ``load``.
        """
        try:
            content = read_trusted(path, secret=True, limit=MAX_BYTES)
        except ConfigurationError as error:
            raise SessionStoreError(error.message, error.hint) from None
        nonce, sealed = content[len(MAGIC) : len(MAGIC) + NONCE_BYTES], content[len(MAGIC) + NONCE_BYTES :]
        try:
            if not content.startswith(MAGIC):
                raise ValueError
            kept = KeptSession(**json.loads(self.cipher.decrypt(nonce, sealed, path.name.encode())))
        except (InvalidTag, ValueError, TypeError):
            hint = "is session_key_file the right one? otherwise: pushgate clerk enrol USER"
            raise SessionStoreError(f"{path}: damaged, or sealed with another key", hint) from None
        return kept

    def save(self, kept: KeptSession, *, instead_of: str | None = None) -> bool:
        """Write a session; whether it was written.

        Args:
            kept: The session.
            instead_of: Only in place of this one: who was enrolled anew meanwhile, or not any more, stays so.

        Raises:
            SessionStoreError: it cannot be written.
        """
        path = self.path_of(kept.user_id)
        if instead_of is not None:
            known = self.load(kept.user_id)
            if known is None or known.session_id != instead_of:
                return False
        nonce = secrets.token_bytes(NONCE_BYTES)
        content = MAGIC + nonce + self.cipher.encrypt(nonce, json.dumps(asdict(kept)).encode(), path.name.encode())
        try:
            check_folders(self.folder)
            replace_file(path, content)
        except ConfigurationError as error:
            raise SessionStoreError(error.message, error.hint) from None
        except OSError as error:
            raise SessionStoreError(
                f"{path}: {os.strerror(error.errno or 0).lower()}", "check folder and disk"
            ) from None
        return True

    def forget(self, user_id: str) -> None:
        """Delete a person's session.

        Raises:
            SessionStoreError: it is there and cannot be deleted.
        """
        try:
            self.path_of(user_id).unlink(missing_ok=True)
        except OSError as error:
            problem = os.strerror(error.errno or 0).lower()
            raise SessionStoreError(f"{self.path_of(user_id)}: {problem}", "run this as the daemon's user") from None


def replace_file(path: Path, content: bytes) -> None:
    """Write a file that is there as a whole or as it was before, readable by nobody else at any moment.

    Raises:
        OSError: it cannot be written.
    """
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(new, flags, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            new.unlink()
        raise
