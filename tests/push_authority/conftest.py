"""What the authority's tests share: a store in a fresh folder, a running authority, rows to begin with."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from push_authority import people
from push_authority.apikeys import ApiKey, all_keys, store_key
from push_authority.asking import Desk
from push_authority.clock import FakeClock
from push_authority.devices import Device, NewDevice, add_device
from push_authority.people import Domain, NewPerson, Person
from push_authority.sealing import Sealer
from push_authority.store.base import Transaction
from push_authority.store.sqlite import SqliteStore
from tests.support.authority import DeviceKey, RunningAuthority, running_authority

DOMAIN = Domain("d" * 40, "Staff")
API_KEY = "k" * 64
DESK = Desk("localhost:8080", Sealer(bytes(32)))


@dataclass(frozen=True)
class Town:
    """A store with one domain, one API key and one person who has one device."""

    store: SqliteStore
    clock: FakeClock
    api_key: ApiKey
    person: Person
    device: Device
    key: DeviceKey


@pytest.fixture
async def store(private_folder: Path) -> AsyncIterator[SqliteStore]:
    """An open store."""
    store = await SqliteStore.open(private_folder / "authority.db")
    yield store
    await store.close()


@pytest.fixture
async def town(store: SqliteStore) -> Town:
    """A store with the smallest set of rows that a login needs."""
    clock, key = FakeClock(), DeviceKey()

    def settle(tx: Transaction) -> tuple[ApiKey, Person, Device]:
        people.store_domain(tx, DOMAIN)
        store_key(tx, "default", API_KEY)
        person = people.create_person(tx, NewPerson("alice", "Alice", "alice@example.org"))
        people.add_member(tx, DOMAIN.id, person.id)
        device = add_device(tx, clock.now(), person.id, DOMAIN.id, NewDevice("cli", "laptop", key.public_key))
        return all_keys(tx)[0], people.get_person(tx, person.id), device

    api_key, person, device = await store.transact(settle)
    key.id = device.id
    return Town(store, clock, api_key, person, device, key)


@pytest.fixture
async def authority(private_folder: Path) -> AsyncIterator[RunningAuthority]:
    """A running authority."""
    async with running_authority(private_folder) as authority:
        yield authority
