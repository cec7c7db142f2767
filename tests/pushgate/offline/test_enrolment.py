"""Seeds and break-glass codes are prepared, listed and removed."""

from pathlib import Path

import pyotp
import pytest

from pushgate.offline.checking import Ruling
from pushgate.offline.database import StoreError
from pushgate.offline.enrolment import MOST_CODES, add_codes, begin_totp, confirm_totp, everybody, hash_code, remove
from tests.support.offline import START, STEP, OfflineStore


@pytest.fixture
def store(private_folder: Path) -> OfflineStore:
    """A fresh file."""
    return OfflineStore(private_folder)


def test_a_seed_opens_nothing_before_its_first_code(store: OfflineStore) -> None:
    """A seed that the app may never have got is no way in; its first code makes it one, and is used up by that."""
    seed, address = begin_totp(store.path, "alice", START)
    assert address.startswith("otpauth://totp/pushgate%20offline:alice%40")
    assert f"?secret={seed}&" in address
    code = pyotp.TOTP(seed).at(int(START))
    assert store.ruling("alice", code) is Ruling.WRONG
    assert not confirm_totp(store.path, "alice", "000000" if code != "000000" else "000001", START)
    assert not confirm_totp(store.path, "alice", "k7qm-2xrt-9wfd", START)
    assert confirm_totp(store.path, "alice", f"{code[:3]} {code[3:]}", START)
    assert store.ruling("alice", code) is Ruling.USED
    assert store.ruling("alice", pyotp.TOTP(seed).at(int(START) + STEP)) is Ruling.RIGHT


def test_an_earlier_seed_goes_on_until_the_new_one_is_confirmed(store: OfflineStore) -> None:
    """A person whose new phone was not set up to the end still has the old one."""
    old = store.totp()
    new = pyotp.TOTP(begin_totp(store.path, "alice", START)[0])
    assert store.ruling("alice", old(0)) is Ruling.RIGHT
    assert confirm_totp(store.path, "alice", new.at(int(START)), START)
    assert store.ruling("alice", old(1)) is Ruling.WRONG
    assert store.ruling("alice", new.at(int(START) + STEP)) is Ruling.RIGHT


def test_a_code_for_a_seed_that_nobody_made_says_so(store: OfflineStore) -> None:
    """An administrator who confirms twice, or the wrong name, reads what to do."""
    store.totp()
    for user in ("alice", "bob"):
        with pytest.raises(StoreError, match="waits for a code") as caught:
            confirm_totp(store.path, user, "123456", START)
        assert caught.value.hint


def test_codes_are_kept_as_hashes_alone(store: OfflineStore) -> None:
    """Who reads the file finds no break-glass code in it, in no spelling."""
    codes = store.codes(count=3)
    content = store.path.read_bytes()
    assert [code for code in codes if code.encode() in content or code.replace("-", "").encode() in content] == []


def test_a_hash_is_scrypt() -> None:
    """An auditor computes the same hash by the published algorithm (RFC 7914 section 12, third vector)."""
    expected = "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
    assert hash_code("pleaseletmein", b"SodiumChloride").hex() == expected


def test_more_codes_are_added_to_those_that_are_left(store: OfflineStore) -> None:
    """A person who gets new codes can use the old ones up."""
    first, second = store.codes()[0], store.codes()[0]
    assert [store.ruling("alice", code) for code in (first, second)] == [Ruling.RIGHT, Ruling.RIGHT]


def test_a_person_has_a_bounded_number_of_codes(store: OfflineStore) -> None:
    """A script that makes codes every night is stopped and told how to begin anew; used ones do not count."""
    store.codes(count=MOST_CODES - 1)
    used = store.codes()[0]
    with pytest.raises(StoreError, match=f"more than {MOST_CODES}") as caught:
        add_codes(store.path, "alice", 1, START)
    assert "--codes" in caught.value.hint
    assert store.ruling("alice", used) is Ruling.RIGHT
    store.codes()


def test_an_administrator_sees_who_has_what(store: OfflineStore) -> None:
    """An administrator reads who has an app, how many codes are left, when one was used, and what is locked."""
    store.totp("alice")
    code, _ = store.codes("alice", 2)
    store.check("alice", code)
    begin_totp(store.path, "bob", START)
    for _ in range(5):
        store.check("bob", "000000")
    store.codes("carol")
    assert [entry.as_json() for entry in everybody(store.path, START)] == [
        {
            "user": "alice",
            "totp": "active",
            "codes": 1,
            "used": 1,
            "last_used": "2027-01-15 08:00 UTC",
            "locked": [],
        },
        {
            "user": "bob",
            "totp": "unconfirmed",
            "codes": 0,
            "used": 0,
            "last_used": None,
            "locked": ["offline_totp"],
        },
        {"user": "carol", "totp": "none", "codes": 1, "used": 0, "last_used": None, "locked": []},
    ]


def test_what_is_removed_opens_nothing(store: OfflineStore) -> None:
    """An administrator takes the app or the codes of one person away; others keep theirs, and the seed is wiped."""
    app, [code], [bobs] = store.totp("alice"), store.codes("alice"), store.codes("bob")
    assert remove(store.path, "alice", totp=False, codes=True)
    assert store.ruling("alice", code) is Ruling.WRONG
    assert store.ruling("alice", app(0)) is Ruling.RIGHT
    assert remove(store.path, "alice", totp=True, codes=False)
    assert store.ruling("alice", app(1)) is Ruling.WRONG
    assert not remove(store.path, "alice", totp=True, codes=True)
    assert store.ruling("bob", bobs) is Ruling.RIGHT


def test_a_removed_seed_is_not_left_in_the_file(store: OfflineStore) -> None:
    """Who gets the file later finds no seed of somebody who was removed."""
    seed, _ = begin_totp(store.path, "alice", START)
    assert seed.encode() in store.path.read_bytes()
    remove(store.path, "alice", totp=True, codes=True)
    assert seed.encode() not in store.path.read_bytes()


def test_new_codes_lift_a_lock(store: OfflineStore) -> None:
    """A person whom an attacker keeps locked out gets in by what an administrator has just made."""
    store.codes()
    for _ in range(5):
        store.check("alice", "0000-0000-0000")
    assert store.ruling("alice", store.codes()[0]) is Ruling.RIGHT
