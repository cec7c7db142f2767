from collections.abc import Callable
from typing import Any

import pyotp
import pytest

from push_authority import bypass, codes, people, totp
from push_authority.codes import FAILURE_SECONDS, LOCK_SECONDS, Kind, Ruling, TypedCode
from push_authority.people import Person
from push_authority.store.sqlite import SqliteStore
from tests.push_authority.conftest import DESK, DOMAIN, Town
from tests.push_authority.test_totp import code_at, enrol

SEALER = DESK.sealer
RIGHT, WRONG, LOCKED = Ruling("totp", None), Ruling("code", "bad_code"), Ruling("code", "locked")


async def check(
    town: Town, digits: str, kind: Kind = Kind.OTP, *, person: Person | None = None, store: SqliteStore | None = None
) -> Ruling:
    """Check a code of the person."""
    now, wall, who = town.clock.now(), town.clock.wall(), person or town.person
    typed = TypedCode(kind, digits)
    return await (store or town.store).transact(
        lambda tx: codes.check(tx, SEALER, now, wall, people.find_person(tx, who.id), DOMAIN.id, typed)
    )


async def fail(town: Town, times: int) -> list[Ruling]:
    """Type wrong codes."""
    return [await check(town, "00000x") for _ in range(times)]


@pytest.mark.parametrize(
    ("typed", "digits"),
    [
        ("123 456", "123456"),
        ("123-456\n", "123456"),
        ("\uff11\uff12\uff13\u2011456", "123456"),
        ("12\u00a03\u20133", "1233"),
        ("abc", "abc"),
        ("\u0661", "?"),
        ("\ud800123456", "?123456"),
    ],
)
def test_codes_have_one_spelling(typed: str, digits: str) -> None:
    """Full-width digits, blanks and hyphens are how people type; everything else is wrong, and stays plain text."""
    assert codes.normalize(typed) == digits


@pytest.mark.parametrize("kind", Kind)
async def test_half_a_character_is_a_wrong_code(town: Town, kind: Kind) -> None:
    """A caller that sends half a surrogate pair as a code has typed a wrong one, and brings about no fault of ours."""
    assert await check(town, codes.normalize("\ud800123456"), kind) == WRONG


async def test_each_kind_opens_in_its_own_key(town: Town) -> None:
    """A bypass code is none as a one-time code, nor the other way round."""
    seed, now = await enrol(town), town.clock.now()
    made = await town.store.transact(lambda tx: bypass.create(tx, SEALER, now, town.person.id, 5, None))
    code = code_at(seed, town.clock.wall())
    assert await check(town, code, Kind.BYPASS) == WRONG
    assert await check(town, made[1], Kind.OTP) == WRONG
    assert await check(town, code, Kind.OTP) == RIGHT
    assert await check(town, made[1], Kind.BYPASS) == Ruling("bypass", None)


async def test_five_failures_lock_both_kinds_for_a_while(town: Town) -> None:
    """The fifth wrong code locks: right codes of every kind are refused for fifteen minutes, unused, then they open."""
    seed, now = await enrol(town), town.clock.now()
    code = (await town.store.transact(lambda tx: bypass.create(tx, SEALER, now, town.person.id, 1, None)))[1]
    assert await fail(town, 5) == [WRONG] * 5
    assert await check(town, code_at(seed, town.clock.wall())) == LOCKED
    assert await check(town, code, Kind.BYPASS) == LOCKED
    await town.clock.advance(LOCK_SECONDS - 1)
    assert await check(town, code, Kind.BYPASS) == LOCKED
    await town.clock.advance(1)
    assert await check(town, code, Kind.BYPASS) == Ruling("bypass", None)
    assert await check(town, code_at(seed, town.clock.wall())) == RIGHT


async def test_failures_count_across_kinds_and_are_forgotten(town: Town) -> None:
    """Wrong codes of both kinds count together; those older than five minutes count no more."""
    assert await fail(town, 4) == [WRONG] * 4
    await town.clock.advance(FAILURE_SECONDS)
    assert await fail(town, 2) == [WRONG] * 2
    assert [await check(town, "1", Kind.BYPASS) for _ in range(3)] == [WRONG] * 3
    assert await fail(town, 1) == [LOCKED]


async def test_guessing_while_locked_does_not_lengthen_the_lock(town: Town) -> None:
    """Who keeps guessing does not shut the person out for longer, and starts anew afterwards."""
    await fail(town, 5)
    await town.clock.advance(LOCK_SECONDS - 1)
    assert await fail(town, 20) == [LOCKED] * 20
    await town.clock.advance(1)
    assert await fail(town, 6) == [WRONG] * 5 + [LOCKED]


async def test_restart_is_no_fresh_start(town: Town) -> None:
    """Failures and locks are in the store: who guesses across restarts is locked as well."""
    path = town.store.path
    await fail(town, 4)
    await town.store.close()
    store = await SqliteStore.open(path)
    try:
        assert await check(town, "x", store=store) == WRONG
        assert await check(town, "x", store=store) == LOCKED
    finally:
        await store.close()
    store = await SqliteStore.open(path)
    try:
        now, wall = town.clock.now(), town.clock.wall()
        await store.transact(lambda tx: codes.limit_lifetimes(tx, now, wall))
        assert await check(town, "x", store=store) == LOCKED
    finally:
        await store.close()


async def test_one_persons_lock_is_nobody_elses(town: Town) -> None:
    """A stranger's guesses at one name leave the codes of others alone, and unknown names fill no table."""
    bob = await town.store.transact(lambda tx: people.create_person(tx, people.NewPerson("bob", "", "")))
    await town.store.transact(lambda tx: people.add_member(tx, DOMAIN.id, bob.id))
    seed = await enrol(town)
    for _ in range(9):
        await check(town, "1", person=bob)
        await check(town, "1", person=Person("e" * 40, "nobody", "", "", ()))
    assert await check(town, code_at(seed, town.clock.wall())) == RIGHT
    assert await town.store.transact(lambda tx: tx.execute("SELECT count(*) FROM code_failure")) == [(0,)]
    assert await town.store.transact(lambda tx: tx.execute("SELECT user_id FROM code_lock")) == [(bob.id,)]


async def test_who_left_the_domain_has_no_codes(town: Town) -> None:
    """A bypass code is the person's, but opens only where the person is a member."""
    now = town.clock.now()
    code = (await town.store.transact(lambda tx: bypass.create(tx, SEALER, now, town.person.id, 1, None)))[1]
    await town.store.transact(lambda tx: people.remove_member(tx, DOMAIN.id, town.person.id))
    assert await check(town, code, Kind.BYPASS) == WRONG


@pytest.mark.parametrize("case", ["right", "wrong", "locked", "nothing enrolled", "unknown"])
async def test_every_answer_costs_the_same(town: Town, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever measures the time learns nothing: each code costs one look at a seed and one at a bypass code."""
    seed, person = await enrol(town), town.person
    looked: list[str] = []
    matching, find = totp.matching_step, bypass.find

    def look(what: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def looking(*given: Any) -> Any:
            looked.append(what)
            return work(*given)

        return looking

    monkeypatch.setattr(totp, "matching_step", look("totp", matching))
    monkeypatch.setattr(bypass, "find", look("bypass", find))
    if case == "locked":
        await fail(town, 5)
    if case == "nothing enrolled":
        await town.store.transact(lambda tx: totp.remove(tx, 0.0, person.id, DOMAIN.id))
    if case == "unknown":
        person = Person("e" * 40, "nobody", "", "", ())
    looked.clear()
    code = code_at(seed, town.clock.wall())
    await check(town, "000000x" if case == "wrong" else code, person=person)
    assert looked == ["totp", "bypass"]


async def test_nobody_has_no_codes(town: Town) -> None:
    """The seed that stands in for missing ones opens nothing, for nobody."""
    code = pyotp.TOTP(totp.NOBODYS_SEED).at(town.clock.wall())
    assert await check(town, code) == WRONG
    assert await check(town, code, person=Person("e" * 40, "nobody", "", "", ())) == WRONG


async def test_what_has_had_its_time_is_deleted(town: Town) -> None:
    """Failures and locks do not pile up."""
    await fail(town, 7)
    await town.clock.advance(LOCK_SECONDS)
    await fail(town, 2)
    await town.clock.advance(FAILURE_SECONDS)
    await town.store.transact(lambda tx: codes.forget_old(tx, town.clock.now()))
    for table in ("code_failure", "code_lock"):
        sql = f"SELECT count(*) FROM {table}"
        assert await town.store.transact(lambda tx, sql=sql: tx.execute(sql)) == [(0,)]


async def test_clock_that_goes_back_locks_nobody_for_longer(town: Town) -> None:
    """A lock from before a restart lasts fifteen minutes at most, though the machine's clock has gone back."""
    await fail(town, 5)
    town.clock.time -= 30 * 24 * 3600
    now, wall = town.clock.now(), town.clock.wall()
    await town.store.transact(lambda tx: codes.limit_lifetimes(tx, now, wall))
    await town.clock.advance(LOCK_SECONDS)
    assert await fail(town, 1) == [WRONG]
