"""Every documented example of LoginTC's sessions and tokens, sent as curl sends it, to the simulator and to ours."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.simulators.base import running
from tests.simulators.logintc import KEY, LoginTcSimulator
from tests.simulators.logintc_documents import (
    BY_EMAIL,
    DOCUMENTED_CODE,
    DOCUMENTED_DOMAIN,
    DOCUMENTED_NAME,
    DOCUMENTED_SESSION,
    DOCUMENTED_USER,
    EXAMPLES,
    INVALID,
    Example,
    put_in,
)
from tests.support.authority import Reply, fetch, running_authority


class Place:
    """A server with john.doe, and what stands for the documented ids there."""

    def __init__(self, http: aiohttp.ClientSession, url: str, key: str, ids: dict[str, str]) -> None:
        self.http, self.url = http, url
        self.ids = {"YOUR_API_KEY": key, **ids}

    async def send(self, example: Example) -> Reply:
        """Send an example as it stands there, but for ids and key."""
        headers = {name: put_in(value, self.ids) for name, value in example.headers.items()}
        body = None if example.body is None else put_in(example.body, self.ids).encode()
        return await fetch(self.http, example.method, self.url + put_in(example.path, self.ids), body, headers)

    async def prepare(self, needs: str) -> None:
        """Bring about what an example takes for granted."""
        by_title = {example.title: example for example in EXAMPLES}
        if needs == "session":
            created = await self.send(by_title["create a session, using the user name"])
            self.ids[DOCUMENTED_SESSION] = created.json["id"]
        if needs in ("token", "no token"):
            await self.send(by_title["revoke a token"])
        if needs == "token":
            self.ids[DOCUMENTED_CODE] = (await self.send(by_title["create a token"])).json["code"]


@pytest.fixture(params=["simulator", "authority"])
async def place(request: pytest.FixtureRequest, private_folder: Path) -> AsyncIterator[Place]:
    """One of the two servers; john.doe can be asked there."""
    async with {"simulator": simulator, "authority": authority}[request.param](private_folder) as place:
        yield place


@asynccontextmanager
async def simulator(_folder: Path) -> AsyncIterator[Place]:
    """The simulator, with the documented ids."""
    it = LoginTcSimulator()
    it.shape = "docs"
    it.town.add_user(DOCUMENTED_NAME, it.domain, DOCUMENTED_USER)
    async with running(it), aiohttp.ClientSession() as http:
        yield Place(http, it.url, KEY, {})


@asynccontextmanager
async def authority(folder: Path) -> AsyncIterator[Place]:
    """Our own authority, with ids of its own."""
    async with running_authority(folder) as it:
        await it.enrol(DOCUMENTED_NAME)
        ids = {DOCUMENTED_DOMAIN: it.domain_id, DOCUMENTED_USER: await it.user_id(DOCUMENTED_NAME)}
        yield Place(it.http, it.api_url.removesuffix("/api"), it.api_key, ids)


def normal(reply: bytes) -> Any:
    """Read a reply, with the documented id and code in place of real ones of the same form."""
    if not reply:
        return None
    value = json.loads(reply)
    if "id" in value:
        assert len(value["id"]) == 40
        assert set(value["id"]) <= set("0123456789abcdef")
        value["id"] = DOCUMENTED_SESSION
    if "code" in value:
        assert len(value["code"]) == 10
        value["code"] = DOCUMENTED_CODE
    return value


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
async def test_a_documented_call_has_its_documented_reply(place: Place, example: Example) -> None:
    """An integrator who copies an example out of LoginTC's documents gets the reply that stands below it."""
    await place.prepare(example.needs)
    reply = await place.send(example)
    assert (reply.status, normal(reply.body)) == (200, normal(example.reply.encode()))


async def test_the_documented_call_with_a_code_is_no_json(place: Place) -> None:
    """An integrator who copies the example with the bracket too many is told that it is no JSON, and asks nobody."""
    with pytest.raises(json.JSONDecodeError):
        json.loads(INVALID.body or "")
    reply = await place.send(INVALID)
    assert (reply.status, len(reply.json["errors"])) == (400, 1)


async def test_the_documented_call_with_a_code_is_answered_once_it_is_json(place: Place) -> None:
    """The same call without that bracket is answered at once: approved for a right code, denied for a wrong one."""
    body = (INVALID.body or "").replace("]}", "}")
    mended = Example(INVALID.title, INVALID.method, INVALID.path, body, INVALID.reply)
    reply = normal((await place.send(mended)).body)
    assert reply == {"id": DOCUMENTED_SESSION, "state": "denied"}
    right = await right_code(place)
    reply = normal((await place.send(Example("", "POST", INVALID.path, with_code(body, right), ""))).body)
    assert reply == normal(INVALID.reply.encode())


def with_code(body: str, code: str) -> str:
    """Put another code into the body; nine digits are a bypass code."""
    return body.replace('"otp" : "123456"', f'"{"bypasscode" if len(code) == 9 else "otp"}" : "{code}"')


async def right_code(place: Place) -> str:
    """Make a bypass code, which is right at once at both servers."""
    path = f"/api/users/{DOCUMENTED_USER}/bypasscodes"
    made = await place.send(Example("", "POST", path, '{"usesAllowed":1,"expirationTime":0}', ""))
    assert made.status == 200
    return str(made.json["code"])


async def test_the_documented_call_for_an_email_is_the_clouds(place: Place, request: pytest.FixtureRequest) -> None:
    """LoginTC sends the mail, and shows no reply; our authority sends no mails, and says that the call is not there."""
    reply = await place.send(BY_EMAIL)
    cloud = "simulator" in request.node.name
    assert reply.status == (200 if cloud else 404)
    assert bool(reply.body) is not cloud
