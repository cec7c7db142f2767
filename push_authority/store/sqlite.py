"""SQLite as the store: one connection in one writer thread, commits in groups, every answer after its fsync.

``EXCLUSIVE`` before ``WAL`` before ``FULL``: so there is no shared memory file, a second process gets "database is
locked" instead of a share, and COMMIT returns after fdatasync. A group of queued work is one transaction with a
savepoint per piece: many logins share one fsync, and one that fails takes no other with it.
"""

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
from typing_extensions import override

from push_authority.errors import AuthorityError, StoreBusyError, StoreFailedError
from push_authority.store.base import Result, Row, Store, Transaction, Work
from push_authority.store.migrations import MIGRATIONS

log = structlog.get_logger()

GROUP_LIMIT = 256
QUEUE_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Piece:
    """One queued piece of work and who waits for it."""

    work: Callable[[Transaction], Any]
    done: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Raised:
    """What a piece of work raised."""

    error: Exception


class SqliteTransaction(Transaction):
    """The one connection, as work sees it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @override
    def execute(self, sql: str, *parameters: object) -> list[Row]:
        return self.connection.execute(sql, parameters).fetchall()


class SqliteStore(Store):
    """A store in one file; make it with ``open``."""

    def __init__(self, path: Path, queue_limit: int) -> None:
        self.path = path
        self.loop = asyncio.get_running_loop()
        # None ends the thread; it needs a place even when the queue is full of work.
        self.queue: queue.Queue[Piece | None] = queue.Queue()
        self.queue_limit = queue_limit
        self.closed = False
        self.opened: asyncio.Future[None] = self.loop.create_future()
        self.ended: asyncio.Future[None] = self.loop.create_future()
        self.thread = threading.Thread(target=self.run, name="authority-store", daemon=True)

    @classmethod
    async def open(cls, path: Path, queue_limit: int = QUEUE_LIMIT) -> "SqliteStore":
        """Open or create the database file and bring its tables up to date.

        Raises:
            AuthorityError: another process has it open, it is no database, or a newer pushgate wrote it.
        """
        store = cls(path, queue_limit)
        store.thread.start()
        await store.opened
        return store

    @override
    async def transact(self, work: Work[Result]) -> Result:
        if self.closed:
            raise StoreFailedError("the store is closed")
        if self.queue.qsize() >= self.queue_limit:
            raise StoreBusyError
        done: asyncio.Future[Result] = self.loop.create_future()
        self.queue.put_nowait(Piece(work, done))
        return await done

    @override
    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            self.queue.put_nowait(None)
        await asyncio.shield(self.ended)

    def run(self) -> None:
        """Serve the queue until it ends; the whole life of the writer thread."""
        try:
            connection = open_database(self.path)
        except (AuthorityError, OSError, sqlite3.Error) as error:
            self.closed = True
            self.loop.call_soon_threadsafe(self.opened.set_exception, as_authority_error(self.path, error))
            return
        self.loop.call_soon_threadsafe(self.opened.set_result, None)
        while group := self.next_group():
            try:
                outcomes = run_group(connection, group)
            except Exception as error:  # noqa: BLE001 - without this thread everybody would wait for ever
                # A failed ROLLBACK leaves its transaction open: the next BEGIN fails and rolls it back.
                outcomes = [Raised(StoreFailedError(str(error))) for _ in group]
            self.loop.call_soon_threadsafe(resolve, group, outcomes)
        connection.close()
        self.loop.call_soon_threadsafe(self.ended.set_result, None)

    def next_group(self) -> list[Piece]:
        """Wait for work and take what else is queued, up to the limit; an empty list means the end."""
        group: list[Piece] = []
        piece = self.queue.get()
        while piece is not None:
            group.append(piece)
            if len(group) == GROUP_LIMIT:
                return group
            try:
                piece = self.queue.get_nowait()
            except queue.Empty:
                return group
        if group:
            self.queue.put_nowait(None)  # end after this group: nothing is queued behind the end
        return group


def run_group(connection: sqlite3.Connection, group: list[Piece]) -> list[Any]:
    """Run a group in one transaction; the outcomes hold what each piece returned, or ``Raised``."""
    transaction = SqliteTransaction(connection)
    try:
        connection.execute("BEGIN IMMEDIATE")
        outcomes = [run_piece(connection, transaction, piece) for piece in group]
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        log.error("store_commit_failed", error=str(error), lost=len(group))
        return [Raised(StoreFailedError(str(error))) for _ in group]
    return outcomes


def run_piece(connection: sqlite3.Connection, transaction: Transaction, piece: Piece) -> Any:
    """Run one piece inside a savepoint; what it raises undoes it alone."""
    connection.execute("SAVEPOINT piece")
    try:
        outcome = piece.work(transaction)
    except Exception as error:  # noqa: BLE001 - handed to whoever awaits the piece
        # A full disk makes SQLite roll back everything: then this fails too, and with it the whole group.
        connection.execute("ROLLBACK TO piece")
        outcome = Raised(error)
    connection.execute("RELEASE piece")
    return outcome


def resolve(group: list[Piece], outcomes: list[Any]) -> None:
    """Hand each outcome to its waiter; runs in the event loop."""
    for piece, outcome in zip(group, outcomes, strict=True):
        if piece.done.done():
            continue  # the waiter was cancelled; what it asked for has happened all the same
        if isinstance(outcome, Raised):
            piece.done.set_exception(outcome.error)
        else:
            piece.done.set_result(outcome)


def open_database(path: Path) -> sqlite3.Connection:
    """Open the file for this process alone and migrate it."""
    # SQLite would create it with the umask; the WAL file takes over the mode of the database.
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Run the steps that this database has not seen, each in its own transaction."""
    version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if version > len(MIGRATIONS):
        raise AuthorityError(f"{path}: written by a newer pushgate (version {version})", "install that version again")
    # Also takes the exclusive lock now, not at the first login.
    for number, step in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.execute("BEGIN IMMEDIATE")
        for statement in step:
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
        connection.execute("COMMIT")
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("COMMIT")


def as_authority_error(path: Path, error: Exception) -> AuthorityError:
    """Say what the administrator can do about a database that does not open."""
    if isinstance(error, AuthorityError):
        return error
    if isinstance(error, sqlite3.OperationalError) and "locked" in str(error):
        return AuthorityError(f"{path}: another process has it open", "stop the other authority first")
    return AuthorityError(f"{path}: cannot be opened ({str(error).lower()})", "check the file, or restore a backup")
