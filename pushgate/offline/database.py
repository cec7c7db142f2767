"""The file of offline codes: who may touch it is checked before each use, changes are on the disk at its end.

It is opened for each use, which is rare, so that a file that was exchanged or became readable for others is noticed,
and so that the command line and a running daemon can both work on it.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders, check_status

BUSY_SECONDS = 2.0
"""How long a change waits for another one."""
APPLICATION, VERSION = 0x70676F63, 1
"""What SQLite keeps in the file's head for us: ``pgoc``, and the form of the tables."""
SCHEMA = """
BEGIN IMMEDIATE;
CREATE TABLE person (user TEXT PRIMARY KEY, salt BLOB NOT NULL) STRICT;
CREATE TABLE code (id INTEGER PRIMARY KEY, user TEXT NOT NULL, hash BLOB NOT NULL, created REAL NOT NULL, used REAL)
    STRICT;
CREATE INDEX code_of ON code (user);
CREATE TABLE totp (user TEXT NOT NULL, active INTEGER NOT NULL, seed TEXT NOT NULL, last_step INTEGER NOT NULL,
    created REAL NOT NULL, PRIMARY KEY (user, active)) STRICT;
CREATE TABLE failure (user TEXT NOT NULL, kind TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE TABLE tally (refused INTEGER NOT NULL) STRICT;
INSERT INTO tally VALUES (0);
PRAGMA application_id = 0x70676F63;
PRAGMA user_version = 1;
COMMIT;
"""

Database = sqlite3.Connection


class StoreError(PushgateError):
    """The file cannot be used: whoever wants to be let in by it is not."""


def make_database(path: Path) -> None:
    """Make the file, 0600 from its first moment; one that is there stays as it is.

    Raises:
        StoreError: its folder is missing or unsafe, or there is something else.
    """
    try:
        check_folders(path.parent.resolve())
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(path, flags, 0o600))
    except ConfigurationError as error:
        raise StoreError(error.message, error.hint) from None
    except OSError as error:
        raise refusal(path, error) from None
    with opened(path) as connection:
        if connection.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
            connection.executescript(SCHEMA)


@contextmanager
def database(path: Path) -> Iterator[Database]:
    """Open the file for one use.

    Raises:
        StoreError: it is missing, unsafe, damaged, of another program, or locked for too long; from the block, too.
    """
    with opened(path) as connection:
        found = tuple(connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version"))
        if found != (APPLICATION, VERSION):
            raise StoreError(f"{path}: holds no offline codes of this version", "is this the file that you mean?")
        yield connection


@contextmanager
def transaction(connection: Database) -> Iterator[None]:
    """Make all changes of the block at once, on the disk when it ends; an exception undoes them."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def opened(path: Path) -> Iterator[Database]:
    """Open a file of SQLite's that nobody else can read or could have written."""
    check_file(path)
    uri = f"file:{quote(str(path))}?mode=rw"
    try:
        with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            # EXTRA: the folder too is on the disk before a commit ends, or a used code could come back after a crash.
            connection.execute("PRAGMA synchronous = EXTRA")
            connection.execute("PRAGMA secure_delete = ON")
            connection.execute("PRAGMA trusted_schema = OFF")
            yield connection
    except sqlite3.Error as error:
        # Without SQLite's text: it can quote what stands in the file.
        name = getattr(error, "sqlite_errorname", "") or type(error).__name__
        raise StoreError(f"{path}: cannot be used ({name})", "see docs/offline.md, When the file is damaged") from None


def check_file(path: Path) -> None:
    """Refuse a file that somebody else can read, or could have put there.

    Raises:
        StoreError: naming what is wrong.
    """
    try:
        check_folders(path.parent)
        check_folders(path.parent.resolve())
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        check_status(path, status, secret=True)
    except ConfigurationError as error:
        raise StoreError(error.message, error.hint) from None
    except OSError as error:
        raise refusal(path, error) from None
    # Stricter than for other secrets: whoever reads a seed can make its codes.
    if stat.S_IMODE(status.st_mode) & 0o077:
        raise StoreError(f"{path}: open to others than its owner", f"chmod 600 {path}")


def refusal(path: Path, error: OSError) -> StoreError:
    """Say what the system refused."""
    hint = "run this as the daemon's user, mostly root" if isinstance(error, PermissionError) else "check the path"
    if isinstance(error, FileNotFoundError):
        there = path.parent.exists()
        hint = "pushgate offline codes USER makes it" if there else f"install -d -m 0700 {path.parent}"
    return StoreError(f"{path}: {os.strerror(error.errno or 0).lower()}", hint)
