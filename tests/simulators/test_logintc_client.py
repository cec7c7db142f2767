"""LoginTC's official client, a witness: each of its operations against the simulator, and against our authority."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import logintc
import pytest

from tests.simulators.base import running
from tests.simulators.logintc import DOMAIN, KEY, LoginTcSimulator
from tests.support.authority import running_authority

USER_KEYS = {"id", "username", "email", "name", "domains", "hardware"}
SEED = {"serialNumber": "1000000", "type": "TOTP6", "timeStep": "30", "seed": "00" * 20}


@dataclass
class Witness:
    """The official client at one server; alice has something that can be asked."""

    url: str
    key: str
    domain: str
    alice: str
    cloud: bool

    async def __call__(self, work: Callable[[Any], Any]) -> Any:
        """Run work with the client, which blocks, in a thread."""

        def run() -> Any:
            client = logintc.LoginTC(self.key, host=urlsplit(self.url).netloc, secure=False)
            try:
                return work(client)
            finally:
                for connection in client.http.connections.values():
                    connection.close()

        return await asyncio.to_thread(run)


@pytest.fixture(params=["simulator", "authority"])
async def witness(request: pytest.FixtureRequest, private_folder: Path) -> AsyncIterator[Witness]:
    """The client at one of the two."""
    async with {"simulator": simulator, "authority": authority}[request.param](private_folder) as witness:
        yield witness


@asynccontextmanager
async def simulator(_folder: Path) -> AsyncIterator[Witness]:
    """The client at the simulator."""
    it = LoginTcSimulator()
    alice = it.town.add_user("alice", it.domain)
    async with running(it):
        yield Witness(it.url, KEY, DOMAIN, alice.id, cloud=True)


@asynccontextmanager
async def authority(folder: Path) -> AsyncIterator[Witness]:
    """The client at our own authority."""
    async with running_authority(folder) as it:
        await it.enrol("alice")
        alice = await it.user_id("alice")
        yield Witness(it.api_url.removesuffix("/api"), it.api_key, it.domain_id, alice, cloud=False)


async def test_it_reads_the_organization(witness: Witness) -> None:
    """Ping, organization, domain and image are as the client expects them."""
    assert (await witness(lambda client: client.get_ping()))["status"] == "OK"
    assert set(await witness(lambda client: client.get_organization())) == {"name"}
    domain = await witness(lambda client: client.get_domain(witness.domain))
    assert (domain["id"], domain["type"], domain["keyType"]) == (witness.domain, "RADIUS", "PIN")
    assert len(domain) == 9
    image = await witness(lambda client: client.get_domain_image(witness.domain))
    assert image.startswith(b"\x89PNG")


async def test_it_keeps_users(witness: Witness) -> None:
    """A user is made, read by id, by name and in a list, changed and deleted."""
    made = await witness(lambda client: client.create_user("jane.doe", "jane@example.org", "Jane Doe"))
    assert set(made) >= USER_KEYS
    assert await witness(lambda client: client.get_user(made["id"])) == made
    assert await witness(lambda client: client.get_user_by_username("jane.doe")) == made
    assert made in await witness(lambda client: client.get_users())
    assert await witness(lambda client: client.get_users(2)) == []
    await witness(lambda client: client.update_user(made["id"], "jd@example.org", "Jane D."))
    changed = await witness(lambda client: client.get_user(made["id"]))
    assert (changed["email"], changed["name"], changed["username"]) == ("jd@example.org", "Jane D.", "jane.doe")
    await witness(lambda client: client.delete_user(made["id"]))
    with pytest.raises(logintc.APIException) as refusal:
        await witness(lambda client: client.get_user(made["id"]))
    assert refusal.value.code == "api.error.notfound.user"


async def test_it_keeps_the_members_of_a_domain(witness: Witness) -> None:
    """A user joins a domain, is read there alone and in the list, leaves it, and the whole list is exchanged."""
    domain = witness.domain
    bob = (await witness(lambda client: client.create_user("bob", "bob@example.org", "Bob")))["id"]
    await witness(lambda client: client.add_domain_user(domain, bob))
    member = await witness(lambda client: client.get_domain_user(domain, bob))
    assert (member["username"], member["domains"]) == ("bob", [domain])
    assert {user["username"] for user in await witness(lambda client: client.get_domain_users(domain))} == {
        "alice",
        "bob",
    }
    await witness(lambda client: client.remove_domain_user(domain, bob))
    with pytest.raises(logintc.APIException):
        await witness(lambda client: client.get_domain_user(domain, bob))
    users = [{"username": name, "email": f"{name}@example.org", "name": name} for name in ("alice", "carol")]
    await witness(lambda client: client.set_domain_users(domain, users))
    assert {user["username"] for user in await witness(lambda client: client.get_domain_users(domain))} == {
        "alice",
        "carol",
    }


async def test_it_follows_a_token(witness: Witness) -> None:
    """There is none, one waits with its code, the same is there again, and it is revoked."""
    domain = witness.domain
    bob = (await witness(lambda client: client.create_user("bob", "", "")))["id"]
    await witness(lambda client: client.add_domain_user(domain, bob))
    await witness(lambda client: client.create_user_token(domain, bob))
    await witness(lambda client: client.delete_user_token(domain, bob))
    with pytest.raises(logintc.NoTokenException):
        await witness(lambda client: client.get_user_token(domain, bob))
    made = await witness(lambda client: client.create_user_token(domain, bob))
    assert (made["state"], len(made["code"])) == ("pending", 10)
    assert await witness(lambda client: client.create_user_token(domain, bob)) == made
    assert await witness(lambda client: client.get_user_token(domain, bob)) == made
    assert await witness(lambda client: client.get_user_token(domain, witness.alice)) == {"state": "active"}


async def test_it_asks_and_withdraws(witness: Witness) -> None:
    """A session is created by id and by name, with attributes and an address, is read, and is taken back."""
    domain, attributes = witness.domain, [{"key": "IP Address", "value": "203.0.113.7"}]
    by_id = await witness(lambda client: client.create_session(domain, witness.alice))
    by_name = await witness(
        lambda client: client.create_session(domain, username="alice", attributes=attributes, ip_address="203.0.113.7")
    )
    for session in (by_id, by_name):
        assert (set(session), session["state"]) == ({"id", "state"}, "pending")
        read = await witness(lambda client, session=session: client.get_session(domain, session["id"]))
        assert read == session
        await witness(lambda client, session=session: client.delete_session(domain, session["id"]))
    assert by_id["id"] != by_name["id"]


@pytest.mark.parametrize("code", [{"otp": "999999"}, {"bypass_code": "999999999"}])
async def test_it_is_denied_for_a_wrong_code(witness: Witness, code: dict[str, str]) -> None:
    """A wrong code is answered at once."""
    created = await witness(lambda client: client.create_session(witness.domain, witness.alice, **code))
    assert created["state"] == "denied"


async def test_it_keeps_bypass_codes(witness: Witness) -> None:
    """Codes are made, open once, are read alone and in a list, and are revoked alone and all at once."""
    user = witness.alice
    first, second, third = [
        await witness(lambda client: client.create_bypass_code(user, uses_allowed=2, expiration_time=60))
        for _ in range(3)
    ]
    assert (len(first["code"]), first["user"], first["usesAllowed"], first["usesRemaining"]) == (9, user, 2, 2)
    assert first["dtExpiry"].endswith("+0000")
    opened = await witness(
        lambda client: client.create_session(witness.domain, username="alice", bypass_code=first["code"])
    )
    assert opened["state"] == "approved"
    read = await witness(lambda client: client.get_bypass_code(first["id"]))
    assert (read["id"], read["usesRemaining"]) == (first["id"], 1)
    await witness(lambda client: client.delete_bypass_code(second["id"]))
    listed = await witness(lambda client: client.get_bypass_codes(user))
    assert {code["id"] for code in listed} == {first["id"], third["id"]}
    await witness(lambda client: client.delete_bypass_codes(user))
    assert await witness(lambda client: client.get_bypass_codes(user)) == []


async def test_it_keeps_hardware_tokens_in_the_cloud(witness: Witness) -> None:
    """LoginTC keeps hardware tokens; our authority has no such call, and says so in a form that the client reads."""
    if not witness.cloud:
        with pytest.raises(logintc.APIException) as refusal:
            await witness(lambda client: client.get_hardware_tokens())
        assert refusal.value.code.startswith("api.error.notfound")
        return
    made = await witness(lambda client: client.create_hardware_token("spare", **SEED))
    assert (made["timeStep"], made["syncState"], made["user"], "seed" in made) == ("30s", "Never Used", "", False)
    assert await witness(lambda client: client.get_hardware_token(made["id"])) == made
    assert await witness(lambda client: client.get_hardware_tokens()) == [made]
    renamed = await witness(lambda client: client.update_hardware_token(made["id"], "front desk"))
    assert renamed["alias"] == "front desk"
    await witness(lambda client: client.associate_hardware_token(witness.alice, made["id"]))
    given = await witness(lambda client: client.get_user_hardware_token(witness.alice))
    assert (given["id"], given["user"]) == (made["id"], witness.alice)
    await witness(lambda client: client.disassociate_hardware_token(witness.alice))
    await witness(lambda client: client.delete_hardware_token(made["id"]))
    assert await witness(lambda client: client.get_hardware_tokens()) == []


async def test_it_reads_refusals(witness: Witness) -> None:
    """A missing token, an unknown user, session and domain, and a wrong key are the client's own exceptions."""
    bob = (await witness(lambda client: client.create_user("bob", "", "")))["id"]
    await witness(lambda client: client.add_domain_user(witness.domain, bob))
    if witness.cloud:
        await witness(lambda client: client.create_user_token(witness.domain, bob))
    with pytest.raises(logintc.NoTokenException):
        await witness(lambda client: client.create_session(witness.domain, username="bob"))
    for work, code in (
        (lambda client: client.create_session(witness.domain, username="nobody"), "notfound.user"),
        (lambda client: client.get_session(witness.domain, "0" * 40), "notfound.session"),
        (lambda client: client.get_domain("0" * 40), "notfound.domain"),
    ):
        with pytest.raises(logintc.APIException) as refusal:
            await witness(work)
        assert refusal.value.code == f"api.error.{code}"
    witness.key = "w" * 64
    with pytest.raises(logintc.APIException) as refusal:
        await witness(lambda client: client.get_ping())
    assert refusal.value.code == "api.error.unauthorized"


def test_each_operation_of_it_was_driven() -> None:
    """No operation of the client is left out of this file."""
    operations = {name for name in vars(logintc.LoginTC) if not name.startswith("_") and name.islower()}
    source = Path(__file__).read_text()
    assert [name for name in sorted(operations) if f"client.{name}(" not in source] == []
    assert len(operations) >= 21
