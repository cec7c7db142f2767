"""Every literal request and reply of ThreatWinds' page "Sessions", as data, put to the simulator byte for byte.

The page shows six calls as curl commands with their replies, a table of error headers and one of status codes.
"""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from pushgate.clock import FakeClock
from pushgate.http import Reply
from pushgate.providers.threatwinds_server import ROOT, session_path
from pushgate.providers.threatwinds_wire import (
    Listed,
    Session,
    create_body,
    is_acknowledged,
    read_session,
    read_sessions,
    read_verified,
    verification_body,
)
from tests.simulators.base import running
from tests.simulators.threatwinds import Account, SimSession, ThreatWindsSimulator

ID = "5f35d2c4-5633-4b16-bbf0-5ca22ef8ea2e"
OTHER_ID = "6a2b4c5d-6e7f-8g9h-0i1j-2k3l4m5n6o7p"
BEARER = "fq6JoEFTsxiXAl1cVdPDnK4emIQCwaUBfq6JoEFTsxiXAl1cVxPDnK4emIQCwaUB"
ENDS = 1674492894
LINUX = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/51.0.2704.103 Safari/537.36"
MAC = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/91.0.4472.114 Safari/537.36"
)
ACCEPT = {"accept": "application/json"}
TYPED = ACCEPT | {"Content-Type": "application/json"}
BORNE = ACCEPT | {"Authorization": f"Bearer {BEARER}"}


@dataclass(frozen=True)
class Example:
    """One call of the page: curl's words, and the reply below them."""

    name: str
    method: str
    url: str
    headers: dict[str, str]
    reply: Any
    data: str | None = None
    verified: bool = field(default=True)
    """Whether the code was handed in before."""


CREATE = Example(
    "create",
    "POST",
    "https://intelligence.threatwinds.com/api/auth/v2/session",
    TYPED,
    {
        "bearer": BEARER,
        "sessionID": ID,
        "expireAt": ENDS,
        "ip": "1.1.1.1",
        "userAgent": LINUX,
        "verificationCodeID": ID,
    },
    '{\n"email": "john@doe.net"\n}',
)
CHECK = Example(
    "check",
    "GET",
    "https://intelligence.threatwinds.com/api/auth/v2/session",
    BORNE,
    {
        "sessionID": ID,
        "userID": ID,
        "alias": "johny",
        "fullName": "John Doe",
        "expireAt": ENDS,
        "ip": "1.1.1.1",
        "userAgent": LINUX,
        "verified": True,
        "roles": ["user", "admin"],
        "groups": ["public"],
    },
)
CLOSE = Example(
    "close",
    "DELETE",
    f"https://intelligence.threatwinds.com/api/auth/v2/session/{ID}",
    BORNE,
    {"message": "acknowledged"},
)
EXTEND = Example(
    "extend",
    "PUT",
    "https://intelligence.threatwinds.com/api/auth/v2/session/extend",
    BORNE,
    {"message": "acknowledged"},
)
VERIFY = Example(
    "verify",
    "PUT",
    "https://intelligence.threatwinds.com/api/auth/v2/session/verification",
    TYPED,
    {"message": "acknowledged"},
    f'{{\n"verificationCodeID": "{ID}",\n"code": "654321"\n}}',
    verified=False,
)
SESSIONS = Example(
    "sessions",
    "GET",
    "https://intelligence.threatwinds.com/api/auth/v2/sessions",
    BORNE,
    {
        "sessions": [
            {"sessionID": ID, "ip": "1.1.1.1", "userAgent": LINUX, "expireAt": ENDS, "current": True},
            {"sessionID": OTHER_ID, "ip": "2.2.2.2", "userAgent": MAC, "expireAt": ENDS, "current": False},
        ]
    },
)
EXAMPLES = [CREATE, CHECK, CLOSE, EXTEND, VERIFY, SESSIONS]


def documented() -> ThreatWindsSimulator:
    """Make a simulator that gives away the page's names, at a time at which they are still good."""
    clock = FakeClock()
    simulator = ThreatWindsSimulator(clock)
    ends = datetime.fromtimestamp(ENDS, UTC)
    clock.wall_start = ends - timedelta(seconds=simulator.shape.session_ttl + clock.now())
    simulator.accounts = {"john@doe.net": Account("john@doe.net", ID)}
    simulator.make_id, simulator.make_bearer, simulator.make_code = lambda: ID, lambda: BEARER, lambda: "654321"
    simulator.ip_of = lambda _: "1.1.1.1"
    return simulator


def begun(simulator: ThreatWindsSimulator, *, verified: bool) -> None:
    """Put the two sessions of the page there."""
    ends = datetime.fromtimestamp(ENDS, UTC)
    for session_id, bearer, address, agent in ((ID, BEARER, "1.1.1.1", LINUX), (OTHER_ID, "x" * 64, "2.2.2.2", MAC)):
        code = ("654321", ends) if session_id == ID else ("", ends)
        session = SimSession(session_id, bearer, "john@doe.net", address, agent, ends, session_id, *code)
        session.verified = verified
        simulator.sessions[session_id] = session


@pytest.fixture
async def simulator() -> AsyncIterator[ThreatWindsSimulator]:
    """The simulator of the page."""
    made = documented()
    async with running(made):
        yield made


async def send(simulator: ThreatWindsSimulator, example: Example, **changes: Any) -> tuple[int, Any, dict[str, str]]:
    """Send an example as curl does, by the user agent of the page; returns status, reply and headers."""
    url = example.url.replace("https://intelligence.threatwinds.com", simulator.url)
    headers = {"User-Agent": LINUX, **example.headers, **changes.pop("headers", {})}
    data = changes.pop("data", example.data)
    async with (
        aiohttp.ClientSession() as client,
        client.request(example.method, url, headers=headers, data=data) as got,
    ):
        text = await got.text()
        return (
            got.status,
            json.loads(text) if text else None,
            {key.lower(): value for key, value in got.headers.items()},
        )


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
async def test_each_request_gets_the_reply_of_the_page(simulator: ThreatWindsSimulator, example: Example) -> None:
    """A client that sends a request of the page gets exactly the reply below it, in content and order of keys."""
    if example is not CREATE:
        begun(simulator, verified=example.verified)
    status, reply, _ = await send(simulator, example)
    assert status == 200
    assert json.dumps(reply) == json.dumps(example.reply)


async def test_a_created_session_is_verified_by_the_mailed_code(simulator: ThreatWindsSimulator) -> None:
    """A session "is not fully active until it is verified with the verification code sent to your email"."""
    await send(simulator, CREATE)
    assert [(mail.address, mail.code) for mail in simulator.mails] == [("john@doe.net", "654321")]
    _, before, _ = await send(simulator, CHECK)
    assert before["verified"] is False
    await send(simulator, VERIFY)
    _, after, _ = await send(simulator, CHECK)
    assert after == CHECK.reply


@pytest.mark.parametrize(
    ("status", "example", "changes"),
    [
        (400, CREATE, {"data": "{"}),
        (400, CREATE, {"data": "{}"}),
        (400, CREATE, {"data": '{"email": 5}'}),
        (400, VERIFY, {"data": f'{{"verificationCodeID": "{ID}"}}'}),
        (401, CHECK, {"headers": {"Authorization": ""}}),
        (401, SESSIONS, {"headers": {"Authorization": "Bearer another"}}),
        (401, EXTEND, {"headers": {"Authorization": BEARER}}),
        (401, CLOSE, {"headers": {"Authorization": "Bearer another"}}),
        (404, CREATE, {"data": '{"email": "nobody@doe.net"}'}),
        (404, VERIFY, {"data": '{"verificationCodeID": "another", "code": "654321"}'}),
    ],
)
async def test_each_error_has_the_documented_headers(
    simulator: ThreatWindsSimulator, status: int, example: Example, changes: dict[str, Any]
) -> None:
    """A client that makes a mistake gets a status of the page's table, with ``x-error`` and ``x-error-id``."""
    begun(simulator, verified=True)
    got, _, headers = await send(simulator, example, **changes)
    assert got == status
    assert headers["x-error"]
    assert len(headers["x-error-id"]) == 36


async def test_a_path_that_is_none_is_not_found(simulator: ThreatWindsSimulator) -> None:
    """A client that calls what the page does not have gets 404."""
    url = f"{simulator.url}/api/auth/v1/session"
    async with aiohttp.ClientSession() as client, client.get(url) as got:
        assert got.status == 404


def test_the_provider_reads_every_reply_of_the_page() -> None:
    """Pushgate understands each reply of the page as it stands there."""
    session = Session(ID, BEARER, ID, "verificationCodeID", float(ENDS))
    assert read_session(Reply(200, CREATE.reply)) == session
    assert read_verified(Reply(200, CHECK.reply), session) is None
    assert all(is_acknowledged(Reply(200, each.reply)) for each in (CLOSE, EXTEND, VERIFY))
    assert read_sessions(Reply(200, SESSIONS.reply), 10) == [
        Listed(ID, is_pushgates=False, current=True, expire_at=float(ENDS)),
        Listed(OTHER_ID, is_pushgates=False, current=False, expire_at=float(ENDS)),
    ]


def test_the_provider_sends_what_the_page_shows() -> None:
    """Pushgate's bodies and paths are those of the page."""
    session = Session(ID, BEARER, ID)
    assert create_body("john@doe.net", None) == json.loads(CREATE.data or "")
    assert verification_body(session, "654321") == json.loads(VERIFY.data or "")
    assert CLOSE.url.endswith(ROOT + session_path(ID))
