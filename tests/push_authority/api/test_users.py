from urllib.parse import quote

import pytest

from push_authority.api import users
from tests.push_authority.api.test_logintc import official
from tests.support.authority import RunningAuthority

BOB = {"username": "bob", "name": "Bob", "email": "bob@example.org"}


async def test_official_client_keeps_users(authority: RunningAuthority) -> None:
    """Create, read by id and name, list, update and delete work with the official client."""
    bob = await official(authority, lambda client: client.create_user("bob", "bob@example.org", "Bob"))
    assert bob == {"id": bob["id"], **BOB, "domains": [], "hardware": ""}
    assert await official(authority, lambda client: client.get_user(bob["id"])) == bob
    assert await official(authority, lambda client: client.get_user_by_username("bob")) == bob
    assert await official(authority, lambda client: client.get_users()) == [bob]
    assert await official(authority, lambda client: client.get_users(2)) == []
    changed = await official(authority, lambda client: client.update_user(bob["id"], name="Robert"))
    assert changed == {**bob, "name": "Robert"}
    await official(authority, lambda client: client.delete_user(bob["id"]))
    reply = await authority.call("GET", f"/users/{bob['id']}")
    assert (reply.status, reply.code) == (404, "notfound.user")


async def test_official_client_keeps_memberships(authority: RunningAuthority) -> None:
    """Joining, reading, listing and leaving a domain work with the official client."""
    domain = authority.domain_id
    bob = (await official(authority, lambda client: client.create_user("bob", "", "")))["id"]
    await official(authority, lambda client: client.add_domain_user(domain, bob))
    member = await official(authority, lambda client: client.get_domain_user(domain, bob))
    assert (member["username"], member["domains"]) == ("bob", [domain])
    assert await official(authority, lambda client: client.get_domain_users(domain)) == [member]
    await official(authority, lambda client: client.remove_domain_user(domain, bob))
    assert await official(authority, lambda client: client.get_domain_users(domain)) == []
    assert (await authority.call("GET", f"/domains/{{d}}/users/{bob}")).code == "notfound.user"


async def test_set_members_replaces_them(authority: RunningAuthority) -> None:
    """Setting a domain's users creates the unknown, keeps the known, and takes devices and questions of the rest."""
    domain, device = authority.domain_id, await authority.enrol("alice")
    await authority.enrol("carol")
    session = await authority.ask("alice")
    people = [{"username": name, "name": "", "email": ""} for name in ("carol", "dave")]
    await official(authority, lambda client: client.set_domain_users(domain, people))
    names = [user["username"] for user in await official(authority, lambda client: client.get_domain_users(domain))]
    assert sorted(names) == ["carol", "dave"]
    assert await authority.state(session) == "cancelled"
    assert (await device.get("/device/v1/sessions")).status == 401
    assert (await authority.call("GET", "/users?username=alice")).json["domains"] == []
    await authority.ask("carol")


@pytest.mark.parametrize("body", [{}, [1], [{}], [{"username": ""}], [{"username": "x"}] * 1001])
async def test_broken_members_change_nothing(authority: RunningAuthority, body: object) -> None:
    """A list that is none, holds something else or is too long is refused and nobody loses anything."""
    await authority.enrol("alice")
    assert users.MAX_SET == 1000
    reply = await authority.call("PUT", "/domains/{d}/users", body)
    assert (reply.status, reply.code) == (400, "badrequest")
    assert [user["username"] for user in (await authority.call("GET", "/domains/{d}/users")).json] == ["alice"]


async def test_username_is_unique_and_stays(authority: RunningAuthority) -> None:
    """A second user of one name is refused, and an update does not rename."""
    bob = (await authority.call("POST", "/users", BOB)).json
    assert (await authority.call("POST", "/users", BOB)).code == "badrequest"
    assert (await authority.call("PUT", f"/users/{bob['id']}", {"username": "root"})).json == bob


async def test_lookup_is_by_the_exact_name(authority: RunningAuthority) -> None:
    """Names with characters of URLs are found as they are; names that cannot exist are not found."""
    name = "EXAMPLE\\j+d%20/?&é@example.org"
    await authority.call("POST", "/users", {"username": name})
    assert (await authority.call("GET", f"/users?username={quote(name, safe='')}")).json["username"] == name
    for query in ("username=", "username=%00", "username=%FF", "username=" + "x" * 129, "username=J"):
        assert (await authority.call("GET", f"/users?{query}")).code == "notfound.user"
    assert (await authority.call("GET", "/users?page=0")).code == "badrequest"


async def test_deleted_user_leaves_nothing_behind(authority: RunningAuthority) -> None:
    """With a user go devices, codes and pending questions."""
    device = await authority.enrol("alice")
    session = await authority.ask("alice")
    shown = await device.session(session)
    user = (await authority.call("GET", "/users?username=alice")).json["id"]
    assert (await authority.call("DELETE", f"/users/{user}")).body == b""
    assert await authority.state(session) == "cancelled"
    assert (await device.decide(shown, "approved")).status == 403
    assert (await authority.call("DELETE", f"/users/{user}")).code == "notfound.user"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "/domains/{d}/users/short", "notfound.user"),
        ("GET", "/domains/short/users", "notfound.domain"),
        ("GET", "/domains/" + "e" * 40 + "/users", "notfound.domain"),
        ("PUT", "/domains/{d}/users/" + "e" * 40, "notfound.user"),
        ("PUT", "/domains/" + "e" * 40 + "/users/" + "e" * 40, "notfound.domain"),
        ("DELETE", "/domains/{d}/users/" + "e" * 40, "notfound.user"),
        ("PUT", "/users/" + "e" * 40, "notfound.user"),
    ],
)
async def test_unknown_resources_are_named(authority: RunningAuthority, method: str, path: str, code: str) -> None:
    """Each refusal says which resource is missing."""
    reply = await authority.call(method, path, {} if method == "PUT" else None)
    assert (reply.status, reply.code) == (404, code)
