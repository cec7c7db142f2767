"""Wrong codes lock, for a while, and whatever the clock does."""

from pathlib import Path

import pytest

from pushgate.offline.database import database, transaction
from pushgate.offline.locks import FAILURE_SECONDS, MAX_FAILURES, is_locked, lift_locks, note_failure
from pushgate.offline.spelling import Kind
from tests.support.offline import START, OfflineStore


@pytest.fixture
def store(private_folder: Path) -> OfflineStore:
    """A fresh file."""
    return OfflineStore(private_folder)


def fail(store: OfflineStore, now: float, user: str = "alice", times: int = MAX_FAILURES) -> None:
    """Type wrong codes."""
    with database(store.path) as connection, transaction(connection):
        for _ in range(times):
            note_failure(connection, user, Kind.TOTP, now)


def locked(store: OfflineStore, now: float, user: str = "alice", kind: Kind = Kind.TOTP) -> bool:
    """Look."""
    with database(store.path) as connection:
        return is_locked(connection, user, kind, now)


def test_the_fifth_wrong_code_locks_for_a_quarter_of_an_hour(store: OfflineStore) -> None:
    """Who guesses has five tries of one sort of code; other people and the other sort go on."""
    fail(store, START, times=MAX_FAILURES - 1)
    assert not locked(store, START)
    fail(store, START + 1, times=1)
    assert locked(store, START + 1)
    assert not locked(store, START + 1, "bob")
    assert not locked(store, START + 1, kind=Kind.BREAK_GLASS)
    assert locked(store, START + FAILURE_SECONDS - 1)
    assert not locked(store, START + FAILURE_SECONDS)


def test_a_clock_that_ran_ahead_locks_nobody_for_long(store: OfflineStore) -> None:
    """A person is not kept out for a day because the machine once believed that it was tomorrow."""
    fail(store, START + 86400)
    assert locked(store, START)
    fail(store, START, "bob", times=1)
    assert locked(store, START)
    assert not locked(store, START + FAILURE_SECONDS)


def test_a_lock_is_lifted(store: OfflineStore) -> None:
    """An administrator's new codes begin to count anew, for that person and sort alone."""
    fail(store, START)
    fail(store, START, "bob")
    with database(store.path) as connection, transaction(connection):
        lift_locks(connection, "alice", Kind.TOTP)
    assert (locked(store, START), locked(store, START, "bob")) == (False, True)
