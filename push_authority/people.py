"""Domains, people and who belongs where. Functions run inside a transaction of the store."""

import secrets
from dataclasses import dataclass

from push_authority.errors import ApiError, not_found
from push_authority.store.base import Row, Transaction

PAGE_SIZE = 100
MAX_PEOPLE = 100_000


@dataclass(frozen=True, slots=True)
class Domain:
    """A group of people under one display name."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """One user of the organization, and the ids of the domains that the person belongs to."""

    id: str
    username: str
    name: str
    email: str
    domains: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewPerson:
    """What is needed to make a user; already checked."""

    username: str
    name: str
    email: str


def store_domain(tx: Transaction, domain: Domain) -> None:
    """Make the domain, or give it this name."""
    if not tx.execute("UPDATE domain SET name = ? WHERE id = ? RETURNING id", domain.name, domain.id):
        tx.execute("INSERT INTO domain (id, name) VALUES (?, ?)", domain.id, domain.name)


def get_domain(tx: Transaction, domain_id: str) -> Domain:
    """Return a domain.

    Raises:
        ApiError: there is none with this id.
    """
    rows = tx.execute("SELECT id, name FROM domain WHERE id = ?", domain_id)
    if not rows:
        raise not_found("domain")
    return Domain(*rows[0])


def create_person(tx: Transaction, new: NewPerson) -> Person:
    """Make a user.

    Raises:
        ApiError: the user name is taken, or there is no room.
    """
    if tx.execute("SELECT 1 FROM person WHERE username = ?", new.username):
        raise ApiError(400, "badrequest", "this username exists")
    if tx.execute("SELECT count(*) FROM person")[0][0] >= MAX_PEOPLE:
        raise ApiError(400, "badrequest", f"there are {MAX_PEOPLE} users already")
    sql = "INSERT INTO person (id, username, name, email) VALUES (?, ?, ?, ?) RETURNING id"
    rows = tx.execute(sql, secrets.token_hex(20), new.username, new.name, new.email)
    return get_person(tx, rows[0][0])


def update_person(tx: Transaction, user_id: str, name: str | None, email: str | None) -> Person:
    """Change name and e-mail address where they are given; the user name never changes."""
    sql = "UPDATE person SET name = coalesce(?, name), email = coalesce(?, email) WHERE id = ?"
    tx.execute(sql, name, email, user_id)
    return get_person(tx, user_id)


def get_person(tx: Transaction, user_id: str) -> Person:
    """Return the user with this id.

    Raises:
        ApiError: there is none.
    """
    person = find_person(tx, user_id)
    if person is None:
        raise not_found("user")
    return person


def find_person(tx: Transaction, user_id: str) -> Person | None:
    """Return the user with this id, if there is one."""
    rows = tx.execute("SELECT id, username, name, email FROM person WHERE id = ?", user_id)
    return one_person(tx, rows) if rows else None


def get_person_by_name(tx: Transaction, username: str) -> Person:
    """Return the user with this user name, exactly as written.

    Raises:
        ApiError: there is none.
    """
    person = find_person_by_name(tx, username)
    if person is None:
        raise not_found("user")
    return person


def find_person_by_name(tx: Transaction, username: str) -> Person | None:
    """Return the user with this user name, exactly as written, if there is one."""
    rows = tx.execute("SELECT id, username, name, email FROM person WHERE username = ?", username)
    return one_person(tx, rows) if rows else None


def list_people(tx: Transaction, page: int, domain_id: str | None = None) -> list[Person]:
    """Return one page (from 1) of all users, or of a domain's."""
    fields, window = "SELECT id, username, name, email FROM person", "ORDER BY seq LIMIT ? OFFSET ?"
    offset = (page - 1) * PAGE_SIZE
    if domain_id is None:
        rows = tx.execute(f"{fields} {window}", PAGE_SIZE, offset)
    else:
        members = "WHERE id IN (SELECT user_id FROM membership WHERE domain_id = ?)"
        rows = tx.execute(f"{fields} {members} {window}", domain_id, PAGE_SIZE, offset)
    return [one_person(tx, [row]) for row in rows]


def delete_person(tx: Transaction, user_id: str) -> None:
    """Remove a user with memberships, devices and codes."""
    tx.execute("DELETE FROM person WHERE id = ?", user_id)


def add_member(tx: Transaction, domain_id: str, user_id: str) -> None:
    """Put a user into a domain; nothing changes if the user is in it."""
    tx.execute("INSERT INTO membership (user_id, domain_id) VALUES (?, ?) ON CONFLICT DO NOTHING", user_id, domain_id)


def remove_member(tx: Transaction, domain_id: str, user_id: str) -> None:
    """Take a user out of a domain; devices and codes are the business of ``devices.revoke``."""
    tx.execute("DELETE FROM membership WHERE user_id = ? AND domain_id = ?", user_id, domain_id)


def member_ids(tx: Transaction, domain_id: str) -> list[str]:
    """Return the ids of everybody in a domain."""
    return [row[0] for row in tx.execute("SELECT user_id FROM membership WHERE domain_id = ?", domain_id)]


def get_member(tx: Transaction, domain_id: str, user_id: str) -> Person:
    """Return a user of a domain.

    Raises:
        ApiError: there is no such domain, or no such user in it.
    """
    get_domain(tx, domain_id)
    person = get_person(tx, user_id)
    if domain_id not in person.domains:
        raise not_found("user")
    return person


def one_person(tx: Transaction, rows: list[Row]) -> Person:
    """Complete a user's row with the domains."""
    sql = "SELECT domain_id FROM membership WHERE user_id = ? ORDER BY domain_id"
    domains = tuple(row[0] for row in tx.execute(sql, rows[0][0]))
    user_id, username, name, email = rows[0]
    return Person(user_id, username, name, email, domains)
