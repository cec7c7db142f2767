"""The simulator itself: what the documents leave open can be set, and each knob does what it says."""

from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.http import Reply
from tests.simulators.base import Answer
from tests.simulators.direct import DirectTransport
from tests.simulators.threatwinds import ROOT, ThreatWindsSimulator


class Client:
    """A client without a socket."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.simulator = ThreatWindsSimulator(self.clock)
        self.transport = DirectTransport(self.simulator)

    async def call(self, method: str, path: str, body: Any = None, bearer: str = "") -> Reply:
        """Send one request."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        return await self.transport.request(method, ROOT + path, deadline=2000.0, body=body, headers=headers)

    async def create(self, email: str = "alice@example.com") -> Reply:
        """Begin a session."""
        return await self.call("POST", "/session", {"email": email})

    async def verify(self, created: Reply, code: str | None = None) -> Reply:
        """Hand in a code, by default the right one."""
        key = self.simulator.shape.code_key
        typed = self.simulator.mails[-1].code if code is None else code
        return await self.call("PUT", "/session/verification", {key: created.body[key], "code": typed})


async def test_a_code_is_good_once() -> None:
    """A client that hands in the same code twice is refused the second time."""
    client = Client()
    created = await client.create()
    assert (await client.verify(created)).status == 200
    assert (await client.verify(created)).status == 400


async def test_a_code_gets_old() -> None:
    """A client that hands in the code after its time is told that there is none."""
    client = Client()
    client.simulator.shape.code_ttl = 60.0
    created = await client.create()
    await client.clock.advance(60)
    assert (await client.verify(created)).status == 404


async def test_a_session_gets_old() -> None:
    """A client whose session has run out is unknown, until it extends it in time."""
    client = Client()
    client.simulator.shape.session_ttl = 60.0
    first, second = (await client.create()).body, (await client.create()).body
    await client.clock.advance(59)
    assert (await client.call("PUT", "/session/extend", bearer=first["bearer"])).body == {"message": "acknowledged"}
    await client.clock.advance(1)
    assert (await client.call("GET", "/session", bearer=first["bearer"])).status == 200
    assert (await client.call("GET", "/session", bearer=second["bearer"])).status == 401
    assert (await client.call("PUT", "/session/extend", bearer=second["bearer"])).status == 401


@pytest.mark.parametrize(("unknown", "status", "mails"), [("404", 404, 0), ("silent_200", 200, 0)])
async def test_an_unknown_address_may_be_told_or_not(unknown: Any, status: int, mails: int) -> None:
    """A client that names nobody's address learns it, or not; nobody is mailed."""
    client = Client()
    client.simulator.shape.unknown = unknown
    reply = await client.create("nobody@example.com")
    assert (reply.status, len(client.simulator.mails)) == (status, mails)


@pytest.mark.parametrize("expire_at", ["int", "string"])
async def test_a_time_has_the_shape_that_is_set(expire_at: Any) -> None:
    """A client gets the end of a session as a number or as text."""
    client = Client()
    client.simulator.shape.expire_at = expire_at
    value = (await client.create()).body["expireAt"]
    assert value == {"int": 1767229200, "string": "2026-01-01T01:00:00.000000000Z"}[expire_at]


@pytest.mark.parametrize(
    ("errors", "body"),
    [("headers", type(None)), ("text", str), ("body", dict)],
)
async def test_an_error_has_the_shape_that_is_set(errors: Any, body: type) -> None:
    """A client gets an error in headers, as a text or as an object."""
    client = Client()
    client.simulator.shape.errors = errors
    reply = await client.call("GET", "/session")
    assert reply.status == 401
    assert isinstance(reply.body["error"] if reply.body else None, body)
    assert ("x-error" in reply.headers) is (errors == "headers")


async def test_an_unverified_session_may_do_little() -> None:
    """A client with an unverified session sees no list and closes no other session; what else it may do is set."""
    client = Client()
    mine, other = (await client.create()).body, (await client.create()).body
    bearer = mine["bearer"]
    assert (await client.call("GET", "/sessions", bearer=bearer)).status == 401
    assert (await client.call("DELETE", f"/session/{other['sessionID']}", bearer=bearer)).status == 403
    client.simulator.shape.unverified_may_extend = client.simulator.shape.unverified_may_close = False
    assert (await client.call("PUT", "/session/extend", bearer=bearer)).status == 401
    assert (await client.call("DELETE", f"/session/{mine['sessionID']}", bearer=bearer)).status == 403


async def test_nobody_closes_another_persons_session() -> None:
    """A client closes no session of another account, verified or not."""
    client = Client()
    alices = await client.create()
    bobs = await client.create("bob@example.com")
    await client.verify(bobs)
    path = f"/session/{alices.body['sessionID']}"
    assert (await client.call("DELETE", path, bearer=bobs.body["bearer"])).status == 404
    assert len(client.simulator.open_sessions("alice@example.com")) == 1


@pytest.mark.parametrize("body", [None, [], {"email": 5}, {"email": "a@b", "more": "x"}, {"mail": "a@b"}])
async def test_a_body_that_is_none_is_refused(body: Any) -> None:
    """A client that sends anything but the documented keys is refused."""
    client = Client()
    assert (await client.call("POST", "/session", body)).status == 400


async def test_faults_take_the_place_of_answers() -> None:
    """A test makes the simulator misbehave for one request, and then it is itself again."""
    client = Client()
    client.simulator.knobs.faults.append(Answer(502, None))
    assert (await client.create()).status == 502
    assert (await client.create()).status == 200
    assert client.simulator.ledger.counts["creates"] == 1
