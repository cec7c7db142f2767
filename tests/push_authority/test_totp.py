import json

import pyotp
import pytest

from push_authority import totp
from push_authority.errors import ApiError
from push_authority.sealing import Sealer
from push_authority.store.base import Transaction
from tests.push_authority.conftest import DESK, DOMAIN, Town

SEALER = DESK.sealer


def code_at(seed: str, wall: float) -> str:
    """The code that an app shows at a moment."""
    return pyotp.TOTP(seed).at(wall)


async def begin(town: Town) -> str:
    """Make a seed that waits."""
    now, owner = town.clock.now(), (town.person.id, DOMAIN.id)
    return await town.store.transact(lambda tx: totp.begin(tx, SEALER, now, *owner))


async def confirm(town: Town, code: str, sealer: Sealer = SEALER) -> None:
    """Take the first code."""
    now, wall, owner = town.clock.now(), town.clock.wall(), (town.person.id, DOMAIN.id)
    await town.store.transact(lambda tx: totp.confirm(tx, sealer, now, wall, *owner, code, "test"))


async def enrol(town: Town) -> str:
    """Give the person an active seed, and let its first code pass."""
    seed = await begin(town)
    await confirm(town, code_at(seed, town.clock.wall()))
    await town.clock.advance(60)
    return seed


async def use(town: Town, code: str, sealer: Sealer = SEALER) -> bool:
    """Check a code and use it up, as a login does."""
    wall, owner = town.clock.wall(), (town.person.id, DOMAIN.id)

    def work(tx: Transaction) -> bool:
        step = totp.find_step(tx, sealer, wall, *owner, code)
        return step is not None and totp.take_step(tx, *owner, step)

    return await town.store.transact(work)


# RFC 6238 appendix B, the vectors of SHA-1, with six of the eight digits.
@pytest.mark.parametrize(
    ("wall", "code"),
    [(59, "287082"), (1111111109, "081804"), (1111111111, "050471"), (1234567890, "005924"), (2000000000, "279037")],
)
def test_vectors_of_the_rfc(wall: int, code: str) -> None:
    """A code of the standard's seed is found at its step, and two steps away no more."""
    seed = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    assert totp.matching_step(seed, code, wall) == wall // 30
    assert totp.matching_step(seed, code, wall + 30) == wall // 30
    assert totp.matching_step(seed, code, wall + 60) is None


@pytest.mark.parametrize("typed", ["", "28708", "2870820", "28708x", "\uff12\uff18\uff17\uff10\uff18\uff12"])
def test_what_is_not_six_digits_is_wrong(typed: str) -> None:
    """Only the six ASCII digits are the code, whatever the library thinks of other spellings."""
    assert totp.matching_step("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", typed, 59) is None


async def test_code_counts_once(town: Town) -> None:
    """A right code opens once; the same one, and one of an earlier step, open nothing afterwards."""
    seed, wall = await enrol(town), town.clock.wall()
    assert await use(town, code_at(seed, wall))
    assert not await use(town, code_at(seed, wall))
    assert not await use(town, code_at(seed, wall - 30))
    assert await use(town, code_at(seed, wall + 30))
    await town.clock.advance(60)
    assert not await use(town, code_at(seed, wall + 30))
    assert await use(town, code_at(seed, town.clock.wall()))


async def test_first_code_is_used_up(town: Town) -> None:
    """Who looks over the shoulder at the enrolment cannot log in with what was typed."""
    seed = await begin(town)
    code = code_at(seed, town.clock.wall())
    await confirm(town, code)
    assert not await use(town, code)


async def test_unconfirmed_seed_opens_nothing(town: Town) -> None:
    """A seed whose first code has not come opens nothing, and the one before goes on until then."""
    first = await enrol(town)
    second = await begin(town)
    assert not await use(town, code_at(second, town.clock.wall()))
    assert await use(town, code_at(first, town.clock.wall()))
    await confirm(town, code_at(second, town.clock.wall()))
    await town.clock.advance(60)
    assert not await use(town, code_at(first, town.clock.wall()))
    assert await use(town, code_at(second, town.clock.wall()))


async def test_wrong_and_late_confirmations_are_told_apart(town: Town) -> None:
    """A wrong first code may be typed again; after a day, or where nothing waits, there is nothing to confirm."""
    seed = await begin(town)
    with pytest.raises(ApiError) as refusal:
        await confirm(town, code_at(seed, town.clock.wall() + 300))
    assert (refusal.value.status, refusal.value.code) == (400, "badcode")
    await town.clock.advance(totp.LIFETIME)
    with pytest.raises(ApiError) as refusal:
        await confirm(town, code_at(seed, town.clock.wall()))
    assert refusal.value.code == "notfound.totp"
    await town.store.transact(lambda tx: totp.forget_old_seeds(tx, town.clock.now()))
    assert await town.store.transact(lambda tx: tx.execute("SELECT * FROM totp")) == []


async def test_seed_is_sealed_to_its_person(town: Town) -> None:
    """The database holds no seed in the clear; moved to another person, or without the key, it is worth nothing."""
    seed = await enrol(town)
    (sealed,) = (await town.store.transact(lambda tx: tx.execute("SELECT seed_enc FROM totp")))[0]
    assert seed.encode() not in sealed
    assert SEALER.open(sealed, totp.place(town.person.id, DOMAIN.id)) == seed
    assert SEALER.open(sealed, totp.place("e" * 40, DOMAIN.id)) is None
    assert not await use(town, code_at(seed, town.clock.wall()), Sealer(bytes(31) + b"x"))


async def test_seed_that_cannot_be_opened_is_not_nobodys(town: Town) -> None:
    """With a lost key the well-known stand-in opens nothing either."""
    await enrol(town)
    code = code_at(totp.NOBODYS_SEED, town.clock.wall())
    assert not await use(town, code, Sealer(bytes(31) + b"x"))
    await town.store.transact(lambda tx: totp.remove(tx, 0.0, town.person.id, DOMAIN.id))
    assert not await use(town, code)


async def test_state_and_removal(town: Town) -> None:
    """An administrator sees what a person has; removal leaves nothing, and is recorded once."""
    owner = town.person.id, DOMAIN.id

    async def state() -> totp.TotpState:
        return await town.store.transact(lambda tx: totp.totp_state(tx, town.clock.now(), *owner))

    assert await state() == totp.TotpState(None, None)
    await begin(town)
    assert await state() == totp.TotpState(None, town.clock.now() + totp.LIFETIME)
    await enrol(town)
    assert await state() == totp.TotpState(town.clock.now() - 60, None)
    assert await town.store.transact(lambda tx: totp.remove(tx, 0.0, *owner)) is True
    assert await town.store.transact(lambda tx: totp.remove(tx, 0.0, *owner)) is False
    rows = await town.store.transact(lambda tx: tx.execute("SELECT entry FROM audit"))
    entries = [json.loads(row[0]) for row in rows]
    assert [entry["event"] for entry in entries if "totp" in entry["event"]] == ["totp.added", "totp.removed"]


async def test_clock_that_ran_ahead_locks_nobody_out(town: Town) -> None:
    """A code that was used a year ahead does not refuse those of today, once the authority has started anew."""
    seed = await enrol(town)
    await town.clock.advance(365 * 24 * 3600)
    assert await use(town, code_at(seed, town.clock.wall()))
    town.clock.time -= 365 * 24 * 3600
    assert not await use(town, code_at(seed, town.clock.wall()))
    now, wall = town.clock.now(), town.clock.wall()
    await town.store.transact(lambda tx: totp.limit_lifetimes(tx, now, wall))
    await town.clock.advance(60)
    assert await use(town, code_at(seed, town.clock.wall()))


def test_uri_names_person_and_issuer() -> None:
    """An app shows whose codes they are; names cannot break out of the address."""
    uri = totp.provisioning_uri("A" * 32, "alice & bob?", "Example: Org")
    assert uri == f"otpauth://totp/Example%3A%20Org:alice%20%26%20bob%3F?secret={'A' * 32}&issuer=Example%3A%20Org"
