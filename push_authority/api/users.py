"""LoginTC's calls about users and memberships."""

from collections.abc import Iterable
from typing import Any

from aiohttp import web

from push_authority import people
from push_authority.errors import bad_request, not_found
from push_authority.factors import factors_of
from push_authority.keeper import SessionKeeper
from push_authority.people import NewPerson, Person
from push_authority.revocation import revoke_all
from push_authority.sessions import Final
from push_authority.store.base import Transaction
from push_authority.text import is_visible_name

from .calls import EMAIL_LIMIT, NAME_LIMIT, parse_page, parse_person, shown_field
from .exchange import parse_json, read_body, read_object
from .forms import path_id, person_object, reply, to_json, wants_native

MAX_SET = 1000
"""Users in one call that sets a domain's members."""


class UserCalls:
    """Users, and who belongs to which domain."""

    def __init__(self, keeper: SessionKeeper) -> None:
        self.keeper = keeper
        self.store = keeper.store
        self.clock = keeper.clock

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler of each call."""
        member = "/api/domains/{domain}/users/{user}"
        return [
            web.post("/api/users", self.create),
            web.get("/api/users", self.list, allow_head=False),
            web.get("/api/users/{user}", self.get, allow_head=False),
            web.put("/api/users/{user}", self.update),
            web.delete("/api/users/{user}", self.delete),
            web.get("/api/domains/{domain}/users", self.list_members, allow_head=False),
            web.put("/api/domains/{domain}/users", self.set_members),
            web.get(member, self.get_member, allow_head=False),
            web.put(member, self.add_member),
            web.delete(member, self.remove_member),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Make a user."""
        new = parse_person(await read_object(request, self.clock))
        return self.show(request, await self.store.transact(lambda tx: people.create_person(tx, new)))

    async def list(self, request: web.Request) -> web.Response:
        """Return one user by name as an object, or a page of all users as an array: LoginTC has one path for both."""
        username = request.query.get("username")
        if username is not None:
            if not is_visible_name(username, NAME_LIMIT):
                raise not_found("user")
            return self.show(request, await self.store.transact(lambda tx: people.get_person_by_name(tx, username)))
        page = parse_page(request.query.get("page"))
        found = await self.store.transact(lambda tx: people.list_people(tx, page))
        return reply(request, to_json([person_object(person) for person in found]))

    async def get(self, request: web.Request) -> web.Response:
        """Return a user."""
        user_id = path_id(request, "user", "user")
        return self.show(request, await self.store.transact(lambda tx: people.get_person(tx, user_id)))

    async def update(self, request: web.Request) -> web.Response:
        """Change name or e-mail address."""
        user_id = path_id(request, "user", "user")
        data = await read_object(request, self.clock)
        name, email = shown_field(data, "name", NAME_LIMIT), shown_field(data, "email", EMAIL_LIMIT)
        return self.show(request, await self.store.transact(lambda tx: people.update_person(tx, user_id, name, email)))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a user everywhere."""
        user_id, now = path_id(request, "user", "user"), self.clock.now()

        def work(tx: Transaction) -> list[Final]:
            person = people.get_person(tx, user_id)
            finals = [final for domain in person.domains for final in revoke_all(tx, now, user_id, domain)]
            people.delete_person(tx, user_id)
            return finals

        self.keeper.announce(await self.store.transact(work))
        return reply(request)

    async def list_members(self, request: web.Request) -> web.Response:
        """Return a page of a domain's users; in our own form with what each can use."""
        domain_id, page = path_id(request, "domain", "domain"), parse_page(request.query.get("page"))

        native, now = wants_native(request), self.clock.now()

        def work(tx: Transaction) -> list[dict[str, Any]]:
            people.get_domain(tx, domain_id)
            members = people.list_people(tx, page, domain_id)
            if not native:
                return [person_object(person) for person in members]
            factors = [factors_of(tx, now, person.id, domain_id) for person in members]
            return [person_object(one) | {"factors": has} for one, has in zip(members, factors, strict=True)]

        return reply(request, to_json(await self.store.transact(work)))

    async def set_members(self, request: web.Request) -> web.Response:
        """Make exactly these users the domain's members; unknown ones are created, others lose their devices."""
        domain_id, now = path_id(request, "domain", "domain"), self.clock.now()
        data = parse_json(await read_body(request, self.clock))
        if not isinstance(data, list) or len(data) > MAX_SET:
            raise bad_request(f"the body must be a list of at most {MAX_SET} users")
        members = [parse_person(item) for item in data]
        finals = await self.store.transact(lambda tx: set_members(tx, now, domain_id, members))
        self.keeper.announce(finals)
        return reply(request)

    async def get_member(self, request: web.Request) -> web.Response:
        """Return a user of a domain."""
        domain_id, user_id = path_id(request, "domain", "domain"), path_id(request, "user", "user")
        return self.show(request, await self.store.transact(lambda tx: people.get_member(tx, domain_id, user_id)))

    async def add_member(self, request: web.Request) -> web.Response:
        """Put a user into a domain."""
        domain_id, user_id = path_id(request, "domain", "domain"), path_id(request, "user", "user")

        def work(tx: Transaction) -> None:
            people.get_domain(tx, domain_id)
            people.get_person(tx, user_id)
            people.add_member(tx, domain_id, user_id)

        await self.store.transact(work)
        return reply(request)

    async def remove_member(self, request: web.Request) -> web.Response:
        """Take a user out of a domain, with devices and code."""
        domain_id, user_id, now = (
            path_id(request, "domain", "domain"),
            path_id(request, "user", "user"),
            self.clock.now(),
        )

        def work(tx: Transaction) -> list[Final]:
            people.get_member(tx, domain_id, user_id)
            people.remove_member(tx, domain_id, user_id)
            return revoke_all(tx, now, user_id, domain_id)

        self.keeper.announce(await self.store.transact(work))
        return reply(request)

    def show(self, request: web.Request, person: Person) -> web.Response:
        """Answer with one user."""
        return reply(request, to_json(person_object(person)))


def set_members(tx: Transaction, now: float, domain_id: str, members: list[NewPerson]) -> list[Final]:
    """Make the domain's members exactly these; return the sessions that lost their person."""
    people.get_domain(tx, domain_id)
    wanted: set[str] = set()
    for new in members:
        person = people.find_person_by_name(tx, new.username) or people.create_person(tx, new)
        people.add_member(tx, domain_id, person.id)
        wanted.add(person.id)
    finals: list[Final] = []
    for user_id in set(people.member_ids(tx, domain_id)) - wanted:
        people.remove_member(tx, domain_id, user_id)
        finals += revoke_all(tx, now, user_id, domain_id)
    return finals
