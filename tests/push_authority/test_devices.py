import json

import pytest

from push_authority import devices
from push_authority.devices import NewDevice
from push_authority.errors import ApiError
from tests.push_authority.conftest import Town
from tests.support.authority import DeviceKey


async def test_device_is_found_until_it_is_removed(town: Town) -> None:
    """A device is found by id and among its person's, and both end when it is removed; the audit has both events."""
    store, device = town.store, town.device
    assert await store.transact(lambda tx: devices.find_device(tx, device.id)) == device
    assert await store.transact(lambda tx: devices.devices_of(tx, device.user_id, device.domain_id)) == [device]
    assert await store.transact(lambda tx: devices.devices_of(tx, device.user_id, "e" * 40)) == []
    await store.transact(lambda tx: devices.remove_device(tx, town.clock.now(), device))
    assert await store.transact(lambda tx: devices.find_device(tx, device.id)) is None
    entries = [json.loads(row[0]) for row in await store.transact(lambda tx: tx.execute("SELECT entry FROM audit"))]
    assert [entry["event"] for entry in entries] == ["device.added", "device.removed"]
    assert entries[0]["fingerprint"] == device.fingerprint


async def test_devices_per_person_are_bounded(town: Town) -> None:
    """The eleventh device of a person is refused."""
    owner = town.device.user_id, town.device.domain_id
    new = NewDevice("cli", "more", DeviceKey().public_key)
    for _ in range(devices.MAX_DEVICES - 1):
        await town.store.transact(lambda tx: devices.add_device(tx, 0.0, *owner, new))
    with pytest.raises(ApiError) as refusal:
        await town.store.transact(lambda tx: devices.add_device(tx, 0.0, *owner, new))
    assert (refusal.value.status, refusal.value.code) == (400, "toomanydevices")
    assert len(await town.store.transact(lambda tx: devices.devices_of(tx, *owner))) == devices.MAX_DEVICES


async def test_device_hides_its_key(town: Town) -> None:
    """The key of a device does not appear in its representation."""
    assert "public_key" not in repr(town.device)
