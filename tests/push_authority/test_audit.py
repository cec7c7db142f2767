from push_authority import audit
from push_authority.store.sqlite import SqliteStore


async def test_entries_are_kept_in_order(store: SqliteStore) -> None:
    """Entries follow one another with their time, as compact JSON."""
    await store.transact(lambda tx: audit.record(tx, 1.5, "session.approved", session="s", reason=None))
    await store.transact(lambda tx: audit.record(tx, 2.5, "device.added", label="Zoë"))
    assert await store.transact(lambda tx: tx.execute("SELECT seq, at, entry FROM audit ORDER BY seq")) == [
        (1, 1.5, '{"event":"session.approved","session":"s","reason":null}'),
        (2, 2.5, '{"event":"device.added","label":"Zoë"}'),
    ]
