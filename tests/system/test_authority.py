"""The authority under real conditions: races over HTTP, kill -9, clients that dawdle, thousands of waits."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.support.authority import (
    V1,
    Reply,
    RunningAuthority,
    SigningDevice,
    fetch,
    running_authority,
)

pytestmark = pytest.mark.system

AUTHORITY_PROCESS = """
import asyncio, sys
from pathlib import Path
from push_authority.server import Authority, AuthorityOptions

async def main(folder):
    options = AuthorityOptions(
        folder=folder / "authority", socket=folder / "authority.sock", listen=("127.0.0.1", 0),
        page=("127.0.0.1", 0), organization="Example Org", domain="Staff", request_timeout=60,
    )
    authority = await Authority.start(options)
    print("ready", authority.page_url, authority.listen_port, flush=True)
    await asyncio.Event().wait()

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.fixture
async def authority(private_folder: Path) -> AsyncIterator[RunningAuthority]:
    """A running authority."""
    async with running_authority(private_folder) as authority:
        yield authority


async def test_one_decision_wins_each_race(authority: RunningAuthority) -> None:
    """200 sessions, each approved and denied at once by two devices: one winner each, and everybody else gets 409."""
    pairs = []
    for number in range(200):
        user, code = await authority.add_user(f"user{number}")
        first = await authority.enrol_code(code)
        second = await authority.enrol_code(await authority.new_code(user))
        pairs.append((await authority.ask(f"user{number}"), first, second))
    results = await asyncio.gather(*(race(*pair) for pair in pairs))
    outcomes = set()
    for (session, _, _), replies in zip(pairs, results, strict=True):
        won = [reply for reply in replies if reply.status == 200]
        lost = [reply for reply in replies if reply.status == 409]
        assert (len(won), len(lost)) == (1, 3)
        state = await authority.state(session)
        assert {reply.json["state"] for reply in replies} == {state}
        assert (await authority.call("GET", f"/domains/{{d}}/sessions/{session}")).json == {
            "id": session,
            "state": state,
        }
        outcomes.add(state)
    assert outcomes == {"approved", "denied"}


async def race(session: str, first: SigningDevice, second: SigningDevice) -> list[Reply]:
    """Let both devices approve and deny at the same time, in an order that chance decides."""
    shown = await first.session(session)
    calls = [
        (device, device.decision(shown, decision)) for device in (first, second) for decision in ("approved", "denied")
    ]
    random.shuffle(calls)
    path = f"/device/v1/sessions/{session}/decision"
    return list(await asyncio.gather(*(device.post(path, body) for device, body in calls)))


@asynccontextmanager
async def authority_process(folder: Path) -> AsyncIterator[tuple[str, str, subprocess.Popen[bytes]]]:
    """Run an authority in its own process; yields the addresses of page and API."""
    process = subprocess.Popen([sys.executable, "-c", AUTHORITY_PROCESS, str(folder)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        line = b""
        while not line.startswith(b"ready "):
            line = await asyncio.to_thread(process.stdout.readline)
            assert line, "the authority did not start"
        _, page, port = line.decode().split()
        yield page, f"http://127.0.0.1:{port}/api", process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


async def test_acknowledged_decisions_survive_kill_9(private_folder: Path) -> None:
    """A decision that was acknowledged is there after SIGKILL, in whatever moment; a lost one can be made again."""
    key_file, domain_file = (private_folder / "authority" / name for name in ("api.key", "domain.id"))
    device: SigningDevice | None = None
    acknowledged: dict[str, str] = {}
    async with aiohttp.ClientSession() as http:
        for number in range(6):
            async with authority_process(private_folder) as (page, api, process):
                headers = {"Accept": V1, "Authorization": f'LoginTC key="{key_file.read_text()}"'}
                base = f"{api}/domains/{domain_file.read_text()}"
                for session, state in acknowledged.items():
                    read = await fetch(http, "GET", f"{base}/sessions/{session}", None, headers)
                    assert read.json == {"id": session, "state": state}
                if device is None:
                    device = await enrol(http, page, api, base, headers)
                device.page_url = page
                acknowledged |= await decide_until_killed(device, base, headers, process, 0.05 + 0.05 * number)
    assert len(acknowledged) > 20


async def enrol(http: aiohttp.ClientSession, page: str, api: str, base: str, headers: dict[str, str]) -> SigningDevice:
    """Make alice and her device."""
    user = (await fetch(http, "POST", f"{api}/users", b'{"username":"alice"}', headers)).json["id"]
    await fetch(http, "PUT", f"{base}/users/{user}", None, headers)
    code = (await fetch(http, "PUT", f"{base}/users/{user}/token", None, headers)).json["code"]
    device = SigningDevice(page, http)
    await device.activate(code)
    return device


async def decide_until_killed(
    device: SigningDevice, base: str, headers: dict[str, str], process: subprocess.Popen[bytes], seconds: float
) -> dict[str, str]:
    """Ask and decide without pause until SIGKILL comes after some time; return what was acknowledged."""
    acknowledged: dict[str, str] = {}
    asyncio.get_running_loop().call_later(seconds, os.kill, process.pid, signal.SIGKILL)
    body = json.dumps({"user": {"username": "alice"}}).encode()
    try:
        while True:
            created = await fetch(device.http, "POST", f"{base}/sessions", body, headers)
            # What the last kill left pending is before it in the queue.
            for shown in await device.sessions():
                decision = random.choice(("approved", "denied"))
                reply = await device.decide(shown, decision)
                assert reply.json == {"id": shown["id"], "state": decision}
                acknowledged[shown["id"]] = decision
            assert created.status in (200, 429)
    except aiohttp.ClientError:
        process.wait()
        assert process.returncode == -signal.SIGKILL
    return acknowledged


async def test_second_process_is_refused_the_database(private_folder: Path) -> None:
    """Another process that opens the folder of a running authority ends with a clear error."""
    async with authority_process(private_folder):
        program = [sys.executable, "-c", AUTHORITY_PROCESS, str(private_folder)]
        second = await asyncio.to_thread(subprocess.run, program, capture_output=True, timeout=30, check=False)
        assert second.returncode == 1
        assert b"another process has it open" in second.stderr


def on_host(host: int) -> dict[str, str]:
    """Return a context whose service is this host's own: each session is shown at once."""
    return {"service": f"host{host}"}


async def test_thousand_waits_wake_together(authority: RunningAuthority) -> None:
    """A thousand long polls are held, and each is answered when its session is decided."""
    devices = [await authority.enrol(f"user{number}") for number in range(50)]
    sessions = [
        (await authority.ask(f"user{number}", native=True, ipAddress=f"192.0.2.{host}", context=on_host(host)), device)
        for number, device in enumerate(devices)
        for host in range(20)
    ]
    waits = [asyncio.create_task(authority.state(session, "?wait=30")) for session, _ in sessions]
    async with asyncio.timeout(60):
        await until_they_wait(authority, len(waits))
        replies = await asyncio.gather(*(device.decide(session, "approved") for session, device in sessions))
        assert {reply.status for reply in replies} == {200}
        assert set(await asyncio.gather(*waits)) == {"approved"}


async def until_they_wait(authority: RunningAuthority, count: int) -> None:
    """Let so many long polls arrive."""
    for _ in range(1000):
        if authority.authority.keeper.session_waits.count == count:
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not all have come to wait")


async def send_slowly(port: int, head: bytes, seconds: float) -> tuple[bytes, float]:
    """Send a head and then nothing; return what comes back until the connection ends, and after how long."""
    loop = asyncio.get_running_loop()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    start = loop.time()
    try:
        writer.write(head)
        async with asyncio.timeout(seconds):
            return await reader.read(), loop.time() - start
    finally:
        writer.close()


async def test_slow_requests_are_ended(authority: RunningAuthority) -> None:
    """A client that is silent, sends half a head or half a body is answered or cut off in a bounded time."""
    port = authority.authority.listen_port or 0
    head = f'POST /api/users HTTP/1.1\r\nHost: x\r\nAuthorization: LoginTC key="{authority.api_key}"\r\n'.encode()
    slow_body, silent, half = await asyncio.gather(
        send_slowly(port, head + b"Content-Length: 100\r\n\r\n{", 15),
        send_slowly(port, b"", 15),
        send_slowly(port, head, 15),
    )
    assert slow_body[0].startswith(b"HTTP/1.1 400 ")
    assert b"the body did not arrive within 5 s" in slow_body[0]
    assert slow_body[1] < 9
    assert (silent[0], half[0]) == (b"", b"")
    assert silent[1] < 12
    assert half[1] < 12
