import re

import pytest

from push_authority import bypass
from push_authority.bypass import BypassCode
from push_authority.errors import ApiError
from push_authority.people import NewPerson, create_person
from push_authority.store.base import Transaction
from tests.push_authority.conftest import DESK, Town

SEALER = DESK.sealer


async def create(town: Town, uses: int = 1, seconds: float | None = None, user: str = "") -> tuple[BypassCode, str]:
    """Make a code."""
    now, owner = town.clock.now(), user or town.person.id
    return await town.store.transact(lambda tx: bypass.create(tx, SEALER, now, owner, uses, seconds))


async def use(town: Town, code: str, user: str = "") -> bool:
    """Use a code as a login does."""
    now, owner = town.clock.now(), user or town.person.id

    def work(tx: Transaction) -> bool:
        found = bypass.find(tx, SEALER, now, owner, code)
        return found is not None and bypass.take(tx, now, found)

    return await town.store.transact(work)


async def test_code_is_nine_digits_and_stored_as_a_hash(town: Town) -> None:
    """A code is nine digits, with leading zeros, and the database does not hold it."""
    _, code = await create(town)
    assert re.fullmatch(r"[0-9]{9}", code)
    assert code not in str(await town.store.transact(lambda tx: tx.execute("SELECT * FROM bypass")))
    assert code not in str(await town.store.transact(lambda tx: tx.execute("SELECT entry FROM audit")))


async def test_code_has_its_uses(town: Town) -> None:
    """A code opens as often as it may, then it is gone."""
    made, code = await create(town, uses=2)
    assert [await use(town, code) for _ in range(3)] == [True, True, False]
    with pytest.raises(ApiError) as refusal:
        await town.store.transact(lambda tx: bypass.get(tx, town.clock.now(), made.id))
    assert refusal.value.code == "notfound.bypasscode"


async def test_last_use_is_taken_once(town: Town) -> None:
    """Of two logins that have found the same last use one gets it: the database decides."""
    _, code = await create(town)
    now = town.clock.now()

    def work(tx: Transaction) -> list[bool]:
        found = [bypass.find(tx, SEALER, now, town.person.id, code) for _ in range(2)]
        return [bypass.take(tx, now, one) for one in found if one]

    assert await town.store.transact(work) == [True, False]


async def test_code_has_its_time(town: Town) -> None:
    """A code opens until its time has come, is not listed afterwards, and in the end is deleted."""
    _, code = await create(town, uses=9, seconds=60)
    await town.clock.advance(59.9)
    assert await use(town, code)
    await town.clock.advance(0.1)
    assert not await use(town, code)
    now = town.clock.now()
    assert await town.store.transact(lambda tx: bypass.codes_of(tx, now, town.person.id)) == []
    await town.store.transact(lambda tx: bypass.forget_old_codes(tx, now))
    assert await town.store.transact(lambda tx: tx.execute("SELECT * FROM bypass")) == []


async def test_code_is_its_persons(town: Town) -> None:
    """A code of one person opens nothing for another."""
    _, code = await create(town)
    other = await town.store.transact(lambda tx: create_person(tx, NewPerson("bob", "", "")))
    assert not await use(town, code, other.id)
    assert await use(town, code)


async def test_codes_per_person_are_bounded(town: Town) -> None:
    """The sixth code is refused; one that has been used up or has expired makes room."""
    codes = [(await create(town, seconds=60 if number else None))[1] for number in range(5)]
    with pytest.raises(ApiError) as refusal:
        await create(town)
    assert (refusal.value.status, refusal.value.code) == (400, "toomanybypasscodes")
    assert await use(town, codes[0])
    await create(town)
    await town.clock.advance(60)
    for _ in range(4):
        await create(town)


async def test_revoked_codes_open_nothing(town: Town) -> None:
    """One code, or all of a person, can be made worthless."""
    (first, one), (_, two), (_, three) = [await create(town) for _ in range(3)]
    now = town.clock.now()
    await town.store.transact(lambda tx: bypass.revoke(tx, now, first))
    assert not await use(town, one)
    assert await use(town, two)
    await town.store.transact(lambda tx: bypass.revoke_all(tx, now, town.person.id))
    assert not await use(town, three)


async def test_clock_that_goes_back_makes_no_code_older_than_allowed(town: Town) -> None:
    """A code lives no longer than any may, though the machine's clock has gone back ten years."""
    made, _ = await create(town, seconds=3600)
    town.clock.time -= 10 * 365 * 24 * 3600
    now = town.clock.now()
    await town.store.transact(lambda tx: bypass.limit_lifetimes(tx, now))
    found = await town.store.transact(lambda tx: bypass.get(tx, now, made.id))
    assert found.expires == now + bypass.MAX_MINUTES * 60
