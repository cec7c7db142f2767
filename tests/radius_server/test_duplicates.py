"""The table of packets seen before, on a clock that is an argument."""

from radius_server.duplicates import DuplicateTable, Fresh, Full, Repeated

KEY = ("socket", ("192.0.2.1", 40000), 7)
OTHER = ("socket", ("192.0.2.1", 40000), 8)
FIRST, SECOND = b"a" * 16, b"b" * 16


def enter(table: DuplicateTable[str], key: tuple[object, ...] = KEY, authenticator: bytes = FIRST) -> Fresh[str]:
    """Enter a packet that must be new."""
    seen = table.receive(key, authenticator, 60, 0.0)
    assert isinstance(seen, Fresh)
    return seen


def test_in_flight() -> None:
    """A packet that is still being worked on is repeated without a reply."""
    table: DuplicateTable[str] = DuplicateTable(10)
    assert enter(table).displaced is None
    assert table.receive(KEY, FIRST, 60, 1.0) == Repeated(None)
    assert table.receive(KEY, FIRST, 60, 500.0) == Repeated(None)


def test_answered() -> None:
    """A packet that was answered gets the same reply until 30 seconds after the reply, and not longer."""
    table: DuplicateTable[str] = DuplicateTable(10)
    entry = enter(table).entry
    assert table.answer(entry, b"reply", 20.0)
    assert table.receive(KEY, FIRST, 60, 49.9) == Repeated(b"reply")
    assert isinstance(table.receive(KEY, FIRST, 60, 50.0), Fresh)


def test_expiry_frees_memory() -> None:
    """Replies that nobody may ask for any more are gone at the next packet."""
    table: DuplicateTable[str] = DuplicateTable(100)
    for number in range(50):
        entry = enter(table, ("socket", number)).entry
        assert table.answer(entry, b"reply", float(number))
    assert len(table) == 50
    table.receive(KEY, FIRST, 60, 60.5)
    assert len(table) == 50 - 31 + 1


def test_conflict_in_flight() -> None:
    """A new authenticator displaces the packet in flight and says whose work is in vain."""
    table: DuplicateTable[str] = DuplicateTable(10)
    old = enter(table).entry
    old.waiting = "old login"
    new = enter(table, authenticator=SECOND)
    assert new.displaced is old
    assert new.displaced.waiting == "old login"
    assert not table.answer(old, b"late", 1.0)
    assert table.receive(KEY, SECOND, 60, 2.0) == Repeated(None)
    assert table.answer(new.entry, b"reply", 3.0)
    assert table.receive(KEY, SECOND, 60, 4.0) == Repeated(b"reply")


def test_conflict_after_the_answer() -> None:
    """A new authenticator on an answered Identifier is a new packet, and nothing is displaced."""
    table: DuplicateTable[str] = DuplicateTable(10)
    assert table.answer(enter(table).entry, b"reply", 1.0)
    assert enter(table, authenticator=SECOND).displaced is None
    assert len(table) == 1


def test_other_length() -> None:
    """The same authenticator in a packet of another length is another packet."""
    table: DuplicateTable[str] = DuplicateTable(10)
    old = enter(table).entry
    seen = table.receive(KEY, FIRST, 61, 0.0)
    assert isinstance(seen, Fresh)
    assert seen.displaced is old


def test_full_of_work() -> None:
    """A table full of packets in flight takes no more, and forgets none of them."""
    table: DuplicateTable[str] = DuplicateTable(2)
    enter(table)
    enter(table, OTHER)
    assert table.receive(("third",), FIRST, 60, 0.0) == Full()
    assert table.receive(KEY, FIRST, 60, 0.0) == Repeated(None)
    assert table.receive(OTHER, FIRST, 60, 0.0) == Repeated(None)


def test_conflict_in_a_full_table() -> None:
    """A conflict in a full table takes the place of the packet that it displaces."""
    table: DuplicateTable[str] = DuplicateTable(1)
    enter(table)
    assert enter(table, authenticator=SECOND).displaced is not None


def test_eviction() -> None:
    """A full table gives up its oldest reply, never work in flight."""
    table: DuplicateTable[str] = DuplicateTable(3)
    enter(table)
    for key in (("old",), ("young",)):
        assert table.answer(enter(table, key).entry, b"reply", 0.0)
    enter(table, ("new",))
    assert table.receive(KEY, FIRST, 60, 1.0) == Repeated(None)
    assert table.receive(("young",), FIRST, 60, 1.0) == Repeated(b"reply")
    assert len(table) == 3
    assert isinstance(table.receive(("old",), FIRST, 60, 1.0), Fresh)


def test_forget() -> None:
    """Work that ended without a reply is forgotten, but only by its own entry."""
    table: DuplicateTable[str] = DuplicateTable(3)
    old = enter(table).entry
    new = enter(table, authenticator=SECOND).entry
    table.forget(old)
    assert table.receive(KEY, SECOND, 60, 0.0) == Repeated(None)
    table.forget(new)
    assert len(table) == 0


def test_waiting() -> None:
    """A packet waits until it is answered, displaced or forgotten."""
    table: DuplicateTable[str] = DuplicateTable(10)
    answered, displaced, forgotten = (enter(table, ("nas", number)).entry for number in range(3))
    assert [table.is_waiting(entry) for entry in (answered, displaced, forgotten)] == [True] * 3
    table.answer(answered, b"reply", 1.0)
    successor = enter(table, ("nas", 1), SECOND).entry
    table.forget(forgotten)
    assert [table.is_waiting(entry) for entry in (answered, displaced, forgotten)] == [False] * 3
    assert table.is_waiting(successor)
