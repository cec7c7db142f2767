"""The real radclient of FreeRADIUS against the server."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import pytest

from pushgate.clock import SystemClock
from pushgate.conversation import Conversation
from pushgate.decision import Decision, Reason
from pushgate.login import Login
from radius_server.clients import Client, ClientTable
from radius_server.nas import verify_reply
from radius_server.server import RadiusServer
from radius_server.wire import (
    ACCESS_ACCEPT,
)
from tests.support.radius import ACCEPT, DENY, SECRET, RadiusSender, access_request, options

pytestmark = pytest.mark.system

CLIENT = Client("vpn", ip_network("127.0.0.0/8"), SECRET)
EXPIRED = Decision(accept=False, reason=Reason.EXPIRED, audit_id="a3", message="Nobody answered in time")
Person = Callable[[Conversation], Awaitable[Decision]]


@dataclass
class Core:
    """A core whose person always does the same."""

    person: Person
    logins: list[Login] = field(default_factory=list)

    def decide_at_once(self, login: Login) -> Decision | None:
        """Leave it to the person."""
        return None

    async def provider_works(self) -> bool:
        """Say that people can be asked."""
        return True

    async def authenticate(self, login: Login, conversation: Conversation) -> Decision:
        """Ask the person."""
        self.logins.append(login)
        return await self.person(conversation)


async def approve(conversation: Conversation) -> Decision:
    """Approve after a moment."""
    await asyncio.sleep(0.2)
    return ACCEPT


async def approve_late(conversation: Conversation) -> Decision:
    """Approve after three retransmissions."""
    await asyncio.sleep(3.5)
    return ACCEPT


async def deny(conversation: Conversation) -> Decision:
    """Deny after a moment."""
    await asyncio.sleep(0.2)
    return DENY


async def ignore(conversation: Conversation) -> Decision:
    """Let the deadline of the NAS come."""
    assert conversation.reply_by is not None
    await asyncio.sleep(conversation.reply_by - SystemClock().now())
    return EXPIRED


@asynccontextmanager
async def serving(
    person: Person, client: Client = CLIENT, **changes: object
) -> AsyncIterator[tuple[RadiusServer, Core]]:
    """Run a server on real time."""
    core = Core(person)
    server = RadiusServer(options(**changes), ClientTable([client]), core, SystemClock())
    await server.start()
    try:
        yield server, core
    finally:
        await server.stop()


@dataclass(frozen=True)
class Answer:
    """What radclient says."""

    status: int
    output: str

    def received(self) -> list[str]:
        """Return the kinds of replies that radclient took."""
        return re.findall(r"Received (\S+) Id", self.output)


@pytest.fixture
def radclient(tmp_path: Path) -> Callable[..., Awaitable[Answer]]:
    """Run radclient, with its secret in a file that only we can read."""
    secret = tmp_path / "secret"
    secret.touch(mode=0o600)
    secret.write_bytes(SECRET + b"\n")

    async def run(port: int, *arguments: str, request: str, kind: str = "auth") -> Answer:
        command = ["radclient", "-x", *arguments, "-S", str(secret), f"127.0.0.1:{port}", kind]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *command, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(20):
                output, _ = await process.communicate(request.encode())
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Answer(process.returncode, output.decode())

    return run


LOGIN = 'User-Name = "alice", User-Password = "push", Calling-Station-Id = "203.0.113.7"'
SIGNED = LOGIN + ", Message-Authenticator = 0x00"

Run = Callable[..., Awaitable[Answer]]


@pytest.mark.parametrize("request_text", [LOGIN, SIGNED], ids=["unsigned", "signed"])
async def test_approved(radclient: Run, request_text: str) -> None:
    """A login that the person approves is accepted, and radclient shows the message."""
    async with serving(approve) as (server, core):
        answer = await radclient(server.ports[0], "-t", "10", "-r", "1", request=request_text)
    assert (answer.status, answer.received()) == (0, ["Access-Accept"])
    assert 'Reply-Message = "Approved"' in answer.output
    assert [(login.user, login.origin.address) for login in core.logins] == [("alice", "203.0.113.7")]


async def test_denied(radclient: Run) -> None:
    """A login that the person denies is rejected."""
    async with serving(deny) as (server, _):
        answer = await radclient(server.ports[0], "-t", "10", "-r", "1", request=SIGNED)
    assert (answer.status, answer.received()) == (1, ["Access-Reject"])
    assert 'Reply-Message = "Denied"' in answer.output


async def test_ignored(radclient: Run) -> None:
    """A login that nobody answers is rejected when the NAS must have its reply."""
    async with serving(ignore, answer_within=1.5) as (server, _):
        start = asyncio.get_running_loop().time()
        answer = await radclient(server.ports[0], "-t", "10", "-r", "1", request=SIGNED)
        took = asyncio.get_running_loop().time() - start
    assert (answer.status, answer.received()) == (1, ["Access-Reject"])
    assert took >= 1.5


async def test_retransmissions(radclient: Run) -> None:
    """A radclient that asks four times a second apart causes one login."""
    async with serving(approve_late) as (server, core):
        answer = await radclient(server.ports[0], "-r", "4", "-t", "1", request=LOGIN)
    assert (answer.status, answer.received()) == (0, ["Access-Accept"])
    assert len(core.logins) == 1
    assert server.counters.dup_access_requests == 3


async def test_wrong_secret(radclient: Run) -> None:
    """A signed request under another secret is not answered."""
    other = Client("vpn", CLIENT.network, b"the secret of somebody else")
    async with serving(approve, other) as (server, core):
        answer = await radclient(server.ports[0], "-r", "1", "-t", "1", request=SIGNED)
    assert (answer.status, answer.received()) == (1, [])
    assert (core.logins, server.counters.bad_authenticators) == ([], 1)


async def test_chap(radclient: Run) -> None:
    """A CHAP login is rejected at once with what to do."""
    async with serving(approve) as (server, core):
        answer = await radclient(server.ports[0], "-r", "1", request='User-Name = "alice", CHAP-Password = "push"')
    assert (answer.status, answer.received(), core.logins) == (1, ["Access-Reject"], [])
    assert 'Reply-Message = "Use PAP"' in answer.output


async def test_status(radclient: Run) -> None:
    """A probe is answered."""
    async with serving(approve) as (server, _):
        answer = await radclient(server.ports[0], "-r", "1", request="Message-Authenticator = 0x00", kind="status")
    assert (answer.status, answer.received()) == (0, ["Access-Accept"])


async def test_four_identical_packets() -> None:
    """Four identical packets cause one login and, once it is decided, identical replies."""
    async with serving(approve) as (server, core):
        with RadiusSender(server.ports[0]) as nas:
            request = access_request()
            for _ in range(4):
                nas.send(request)
            replies = [await nas.receive()]
            for _ in range(3):
                nas.send(request)
                replies.append(await nas.receive())
    assert verify_reply(request, replies[0], SECRET) == ACCESS_ACCEPT
    assert replies == [replies[0]] * 4
    assert len(core.logins) == 1
