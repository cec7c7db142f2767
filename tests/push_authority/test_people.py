from collections.abc import Callable
from typing import Any

import pytest

from push_authority import people
from push_authority.errors import ApiError
from push_authority.people import Domain, NewPerson
from push_authority.store.base import Transaction
from push_authority.store.sqlite import SqliteStore
from tests.push_authority.conftest import DOMAIN

BOB = NewPerson("bob", "Bob", "bob@example.org")


async def refused(store: SqliteStore, work: Callable[[Transaction], Any]) -> tuple[int, str]:
    """Return status and code of a refusal."""
    with pytest.raises(ApiError) as refusal:
        await store.transact(work)
    return refusal.value.status, refusal.value.code


async def test_domain_keeps_its_id_and_takes_a_new_name(store: SqliteStore) -> None:
    """A domain that is stored again gets the new name; an unknown one is not found."""
    await store.transact(lambda tx: people.store_domain(tx, DOMAIN))
    await store.transact(lambda tx: people.store_domain(tx, Domain(DOMAIN.id, "Everybody")))
    assert await store.transact(lambda tx: people.get_domain(tx, DOMAIN.id)) == Domain(DOMAIN.id, "Everybody")
    assert await refused(store, lambda tx: people.get_domain(tx, "e" * 40)) == (404, "notfound.domain")


async def test_person_is_found_by_id_and_name(store: SqliteStore) -> None:
    """A new user is found by id and by the exact user name."""
    bob = await store.transact(lambda tx: people.create_person(tx, BOB))
    assert (bob.username, bob.name, bob.email, bob.domains) == ("bob", "Bob", "bob@example.org", ())
    assert await store.transact(lambda tx: people.get_person(tx, bob.id)) == bob
    assert await store.transact(lambda tx: people.get_person_by_name(tx, "bob")) == bob
    assert await refused(store, lambda tx: people.get_person_by_name(tx, "Bob")) == (404, "notfound.user")
    assert await refused(store, lambda tx: people.get_person(tx, "0" * 40)) == (404, "notfound.user")


async def test_username_is_unique(store: SqliteStore) -> None:
    """A second user of the same name is refused."""
    await store.transact(lambda tx: people.create_person(tx, BOB))
    assert await refused(store, lambda tx: people.create_person(tx, BOB)) == (400, "badrequest")


async def test_people_are_bounded(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is an end to how many users can be made."""
    monkeypatch.setattr(people, "MAX_PEOPLE", 1)
    await store.transact(lambda tx: people.create_person(tx, BOB))
    other = NewPerson("carol", "", "")
    assert await refused(store, lambda tx: people.create_person(tx, other)) == (400, "badrequest")


async def test_update_changes_what_is_given(store: SqliteStore) -> None:
    """Name and address change only where they are given; an unknown user is not found."""
    bob = await store.transact(lambda tx: people.create_person(tx, BOB))
    changed = await store.transact(lambda tx: people.update_person(tx, bob.id, "Robert", None))
    assert (changed.name, changed.email) == ("Robert", "bob@example.org")
    changed = await store.transact(lambda tx: people.update_person(tx, bob.id, None, ""))
    assert (changed.name, changed.email) == ("Robert", "")
    assert await refused(store, lambda tx: people.update_person(tx, "0" * 40, "x", None)) == (404, "notfound.user")


async def test_membership_comes_and_goes(store: SqliteStore) -> None:
    """A user joins a domain once however often asked, and is found in it until removed."""
    await store.transact(lambda tx: people.store_domain(tx, DOMAIN))
    bob = await store.transact(lambda tx: people.create_person(tx, BOB))
    assert await refused(store, lambda tx: people.get_member(tx, DOMAIN.id, bob.id)) == (404, "notfound.user")
    for _ in range(2):
        await store.transact(lambda tx: people.add_member(tx, DOMAIN.id, bob.id))
    member = await store.transact(lambda tx: people.get_member(tx, DOMAIN.id, bob.id))
    assert member.domains == (DOMAIN.id,)
    assert await store.transact(lambda tx: people.member_ids(tx, DOMAIN.id)) == [bob.id]
    await store.transact(lambda tx: people.remove_member(tx, DOMAIN.id, bob.id))
    assert await store.transact(lambda tx: people.member_ids(tx, DOMAIN.id)) == []


async def test_lists_have_pages(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lists come page by page in the order of creation, of everybody or of a domain, and end empty."""
    monkeypatch.setattr(people, "PAGE_SIZE", 2)

    def fill(tx: Transaction) -> None:
        people.store_domain(tx, DOMAIN)
        for name in "zyxwv":
            person = people.create_person(tx, NewPerson(name, "", ""))
            if name != "x":
                people.add_member(tx, DOMAIN.id, person.id)

    await store.transact(fill)

    async def page(number: int, domain: str | None = None) -> str:
        found = await store.transact(lambda tx: people.list_people(tx, number, domain))
        return "".join(person.username for person in found)

    assert [await page(number) for number in (1, 2, 3, 4)] == ["zy", "xw", "v", ""]
    assert [await page(number, DOMAIN.id) for number in (1, 2, 3)] == ["zy", "wv", ""]
    assert await page(1, "e" * 40) == ""


async def test_deleted_person_is_gone_everywhere(store: SqliteStore) -> None:
    """A deleted user leaves no membership behind."""
    await store.transact(lambda tx: people.store_domain(tx, DOMAIN))
    bob = await store.transact(lambda tx: people.create_person(tx, BOB))
    await store.transact(lambda tx: people.add_member(tx, DOMAIN.id, bob.id))
    await store.transact(lambda tx: people.delete_person(tx, bob.id))
    assert await store.transact(lambda tx: people.member_ids(tx, DOMAIN.id)) == []
    assert await refused(store, lambda tx: people.get_person(tx, bob.id)) == (404, "notfound.user")
