import logintc
import pytest

from tests.push_authority.api.test_logintc import official
from tests.support.authority import NATIVE, RunningAuthority


async def test_official_client_follows_a_token(authority: RunningAuthority) -> None:
    """None, pending with the same code, active without a code, revoked: as the official client sees it."""
    domain = authority.domain_id
    bob = (await official(authority, lambda client: client.create_user("bob", "", "")))["id"]
    await official(authority, lambda client: client.add_domain_user(domain, bob))
    with pytest.raises(logintc.NoTokenException):
        await official(authority, lambda client: client.get_user_token(domain, bob))
    made = await official(authority, lambda client: client.create_user_token(domain, bob))
    assert (made["state"], len(made["code"])) == ("pending", 10)
    assert await official(authority, lambda client: client.create_user_token(domain, bob)) == made
    assert await official(authority, lambda client: client.get_user_token(domain, bob)) == made

    device = await authority.enrol_code(made["code"])
    for call in ("get_user_token", "create_user_token"):
        token = await official(authority, lambda client, call=call: getattr(client, call)(domain, bob))
        assert token == {"state": "active"}

    session = await authority.ask("bob")
    for _ in range(2):
        await official(authority, lambda client: client.delete_user_token(domain, bob))
    with pytest.raises(logintc.NoTokenException):
        await official(authority, lambda client: client.get_user_token(domain, bob))
    with pytest.raises(logintc.NoTokenException):
        await official(authority, lambda client: client.create_session(domain, username="bob"))
    assert await authority.state(session) == "cancelled"
    assert (await device.get("/device/v1/sessions")).status == 401


async def test_deleted_code_is_worthless(authority: RunningAuthority) -> None:
    """A pending code is annulled with the token."""
    user, code = await authority.add_user("bob")
    await authority.call("DELETE", f"/domains/{{d}}/users/{user}/token")
    with pytest.raises(AssertionError, match="notfound"):
        await authority.enrol_code(code)


async def test_native_form_adds_devices(authority: RunningAuthority) -> None:
    """Our form gives a code to a user who has a device, and lists the devices with their fingerprints."""
    first = await authority.enrol("alice")
    user = (await authority.call("GET", "/users?username=alice")).json["id"]
    path = f"/domains/{{d}}/users/{user}/token"
    token = (await authority.call("PUT", path, accept=NATIVE)).json
    assert (token["state"], len(token["code"]), token["expires_in"] > 86_000) == ("pending", 10, True)
    assert (await authority.call("GET", path)).json == {"state": "active"}
    second = await authority.enrol_code(token["code"])
    listed = (await authority.call("GET", path, accept=NATIVE)).json
    assert (listed["state"], "code" in listed) == ("active", False)
    assert {one["id"] for one in listed["devices"]} == {first.id, second.id}
    assert all(len(one["fingerprint"]) == 4 for one in listed["devices"])


async def test_token_of_a_stranger_is_not_found(authority: RunningAuthority) -> None:
    """A user outside of the domain has no token there and gets none."""
    bob = (await authority.call("POST", "/users", {"username": "bob"})).json["id"]
    for method in ("GET", "PUT", "DELETE"):
        assert (await authority.call(method, f"/domains/{{d}}/users/{bob}/token")).code == "notfound.user"
