import asyncio
import sqlite3
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from push_authority.errors import AuthorityError, StoreBusyError, StoreFailedError
from push_authority.sessions import find_session
from push_authority.store import sqlite
from push_authority.store.base import Transaction
from push_authority.store.migrations import MIGRATIONS
from push_authority.store.sqlite import Piece, Raised, SqliteStore, SqliteTransaction, run_group


def modes(folder: Path) -> dict[str, int]:
    """Return the permission bits of the files in a folder."""
    return {file.name: stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()}


def add(name: str) -> Any:
    """Return work that adds a domain."""
    return lambda tx: tx.execute("INSERT INTO domain (id, name) VALUES (?, ?) RETURNING id", name, name)[0][0]


def names(tx: Transaction) -> list[str]:
    """Return all domains."""
    return [row[0] for row in tx.execute("SELECT name FROM domain ORDER BY name")]


def fail(tx: Transaction) -> None:
    """Change something, then raise."""
    add("undone")(tx)
    raise ValueError("no")


class Gate:
    """Work that holds the writer thread until it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()

    def __call__(self, tx: Transaction) -> None:
        """Wait."""
        self.entered.set()
        self.opened.wait(10)


class CommitFails(sqlite3.Connection):
    """A connection whose COMMIT fails as on a full disk."""

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        """Run anything but COMMIT."""
        if sql == "COMMIT":
            raise sqlite3.OperationalError("database or disk is full")
        return super().execute(sql, *arguments)


class RollbackFails(sqlite3.Connection):
    """A connection whose first COMMIT and first ROLLBACK fail, as on a disk that is gone for a moment."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        """Open."""
        super().__init__(*arguments, **keywords)
        self.failing = {"COMMIT", "ROLLBACK"}

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        """Fail once each."""
        if sql in self.failing:
            self.failing.remove(sql)
            raise sqlite3.OperationalError("disk I/O error")
        return super().execute(sql, *arguments)


async def test_work_survives_reopening(private_folder: Path) -> None:
    """What was awaited is there when the file is opened again."""
    path = private_folder / "authority.db"
    store = await SqliteStore.open(path)
    assert await store.transact(add("one")) == "one"
    await store.close()
    store = await SqliteStore.open(path)
    assert await store.transact(names) == ["one"]
    await store.close()


async def test_database_is_private_durable_and_exclusive(private_folder: Path) -> None:
    """The file is 0600, in WAL with FULL syncing, has no shared memory file, and a second opener is refused."""
    path = private_folder / "authority.db"
    store = await SqliteStore.open(path)
    await store.transact(add("one"))
    pragmas = "locking_mode", "journal_mode", "synchronous", "foreign_keys", "user_version"
    values = await store.transact(lambda tx: [tx.execute(f"PRAGMA {pragma}")[0][0] for pragma in pragmas])
    assert values == ["exclusive", "wal", 2, 1, len(MIGRATIONS)]
    assert modes(private_folder) == {"authority.db": 0o600, "authority.db-wal": 0o600}
    with pytest.raises(AuthorityError) as refusal:
        await SqliteStore.open(path)
    assert refusal.value.message == f"{path}: another process has it open"
    await store.close()


async def test_second_opener_is_refused_before_any_work(private_folder: Path) -> None:
    """The lock is taken by opening, not by the first login."""
    first = await SqliteStore.open(private_folder / "authority.db")
    await first.close()
    first = await SqliteStore.open(private_folder / "authority.db")
    with pytest.raises(AuthorityError, match="another process"):
        await SqliteStore.open(private_folder / "authority.db")
    await first.close()


async def test_file_that_is_no_database_is_refused(private_folder: Path) -> None:
    """A damaged file stops the start and is left as it is."""
    path = private_folder / "authority.db"
    path.write_text("not a database " * 100)
    with pytest.raises(AuthorityError, match="cannot be opened"):
        await SqliteStore.open(path)
    assert path.read_text() == "not a database " * 100


async def test_newer_database_is_refused(private_folder: Path) -> None:
    """An older program does not touch what a newer one has written."""
    path = private_folder / "authority.db"
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    connection.close()
    with pytest.raises(AuthorityError, match="written by a newer pushgate"):
        await SqliteStore.open(path)


async def test_decisions_of_the_first_version_survive(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database of the first version keeps its sessions and their proofs through every later step."""
    path = private_folder / "authority.db"
    monkeypatch.setattr(sqlite, "MIGRATIONS", MIGRATIONS[:1])
    old = await SqliteStore.open(path)
    session = """INSERT INTO session VALUES (1, 's', 'd', 'u', 'k', 'sshd', '', '{}', 'n', 'approved',
        NULL, 1, 2, 1, NULL, NULL, NULL, NULL)"""
    decision = "INSERT INTO decision VALUES ('s', 'device', 'approved', 'page', 1.5, '{\"v\":1}')"
    await old.transact(lambda tx: [tx.execute(sql) for sql in (session, decision)])
    await old.close()
    monkeypatch.undo()
    store = await SqliteStore.open(path)
    found = await store.transact(lambda tx: find_session(tx, 0.0, "s"))
    assert found is not None
    assert (found.proof, found.number, found.method) == ('{"v":1}', None, "device")
    await store.transact(lambda tx: tx.execute("DELETE FROM session"))
    assert await store.transact(lambda tx: tx.execute("SELECT * FROM decision")) == []
    await store.close()


async def test_failed_migration_changes_nothing(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that fails half way leaves the database at the version before."""
    path = private_folder / "authority.db"
    await (await SqliteStore.open(path)).close()
    broken = ("CREATE TABLE half (id TEXT)", "CREATE TABLE half (id TEXT)")
    monkeypatch.setattr(sqlite, "MIGRATIONS", (*MIGRATIONS, broken))
    with pytest.raises(AuthorityError, match="cannot be opened"):
        await SqliteStore.open(path)
    monkeypatch.undo()
    store = await SqliteStore.open(path)
    assert await store.transact(lambda tx: tx.execute("SELECT 1 FROM sqlite_schema WHERE name = 'half'")) == []
    await store.close()


async def test_piece_that_raises_is_undone_alone(store: SqliteStore) -> None:
    """Of a group of three, the one that raises is undone and its neighbours are kept."""
    gate = Gate()
    held = asyncio.ensure_future(store.transact(gate))
    await asyncio.to_thread(gate.entered.wait)
    group = [asyncio.ensure_future(store.transact(work)) for work in (add("one"), fail, add("two"))]
    await asyncio.sleep(0)
    gate.opened.set()
    results = await asyncio.gather(held, *group, return_exceptions=True)
    assert [str(result) for result in results] == ["None", "one", "no", "two"]
    assert await store.transact(names) == ["one", "two"]


def make_group(*works: Any) -> list[Piece]:
    """Make a group of pieces that nobody awaits."""
    loop = asyncio.get_running_loop()
    return [Piece(work, loop.create_future()) for work in works]


async def test_failed_commit_fails_the_whole_group(private_folder: Path) -> None:
    """When COMMIT fails, every piece of the group fails and nothing of it is kept."""
    path = private_folder / "authority.db"
    sqlite.open_database(path).close()
    connection = sqlite3.connect(path, isolation_level=None, factory=CommitFails)
    outcomes = run_group(connection, make_group(add("one"), fail, add("two")))
    assert [type(outcome.error) for outcome in outcomes] == [StoreFailedError] * 3
    assert not connection.in_transaction
    assert names(SqliteTransaction(connection)) == []
    connection.close()


async def test_rollback_by_sqlite_itself_fails_the_group(private_folder: Path) -> None:
    """When SQLite rolls everything back by itself, as on a full disk, no piece before or after it is acknowledged."""
    connection = sqlite.open_database(private_folder / "authority.db")

    def lose_everything(tx: Transaction) -> None:
        tx.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    outcomes = run_group(connection, make_group(add("before"), lose_everything, add("after")))
    assert [type(outcome.error) for outcome in outcomes] == [StoreFailedError] * 3
    assert names(SqliteTransaction(connection)) == []
    assert run_group(connection, make_group(add("later"))) == ["later"]
    connection.close()


async def test_writer_survives_a_failed_rollback(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When even the roll-back fails, who waits is told, nothing is kept, and the work after it is done."""
    path = private_folder / "authority.db"
    sqlite.open_database(path).close()

    def open_failing(path: Path) -> sqlite3.Connection:
        return sqlite3.connect(path, isolation_level=None, factory=RollbackFails)

    monkeypatch.setattr(sqlite, "open_database", open_failing)
    store = await SqliteStore.open(path)
    async with asyncio.timeout(10):
        for name in ("lost", "lost with the open transaction"):
            with pytest.raises(StoreFailedError):
                await store.transact(add(name))
        await store.transact(add("one"))
        assert await store.transact(names) == ["one"]
        await store.close()


async def test_full_disk_fails_and_recovers(store: SqliteStore) -> None:
    """A database that may not grow refuses work without losing what it has, and goes on when there is room."""
    await store.transact(add("one"))
    pages = await store.transact(lambda tx: tx.execute("PRAGMA page_count")[0][0])
    await store.transact(lambda tx: tx.execute(f"PRAGMA max_page_count = {pages}"))
    with pytest.raises((StoreFailedError, sqlite3.OperationalError)):
        await store.transact(add("x" * 1_000_000))
    await store.transact(lambda tx: tx.execute("PRAGMA max_page_count = 1000000"))
    await store.transact(add("two"))
    assert await store.transact(names) == ["one", "two"]


async def test_full_queue_is_refused(private_folder: Path) -> None:
    """When the queue is full, further work is refused at once and what is queued is done."""
    store = await SqliteStore.open(private_folder / "authority.db", queue_limit=2)
    gate = Gate()
    held = asyncio.ensure_future(store.transact(gate))
    await asyncio.to_thread(gate.entered.wait)
    queued = [asyncio.ensure_future(store.transact(add(name))) for name in ("one", "two")]
    await asyncio.sleep(0)
    with pytest.raises(StoreBusyError):
        await store.transact(add("three"))
    gate.opened.set()
    await asyncio.gather(held, *queued)
    assert await store.transact(names) == ["one", "two"]
    await store.close()


async def test_groups_are_bounded(store: SqliteStore) -> None:
    """Six hundred queued pieces become groups of at most 256, and all are done."""
    gate = Gate()
    held = asyncio.ensure_future(store.transact(gate))
    await asyncio.to_thread(gate.entered.wait)
    sizes: list[int] = []
    inner = store.next_group

    def counting() -> list[Piece]:
        group = inner()
        sizes.append(len(group))
        return group

    store.next_group = counting  # type: ignore[method-assign]
    queued = [asyncio.ensure_future(store.transact(add(str(number)))) for number in range(600)]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(held, *queued)
    assert sizes[:3] == [256, 256, 88]
    assert len(await store.transact(names)) == 600


async def test_waiter_that_left_does_not_stop_its_work(store: SqliteStore) -> None:
    """Work whose waiter was cancelled happens all the same, and the next piece is answered."""
    gate = Gate()
    held = asyncio.ensure_future(store.transact(gate))
    await asyncio.to_thread(gate.entered.wait)
    leaver = asyncio.ensure_future(store.transact(add("one")))
    await asyncio.sleep(0)
    leaver.cancel()
    gate.opened.set()
    await held
    assert await store.transact(names) == ["one"]
    assert leaver.cancelled()


async def test_closing_finishes_what_is_queued(private_folder: Path) -> None:
    """Work that was accepted before closing is done and answered; later work is refused; closing twice is fine."""
    store = await SqliteStore.open(private_folder / "authority.db")
    gate = Gate()
    held = asyncio.ensure_future(store.transact(gate))
    await asyncio.to_thread(gate.entered.wait)
    queued = [asyncio.ensure_future(store.transact(add(str(number)))) for number in range(300)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(store.close())
    await asyncio.sleep(0)
    with pytest.raises(StoreFailedError):
        await store.transact(add("late"))
    gate.opened.set()
    await asyncio.gather(held, closing)
    assert sorted(await asyncio.gather(*queued)) == sorted(map(str, range(300)))
    await store.close()


async def test_raised_error_reaches_its_caller(store: SqliteStore) -> None:
    """What a piece raises is raised where it is awaited, and is no failure of the store."""
    with pytest.raises(ValueError, match="no"):
        await store.transact(fail)
    assert isinstance(Raised(ValueError("no")).error, ValueError)
    with pytest.raises(sqlite3.IntegrityError):
        await store.transact(lambda tx: (add("one")(tx), add("one")(tx)))
    assert await store.transact(names) == []
