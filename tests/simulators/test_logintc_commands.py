"""``pushgate user`` against LoginTC's cloud: what its API has works, what it has not is said in a sentence."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pushgate.cli.user import user
from pushgate.cli.user_codes import bypass, totp
from pushgate.errors import PushgateError
from tests.simulators.base import running
from tests.simulators.logintc import DOMAIN, KEY, LoginTcSimulator
from tests.support.config import PROVIDER, RADIUS, write_config

COMMANDS = {"bypass": bypass, "totp": totp}


class Office:
    """An administrator with a shell, whose configuration names LoginTC's cloud."""

    def __init__(self, simulator: LoginTcSimulator, folder: Path) -> None:
        self.simulator = simulator
        self.path = write_config(folder, PROVIDER, RADIUS, url=simulator.url, api_key=KEY, domain_id=DOMAIN)

    async def run(self, *words: str) -> Result:
        """Run one command, in a thread: it blocks."""
        command, arguments = (COMMANDS[words[0]], words[1:]) if words[0] in COMMANDS else (user, words)
        return await asyncio.to_thread(CliRunner().invoke, command, [*arguments, "--config", str(self.path)])

    async def output(self, *words: str) -> str:
        """Run a command that succeeds; return what it prints."""
        result = await self.run(*words)
        assert result.exit_code == 0, (result.output, result.exception)
        return result.output

    async def refusal(self, *words: str) -> PushgateError:
        """Run a command that fails; return why."""
        result = await self.run(*words)
        assert isinstance(result.exception, PushgateError), result.output
        return result.exception


@pytest.fixture
async def office(private_folder: Path) -> AsyncIterator[Office]:
    """The cloud with alice, who has the app."""
    simulator = LoginTcSimulator()
    simulator.town.add_user("alice", simulator.domain)
    async with running(simulator):
        yield Office(simulator, private_folder)


async def test_a_person_is_added_with_a_code_for_the_app(office: Office) -> None:
    """An administrator who adds bob makes a user, a member and a token, and reads where its code is typed."""
    printed = await office.output("add", "bob", "--name", "Bob", "--email", "bob@example.org")
    bob = office.simulator.town.user_named("bob")
    token = office.simulator.domain.tokens[bob.id]
    assert (bob.name, bob.email, bob.id in office.simulator.domain.members) == ("Bob", "bob@example.org", True)
    assert printed == f"activation code for bob: {token.code}\nit is typed into LoginTC's app\n"
    assert json.loads(await office.output("code", "bob", "--json")) == {
        "username": "bob",
        "code": token.code,
        "expires_in": None,
    }
    assert office.simulator.ledger.counts["tokens"] == 1


async def test_the_state_of_a_token_is_shown(office: Office) -> None:
    """An administrator sees whether a token is active, waits, or is not there, without making one."""
    office.simulator.town.add_user("bob", office.simulator.domain, token=False)
    assert await office.output("code", "alice", "--show") == "alice: an active token, and no code that waits\n"
    assert await office.output("code", "bob", "--show") == "bob: no token, and no code that waits\n"
    code = json.loads(await office.output("code", "bob", "--json"))["code"]
    assert await office.output("code", "bob", "--show") == f"bob: activation code {code} waits\n"
    assert json.loads(await office.output("code", "bob", "--show", "--json")) == {
        "username": "bob",
        "state": "pending",
        "code": code,
    }


async def test_an_active_token_gives_no_further_code(office: Office) -> None:
    """An administrator who wants a second code for alice is told that LoginTC gives one, and how to start anew."""
    refusal = await office.refusal("code", "alice")
    assert "one to each user" in refusal.message
    assert "pushgate user revoke" in refusal.hint
    assert "revoked the token of alice" in await office.output("revoke", "alice", "--yes")
    assert office.simulator.domain.tokens == {}
    assert "activation code for alice: " in await office.output("code", "alice")


async def test_a_token_that_is_not_there_cannot_be_revoked(office: Office) -> None:
    """An administrator who revokes twice is told that there is nothing left."""
    await office.output("revoke", "alice", "--yes")
    assert (await office.refusal("revoke", "alice", "--yes")).message == "this user has no token in this domain"


async def test_members_of_the_domain_are_listed_page_by_page(office: Office) -> None:
    """An administrator sees every member once, and nobody of other domains."""
    office.simulator.town.rules.page_size = 2
    for name in ("bob", "carol", "dave"):
        office.simulator.town.add_user(name, office.simulator.domain)
    office.simulator.town.add_user("stranger")
    listed = json.loads(await office.output("list", "--json"))
    assert [person["username"] for person in listed] == ["alice", "bob", "carol", "dave"]
    assert "carol" in await office.output("list")


async def test_a_person_is_removed_from_the_domain_alone(office: Office) -> None:
    """An administrator who removes alice from the gate does not delete her from the whole of LoginTC."""
    printed = await office.output("remove", "alice", "--yes")
    assert printed == "removed alice from this domain; LoginTC's panel removes the user altogether\n"
    assert (office.simulator.domain.members, office.simulator.domain.tokens) == (set(), {})
    assert office.simulator.town.user_named("alice").username == "alice"


async def test_bypass_codes_are_made_listed_and_revoked(office: Office) -> None:
    """An administrator makes a code for a lost phone, sees it in the list, and makes it worthless."""
    made = json.loads(await office.output("bypass", "alice", "--uses", "3", "--minutes", "0", "--json"))
    assert (len(made["code"]), made["uses"], made["of"], made["expires"]) == (9, 3, 3, None)
    [listed] = json.loads(await office.output("bypass", "alice", "--list", "--json"))
    assert "code" not in listed
    assert listed["id"] == made["id"]
    await office.output("bypass", "alice", "--revoke", "all")
    assert office.simulator.town.bypass_codes == {}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("devices", "alice"), "LoginTC's cloud lists no devices"),
        (("totp", "alice"), "LoginTC's cloud makes no seeds"),
        (("totp", "alice", "--confirm", "123456"), "LoginTC's cloud makes no seeds"),
        (("totp", "alice", "--remove"), "LoginTC's cloud makes no seeds"),
        (("code", "nobody"), "no user 'nobody'"),
    ],
)
async def test_what_the_cloud_has_not_is_said(office: Office, words: tuple[str, ...], problem: str) -> None:
    """An administrator who asks for what the cloud does not have reads one sentence, and what to do in its place."""
    refusal = await office.refusal(*words)
    assert refusal.message == problem
    assert refusal.hint


@pytest.mark.parametrize("name", ["DOMAIN\\bob", "a/b?c&d%e", "bób"])
async def test_a_person_of_any_name_is_found(office: Office, name: str) -> None:
    """An administrator finds a user whose name holds what means something in addresses."""
    office.simulator.town.add_user(name, office.simulator.domain)
    assert "active token" in await office.output("code", name, "--show")


async def test_a_reply_about_somebody_else_is_nobody(office: Office) -> None:
    """An administrator who looks for alice does not change another user whom the server returns in her place."""
    office.simulator.knobs.only = lambda request: request.path == "/api/users"
    for body in ({"id": "f" * 40, "username": "Alice"}, [{"id": "f" * 40, "username": "alice"}]):
        office.simulator.knobs.status_next(200, body)
        assert (await office.refusal("revoke", "alice", "--yes")).message == "no user 'alice'"


async def test_a_wrong_key_and_a_server_that_is_away_are_said(office: Office) -> None:
    """An administrator with a wrong key or without a network reads what to look at, and never the key."""
    office.simulator.key = "other"
    refused = await office.refusal("list")
    assert (refused.message, refused.hint) == (
        "the provider refused: HTTP 401 unauthorized",
        "check api_key_file",
    )
    office.simulator.knobs.drop_next(9)
    away = await office.refusal("list")
    assert "cannot be reached" in away.message
    assert KEY not in str((refused, away))


async def test_the_cloud_never_hears_our_own_media_type(office: Office) -> None:
    """A server that knows v1 alone is spoken to in v1 alone, by every command."""
    for words in (("add", "bob"), ("list",), ("revoke", "bob", "--yes"), ("remove", "bob", "--yes")):
        await office.output(*words)
    accepts = {request.headers["Accept"] for request in office.simulator.ledger.requests}
    assert accepts == {"application/vnd.logintc.v1+json"}
