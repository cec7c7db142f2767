import pytest

from push_authority.apikeys import Keyring, all_keys, store_key
from push_authority.store.sqlite import SqliteStore

KEY, OTHER = "a" * 64, "Z9" * 32


async def test_key_is_found_by_its_header(store: SqliteStore) -> None:
    """A caller with a right key is known by its name, and the store holds no key."""
    await store.transact(lambda tx: (store_key(tx, "default", KEY), store_key(tx, "vpn", OTHER)))
    keys = await store.transact(all_keys)
    keyring = Keyring(keys)
    assert [(key.name, key.decode_percent_username) for key in keys] == [("default", False), ("vpn", False)]
    assert keyring.find(f'LoginTC key="{KEY}"') == keys[0]
    assert keyring.find(f'LoginTC key="{OTHER}"') == keys[1]
    stored = str(await store.transact(lambda tx: tx.execute("SELECT * FROM api_key")))
    assert KEY not in stored
    assert OTHER not in stored


@pytest.mark.parametrize(
    "header",
    [
        "",
        "LoginTC",
        f'LoginTC key="{KEY[:-1]}"',
        f'LoginTC key="{KEY}" ',
        f"LoginTC key={KEY}",
        f'Basic key="{KEY}"',
        f'LoginTC key="{"b" * 64}"',
        f'LoginTC key="{KEY}a"',
        'LoginTC key=""',
    ],
)
async def test_other_headers_are_nobody(store: SqliteStore, header: str) -> None:
    """A missing, cut, longer or wrong key is nobody's."""
    await store.transact(lambda tx: store_key(tx, "default", KEY))
    assert Keyring(await store.transact(all_keys)).find(header) is None


async def test_exchanged_key_ends_the_old_one(store: SqliteStore) -> None:
    """A new key in the file takes the place of the old one, and keeps what that had begun."""
    await store.transact(lambda tx: store_key(tx, "default", KEY))
    before = (await store.transact(all_keys))[0]
    await store.transact(lambda tx: store_key(tx, "default", OTHER))
    keyring = Keyring(await store.transact(all_keys))
    assert keyring.find(f'LoginTC key="{KEY}"') is None
    found = keyring.find(f'LoginTC key="{OTHER}"')
    assert found is not None
    assert found.id == before.id
