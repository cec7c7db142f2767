"""A code opens one door once, for its owner, whoever tries what at the same time."""

import hashlib
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pushgate.offline.checking import CodeCheck, Ruling, WithdrawnError
from pushgate.offline.database import StoreError, database
from pushgate.offline.locks import FAILURE_SECONDS
from pushgate.offline.spelling import read_code
from tests.support.offline import START, STEP, OfflineStore

WRONG_CODE, WRONG_TOTP = "0000-0000-0000", "000000"


@pytest.fixture
def store(private_folder: Path) -> OfflineStore:
    """A fresh file."""
    return OfflineStore(private_folder)


def test_a_break_glass_code_opens_once(store: OfflineStore) -> None:
    """A person gets in by a code, and whoever has read it over the shoulder does not."""
    code, other = store.codes(count=2)
    checked = store.check("alice", code)
    assert (checked.ruling, checked.left) == (Ruling.RIGHT, 1)
    assert store.ruling("alice", code) is Ruling.USED
    assert store.ruling("alice", other.upper().replace("-", " ")) is Ruling.RIGHT


def test_a_totp_step_counts_once(store: OfflineStore) -> None:
    """A code that was seen on its way is worth nothing any more, nor is one of an earlier step."""
    app = store.totp()
    earlier, now = app(0), app(1)
    assert store.ruling("alice", now) is Ruling.RIGHT
    assert store.ruling("alice", now) is Ruling.USED
    assert store.ruling("alice", earlier) is Ruling.USED


@pytest.mark.parametrize(("steps", "right"), [(-1, True), (0, True), (1, True), (2, False), (-2, False)])
def test_the_clocks_may_differ_by_one_step(store: OfflineStore, steps: int, right: bool) -> None:
    """A phone half a minute off is right, one a minute off is not."""
    app = store.totp()
    store.now += 10 * STEP
    assert (store.ruling("alice", app(steps)) is Ruling.RIGHT) is right


def test_a_code_is_of_one_person(store: OfflineStore) -> None:
    """Bob does not get in by what alice has, and does not use it up."""
    app, [code] = store.totp(), store.codes()
    store.totp("bob")
    store.codes("bob")
    assert [store.ruling("bob", typed) for typed in (app(0), code)] == [Ruling.WRONG, Ruling.WRONG]
    assert [store.ruling("alice", typed) for typed in (app(0), code)] == [Ruling.RIGHT, Ruling.RIGHT]


def test_whoever_must_not_get_in_does_not(store: OfflineStore) -> None:
    """A login of a name that this machine does not know is let in by no code, not even of that name."""
    app, [code] = store.totp(), store.codes()
    assert [store.ruling(None, typed) for typed in (app(0), code)] == [Ruling.WRONG, Ruling.WRONG]
    assert store.ruling("alice", code) is Ruling.RIGHT


@pytest.mark.parametrize("kind", ["code", "totp"])
def test_parallel_tries_of_one_code_open_one_door(store: OfflineStore, kind: str) -> None:
    """Of eight logins that type the same code in the same moment, one gets in."""
    typed = store.codes()[0] if kind == "code" else store.totp()(0)
    together = threading.Barrier(8)

    def try_it(_: int) -> Ruling:
        together.wait(10)
        return store.ruling("alice", typed)

    with ThreadPoolExecutor(8) as threads:
        rulings = list(threads.map(try_it, range(8)))
    assert rulings.count(Ruling.RIGHT) == 1
    assert set(rulings) <= {Ruling.RIGHT, Ruling.USED, Ruling.LOCKED}


def test_wrong_codes_lock_and_a_locked_right_code_is_kept(store: OfflineStore) -> None:
    """Who guesses has five tries; the owner's code opens nothing meanwhile, and is still good afterwards."""
    [code] = store.codes()
    tries = [store.check("alice", WRONG_CODE) for _ in range(5)]
    assert [checked.locks for checked in tries] == [False, False, False, False, True]
    assert store.ruling("alice", code) is Ruling.LOCKED
    store.now += FAILURE_SECONDS
    assert store.ruling("alice", code) is Ruling.RIGHT


def test_a_lock_of_one_sort_leaves_the_other(store: OfflineStore) -> None:
    """An attacker who keeps the app's codes locked does not lock the codes on paper."""
    app, [code] = store.totp(), store.codes()
    for _ in range(5):
        store.check("alice", WRONG_TOTP)
    assert store.ruling("alice", app(0)) is Ruling.LOCKED
    assert store.ruling("alice", code) is Ruling.RIGHT


def test_used_codes_count_as_wrong_ones(store: OfflineStore) -> None:
    """Who tries a code again and again locks it like who guesses."""
    [code] = store.codes()
    rulings = [store.ruling("alice", code) for _ in range(7)]
    assert rulings == [Ruling.RIGHT, *[Ruling.USED] * 5, Ruling.LOCKED]


def test_a_withdrawn_check_uses_nothing_up(store: OfflineStore) -> None:
    """A person whose connection broke while the code was checked still has the code."""
    [code] = store.codes()
    read = read_code(code)
    assert read is not None
    check = CodeCheck(store.path, "alice", read, START)
    check.abort()
    with pytest.raises(WithdrawnError):
        check.run()
    assert store.ruling("alice", code) is Ruling.RIGHT


def test_names_that_nobody_has_are_not_kept(store: OfflineStore) -> None:
    """Who tries a thousand names does not make the file grow."""
    store.codes()
    for number in range(50):
        store.check(f"nobody{number}", WRONG_TOTP)
        store.check(None, WRONG_TOTP)
    with database(store.path) as connection:
        assert connection.execute("SELECT count(*) FROM failure").fetchone() == (0,)


def refused(store: OfflineStore) -> int:
    """How often the file was changed by a refusal."""
    with database(store.path) as connection:
        return int(connection.execute("SELECT refused FROM tally").fetchone()[0])


@pytest.mark.parametrize("user", ["alice", "nobody", None])
@pytest.mark.parametrize("typed", [WRONG_TOTP, WRONG_CODE])
def test_a_refusal_costs_the_same_for_everybody(
    store: OfflineStore, user: str | None, typed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger learns from no time who has codes: one hash for paper, one change on the disk, locked or not."""
    store.totp()
    store.codes(count=10)
    hashed = []
    real = hashlib.scrypt

    def count(*arguments: Any, **options: Any) -> bytes:
        hashed.append(1)
        return real(*arguments, **options)

    monkeypatch.setattr(hashlib, "scrypt", count)
    for tried in range(1, 8):
        assert store.ruling(user, typed) is not Ruling.RIGHT
        assert refused(store) == tried
        assert len(hashed) == (tried if typed == WRONG_CODE else 0)


def test_a_store_that_cannot_be_used_is_no_ruling(store: OfflineStore) -> None:
    """A file that was opened to others in the meantime lets nobody in, by the right code neither."""
    [code] = store.codes()
    store.path.chmod(0o644)
    with pytest.raises(StoreError):
        store.check("alice", code)
    store.path.chmod(0o600)
    assert store.ruling("alice", code) is Ruling.RIGHT
