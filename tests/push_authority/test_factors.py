from push_authority import bypass, totp
from push_authority.devices import remove_device
from push_authority.factors import factors_of
from tests.push_authority.conftest import DESK, DOMAIN, Town
from tests.push_authority.test_totp import enrol


async def test_only_what_can_be_used_is_listed(town: Town) -> None:
    """A person's list has the device, the active seed and the usable codes, and nothing that opens nothing."""

    async def listed() -> list[str]:
        now = town.clock.now()
        return await town.store.transact(lambda tx: factors_of(tx, now, town.person.id, DOMAIN.id))

    now, user = town.clock.now(), town.person.id
    assert await listed() == ["device"]
    await town.store.transact(lambda tx: totp.begin(tx, DESK.sealer, now, user, DOMAIN.id))
    await town.store.transact(lambda tx: bypass.create(tx, DESK.sealer, now, user, 1, 60))
    assert await listed() == ["device", "bypass"]
    await enrol(town)
    assert await listed() == ["device", "totp"]
    await town.store.transact(lambda tx: remove_device(tx, now, town.device))
    assert await listed() == ["totp"]
