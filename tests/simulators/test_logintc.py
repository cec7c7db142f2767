"""The simulator of LoginTC keeps to what its documents say, and to what its rules say where they say nothing."""

from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
import pytest

from tests.simulators.base import running
from tests.simulators.logintc import DOMAIN, KEY, LoginTcSimulator
from tests.support.authority import Reply, fetch
from tests.support.skipping import SkippingClock

SESSIONS = f"/api/domains/{DOMAIN}/sessions"
BY_NAME = b'{"user":{"username":"alice"}}'
C_AGENT = {"User-Agent": "LoginTC-C/1.1.0"}


class Desk:
    """The simulator, and somebody who sends it requests as they are."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http, self.clock = http, SkippingClock()
        self.simulator = LoginTcSimulator(self.clock)
        self.alice = self.simulator.town.add_user("alice", self.simulator.domain)

    async def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] = MappingProxyType({})
    ) -> Reply:
        """Send a request with the right key."""
        all_headers = {"Authorization": f'LoginTC key="{KEY}"', **headers}
        return await fetch(self.http, method, self.simulator.url + path, body, all_headers)

    async def create(self, body: bytes = BY_NAME) -> str:
        """Create a session; return its id."""
        reply = await self.send("POST", SESSIONS, body)
        assert reply.status == 200, reply
        return str(reply.json["id"])

    async def read(self, session: str) -> Any:
        """Return a session's state, or the status of an error."""
        reply = await self.send("GET", f"{SESSIONS}/{session}")
        return reply.json["state"] if reply.status == 200 else reply.status


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A running simulator with alice."""
    async with aiohttp.ClientSession() as http:
        desk = Desk(http)
        async with running(desk.simulator):
            yield desk


@pytest.mark.parametrize(
    ("rule", "reads"), [("stay_pending", "pending"), ("denied", "denied"), ("404", 404), ("410", 410)]
)
async def test_an_expired_session_reads_as_the_rule_says(desk: Desk, rule: Any, reads: Any) -> None:
    """A session that nobody answered in time reads in each of the four ways, and can be answered no more."""
    desk.simulator.town.rules.after_expiry = rule
    desk.simulator.town.rules.request_timeout = 45
    session = await desk.create()
    await desk.clock.sleep(44)
    assert await desk.read(session) == "pending"
    await desk.clock.sleep(1)
    assert await desk.read(session) == reads
    assert not desk.simulator.town.answer(session, "approved")
    assert await desk.read(session) == reads


@pytest.mark.parametrize(("rule", "status"), [("denied", 200), ("400", 400), ("404", 404)])
async def test_five_wrong_codes_revoke_the_token(desk: Desk, rule: Any, status: int) -> None:
    """A wrong code is answered in each of the three ways, and the fifth one takes the token away."""
    desk.simulator.town.rules.wrong_code = rule
    wrong = b'{"user":{"username":"alice"},"otp":"999999"}'
    for number in range(1, 6):
        reply = await desk.send("POST", SESSIONS, wrong)
        assert reply.status == status
        assert (desk.alice.id in desk.simulator.domain.tokens) == (number < 5)
    gone = await desk.send("POST", SESSIONS, BY_NAME)
    assert (gone.status, gone.code) == (404, "notfound.token")


async def test_a_right_code_forgives_the_wrong_ones(desk: Desk) -> None:
    """Wrong codes count only in a row."""
    for code in ("999999", "012345", "999999", "999999", "999999", "999999"):
        await desk.create(b'{"user":{"username":"alice"},"otp":"%s"}' % code.encode())
    assert desk.alice.id in desk.simulator.domain.tokens


async def test_bodies_are_written_in_three_shapes(desk: Desk) -> None:
    """The same reply comes without a blank, with those of most libraries, and as the documents print it."""
    desk.simulator.town.rules.request_timeout = 90
    bodies = {}
    for shape in ("compact", "spaced", "docs"):
        desk.simulator.shape = shape
        bodies[shape] = (await desk.send("GET", "/api/organization")).body
    assert bodies == {
        "compact": b'{"name":"Example Org"}',
        "spaced": b'{"name": "Example Org"}\n',
        "docs": b'{\n    "name" : "Example Org"\n}\n',
    }


async def test_logintc_c_can_cut_its_bodies(desk: Desk) -> None:
    """In C mode a session is the very bytes whose positions 7 to 46 are the id and 58 to the last but one the state."""
    desk.simulator.c_mode, desk.simulator.shape = True, "docs"
    desk.simulator.town.rules.created_status = 202
    created = await desk.send("POST", SESSIONS, BY_NAME, headers=C_AGENT)
    session = created.body[7:47].decode()
    assert (created.status, created.body[58:-2]) == (200, b"pending")
    desk.simulator.town.answer(session, "approved")
    read = await desk.send("GET", f"{SESSIONS}/{session}", headers=C_AGENT)
    assert (read.body[7:47].decode(), read.body[58:-2]) == (session, b"approved")


async def test_logintc_c_is_not_brought_down(desk: Desk) -> None:
    """In C mode an unknown session is denied to logintc-c, and its percents in names are read; to nobody else."""
    desk.simulator.c_mode = True
    desk.simulator.town.add_user("a@b", desk.simulator.domain)
    unknown = f"{SESSIONS}/{'0' * 40}"
    told = await desk.send("GET", unknown, headers=C_AGENT)
    assert (told.status, told.json["state"]) == (200, "denied")
    assert (await desk.send("GET", unknown)).status == 404
    for headers, status in ((C_AGENT, 200), ({}, 404)):
        assert (await desk.send("POST", SESSIONS, b'{"user":{"username":"a%40b"}}', headers=headers)).status == status


async def test_an_email_brings_a_code_for_a_while(desk: Desk) -> None:
    """A code that was sent opens once, within its time."""
    path = f"/api/domains/{DOMAIN}/users/{desk.alice.id}/otp"
    for waits, opens in ((0, "approved"), (121, "denied")):
        assert (await desk.send("POST", path, b'{"deliverableOTPType":"EMAIL"}')).status == 200
        code = desk.alice.mailed[-1][0]
        await desk.clock.sleep(waits)
        body = b'{"user":{"id":"%s"},"otp":"%s"}' % (desk.alice.id.encode(), code.encode())
        assert [await desk.read(await desk.create(body)) for _ in range(2)] == [opens, "denied"]
    assert desk.simulator.ledger.counts["mails"] == 2
    desk.simulator.town.rules.email_otp = False
    assert (await desk.send("POST", path, b'{"deliverableOTPType":"EMAIL"}')).status == 400
    assert (await desk.send("POST", path, b'{"deliverableOTPType":"SMS"}')).status == 400


async def test_the_same_path_has_two_types(desk: Desk) -> None:
    """The users of an organization are one object by name, and an array by page."""
    for number in range(3):
        desk.simulator.town.add_user(f"user{number}")
    desk.simulator.town.rules.page_size = 3
    assert (await desk.send("GET", "/api/users?username=user1")).json["username"] == "user1"
    sizes = [len((await desk.send("GET", f"/api/users?page={page}")).json) for page in (1, 2, 3)]
    assert sizes == [3, 1, 0]
    assert (await desk.send("GET", "/api/users?page=0")).status == 400


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/api/ping", {"Authorization": 'LoginTC key="x"'}, 401),
        ("GET", "/api/ping", {"Accept": "application/vnd.pushgate.v1+json"}, 406),
        ("PATCH", "/api/users", {}, 405),
        ("PUT", SESSIONS, {}, 405),
        ("GET", "/api/devices", {}, 404),
        ("DELETE", f"{SESSIONS}/{'0' * 40}", {}, 404),
        ("GET", f"/api/domains/{'0' * 40}", {}, 404),
    ],
)
async def test_what_is_not_served_is_refused_in_the_documented_form(
    desk: Desk, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """A refusal holds one error with code and message, as the official client needs it."""
    reply = await desk.send(method, path, headers=headers)
    assert reply.status == status
    [error] = reply.json["errors"]
    assert set(error) == {"code", "message"}


async def test_a_sixth_bypass_code_is_refused(desk: Desk) -> None:
    """A person has five bypass codes at most; one that has expired or was used up opens nothing."""
    path = f"/api/users/{desk.alice.id}/bypasscodes"
    made = [await desk.send("POST", path, b'{"usesAllowed":1,"expirationTime":1}') for _ in range(6)]
    assert [reply.status for reply in made] == [200] * 5 + [400]
    first, second = (reply.json["code"].encode() for reply in made[:2])
    body = b'{"user":{"username":"alice"},"bypasscode":"%s"}'
    assert [await desk.read(await desk.create(body % first)) for _ in range(2)] == ["approved", "denied"]
    await desk.clock.sleep(60)
    assert await desk.read(await desk.create(body % second)) == "denied"


async def test_the_ledger_counts_what_was_done(desk: Desk) -> None:
    """Pushes, codes, polls, cancels, mails and tokens are counted once they have happened, and not before."""
    session = await desk.create()
    await desk.create(b'{"user":{"username":"alice"},"otp":"012345"}')
    await desk.read(session)
    for _ in range(2):
        await desk.send("DELETE", f"{SESSIONS}/{session}")
    bob = desk.simulator.town.add_user("bob", desk.simulator.domain, token=False)
    for _ in range(2):
        await desk.send("PUT", f"/api/domains/{DOMAIN}/users/{bob.id}/token")
    await desk.send("POST", SESSIONS, b'{"user":{"username":"bob"}}')
    assert dict(desk.simulator.ledger.counts) == {
        "creates": 2,
        "pushes": 1,
        "submits": 1,
        "polls": 1,
        "cancels": 1,
        "tokens": 1,
    }
