"""The file of offline codes: made private, refused when it is not, and never half changed."""

import os
import sqlite3
import stat
from pathlib import Path

import pytest

from pushgate.offline import database as subject
from pushgate.offline.database import APPLICATION, VERSION, Database, StoreError, database, make_database, transaction


@pytest.fixture
def store(private_folder: Path) -> Path:
    """A fresh file."""
    path = private_folder / "offline.db"
    make_database(path)
    return path


def use(path: Path) -> int:
    """Open the file and count what was refused."""
    with database(path) as connection:
        return int(connection.execute("SELECT refused FROM tally").fetchone()[0])


def test_a_fresh_file_is_private_and_says_what_it_is(store: Path) -> None:
    """An administrator's new file is 0600 whatever the umask, and marked as ours."""
    assert stat.S_IMODE(store.stat().st_mode) == 0o600
    assert use(store) == 0
    with sqlite3.connect(store) as connection:
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
        assert connection.execute("PRAGMA user_version").fetchone() == (VERSION,)
    connection.close()


def test_making_it_again_keeps_what_is_there(store: Path) -> None:
    """A daemon that starts again finds the codes that were prepared."""
    with database(store) as connection, transaction(connection):
        connection.execute("UPDATE tally SET refused = 7")
    make_database(store)
    assert use(store) == 7


def test_a_start_that_was_cut_short_is_made_good(private_folder: Path) -> None:
    """A machine that lost power between making the file and filling it has an empty file, which is filled."""
    path = private_folder / "offline.db"
    path.touch(mode=0o600)
    make_database(path)
    assert use(path) == 0


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o606])
def test_a_file_that_others_can_read_or_write_is_refused(store: Path, mode: int) -> None:
    """An administrator whose seeds lie open is told so, with the command that helps."""
    store.chmod(mode)
    with pytest.raises(StoreError) as caught:
        use(store)
    assert caught.value.hint in (f"chmod 600 {store}", f"chmod go-w {store}")


def test_a_link_is_refused(store: Path) -> None:
    """A link in the file's place leads nobody to another file."""
    link = store.with_name("link.db")
    link.symlink_to(store)
    for attempt in (use, make_database):
        with pytest.raises(StoreError, match="symbolic links"):
            attempt(link)


def test_a_file_in_an_open_folder_is_refused(store: Path) -> None:
    """A folder in which others could swap the file is named."""
    store.parent.chmod(0o777)
    for attempt in (use, make_database):
        with pytest.raises(StoreError, match="writable by others"):
            attempt(store)


def test_a_missing_file_or_folder_is_named(private_folder: Path) -> None:
    """An administrator who has prepared nothing reads which command does."""
    with pytest.raises(StoreError, match="no such file") as caught:
        use(private_folder / "offline.db")
    assert caught.value.hint == "pushgate offline codes USER makes it"
    with pytest.raises(StoreError, match="no such file") as caught:
        make_database(private_folder / "none" / "offline.db")
    assert caught.value.hint == f"install -d -m 0700 {private_folder / 'none'}"


@pytest.mark.parametrize("content", [b"", b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 4096])
def test_what_is_no_store_is_refused(private_folder: Path, content: bytes) -> None:
    """A file that is empty, of something else or damaged is an error of ours, and quotes nothing of the file."""
    path = private_folder / "offline.db"
    path.touch(mode=0o600)
    path.write_bytes(content)
    with pytest.raises(StoreError) as caught:
        use(path)
    assert str(path) in caught.value.message
    assert "no database at all" not in caught.value.message


def test_a_database_of_another_program_is_refused(private_folder: Path) -> None:
    """A path that leads to some other database changes nothing there."""
    path = private_folder / "other.db"
    path.touch(mode=0o600)
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    make_database(path)
    with pytest.raises(StoreError, match="holds no offline codes"):
        use(path)


def test_a_damaged_page_is_an_error_of_ours(store: Path) -> None:
    """A file whose head is whole and whose tables are not ends in the same error."""
    content = bytearray(store.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    store.write_bytes(content)
    with pytest.raises(StoreError):
        use(store)


def test_a_locked_file_is_waited_for_only_so_long(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login whose file somebody holds for ever ends in an error, and is not let in."""
    monkeypatch.setattr(subject, "BUSY_SECONDS", 0.01)
    holder = sqlite3.connect(store, isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError, match="SQLITE_BUSY"):
        use(store)
    holder.close()


def fail_halfway(connection: Database) -> None:
    """Change something and fail."""
    with transaction(connection):
        connection.execute("UPDATE tally SET refused = 7")
        raise KeyError


def test_a_block_that_fails_changes_nothing(store: Path) -> None:
    """A check that ends by an exception has used no code up."""
    with database(store) as connection, pytest.raises(KeyError):
        fail_halfway(connection)
    assert use(store) == 0


def test_changes_are_on_the_disk_when_they_are_acknowledged(store: Path) -> None:
    """A used code does not come back after a loss of power: file and folder are synced, and removed seeds wiped."""
    with database(store) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (3,)
        assert connection.execute("PRAGMA secure_delete").fetchone() == (1,)


@pytest.mark.root
def test_a_file_of_another_user_is_refused(store: Path) -> None:
    """A file that another user made is not believed."""
    os.chown(store, 65534, 65534)
    with pytest.raises(StoreError, match="owned by user 65534"):
        use(store)
