import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from push_authority.api import events
from push_authority.clock import FakeClock
from tests.support.authority import RunningAuthority, fetch, running_authority

Events = AsyncIterator[tuple[str, Any]]


async def next_event(stream: Events) -> tuple[str, Any]:
    """Return the next event that is no heartbeat."""
    async with asyncio.timeout(10):
        async for event, data in stream:
            if event != "ka":
                return event, data
    raise AssertionError("the stream has ended")


async def test_stream_shows_what_comes_and_goes(authority: RunningAuthority) -> None:
    """A device is told of what is pending when it connects, of what begins, and how each ends."""
    alice = await authority.enrol("alice")
    before = await authority.ask("alice", native=True, context={"service": "sshd"})
    async with alice.events() as stream:
        event, data = await next_event(stream)
        assert (event, data["id"], data["state"]) == ("request", before, "pending")
        assert data["ctx"] == (await alice.session(before))["ctx"]
        after = await authority.ask("alice", native=True, context={"service": "sudo"})
        event, data = await next_event(stream)
        assert (event, data["id"]) == ("request", after)
        await alice.decide(before, "approved")
        assert await next_event(stream) == ("gone", {"id": before, "state": "approved"})
        await authority.call("DELETE", f"/domains/{{d}}/sessions/{after}")
        assert await next_event(stream) == ("gone", {"id": after, "state": "cancelled"})


async def test_stream_brings_the_next_of_the_queue(authority: RunningAuthority) -> None:
    """A second login of one service first shows behind the first, and takes its place afterwards."""
    alice = await authority.enrol("alice")
    async with alice.events() as stream:
        first = await authority.ask("alice", ipAddress="198.51.100.9")
        event, data = await next_event(stream)
        assert (event, data["id"], data["waiting"]["count"]) == ("request", first, 0)
        second = await authority.ask("alice", ipAddress="198.51.100.9")
        event, data = await next_event(stream)
        assert (event, data["id"], data["waiting"]) == ("request", first, {"count": 1, "from": ["198.51.100.9"]})
        await alice.decide(first, "denied")
        assert await next_event(stream) == ("gone", {"id": first, "state": "denied"})
        event, data = await next_event(stream)
        assert (event, data["id"]) == ("request", second)


async def test_stream_tells_of_expiry(authority: RunningAuthority) -> None:
    """A request that nobody answers goes away by itself."""
    alice = await authority.enrol("alice")
    session = await authority.ask("alice", native=True, timeout=1)
    async with alice.events() as stream:
        assert (await next_event(stream))[0] == "request"
        assert await next_event(stream) == ("gone", {"id": session, "state": "expired"})


async def test_streams_of_others_stay_silent(authority: RunningAuthority) -> None:
    """Nobody sees another person's requests."""
    alice, bob = await authority.enrol("alice"), await authority.enrol("bob")
    async with alice.events() as own, bob.events() as other:
        session = await authority.ask("alice")
        assert (await next_event(own))[1]["id"] == session
        mine = await authority.ask("bob")
        assert (await next_event(other))[1]["id"] == mine


async def test_stream_needs_a_signature(authority: RunningAuthority) -> None:
    """Without the signature of a device there is no stream."""
    reply = await fetch(authority.http, "GET", authority.page_url + "/device/v1/events", None, {})
    assert (reply.status, reply.code) == (401, "unauthorized")


async def test_stream_is_not_kept_by_anybody(authority: RunningAuthority) -> None:
    """The stream has its type, and is neither cached nor buffered on the way."""
    alice = await authority.enrol("alice")
    target = "/device/v1/events"
    headers = {"Authorization": alice.authorization("GET", target)}
    async with authority.http.get(authority.page_url + target, headers=headers) as response:
        wanted = "Content-Type", "Cache-Control", "X-Accel-Buffering", "X-Content-Type-Options"
        assert [response.headers[name] for name in wanted] == ["text/event-stream", "no-store", "no", "nosniff"]
        assert await response.content.readline() == b": ka\n"


async def test_fifth_stream_ends_the_oldest(authority: RunningAuthority) -> None:
    """A device that reconnects without end holds four streams at most."""
    alice = await authority.enrol("alice")
    async with alice.events() as oldest:
        await anext(oldest)
        opened = [alice.events() for _ in range(events.MAX_STREAMS_PER_DEVICE)]
        streams = [await one.__aenter__() for one in opened]
        async with asyncio.timeout(10):
            assert [event async for event, _ in oldest if event != "ka"] == []
        session = await authority.ask("alice")
        for stream in streams:
            assert (await next_event(stream))[1]["id"] == session
        for one in opened:
            await one.__aexit__(None, None, None)


async def test_revoked_device_sees_no_more(authority: RunningAuthority) -> None:
    """The stream of a device that was revoked ends before it shows anything new."""
    user, code = await authority.add_user("alice")
    lost = await authority.enrol_code(code)
    kept = await authority.enrol_code(await authority.new_code(user))
    async with lost.events() as stream:
        assert await anext(stream) == ("ka", None)
        assert (await lost.delete("/device/v1/self")).status == 200
        session = await authority.ask("alice")
        async with asyncio.timeout(10):
            assert [event async for event in stream if event[0] != "ka"] == []
    assert [one["id"] for one in await kept.sessions()] == [session]


async def test_streams_end_when_the_authority_stops(authority: RunningAuthority) -> None:
    """Stopping ends open streams and long polls at once."""
    alice = await authority.enrol("alice")
    session = await authority.ask("alice")
    async with alice.events() as stream:
        assert (await next_event(stream))[0] == "request"
        waiting = asyncio.create_task(authority.state(session, "?wait=30"))
        await authority.state(session)
        async with asyncio.timeout(5):
            await authority.authority.stop()
            assert [event async for event in stream] == []
            assert await waiting == "pending"


async def test_heartbeat_and_end_come_by_the_clock(private_folder: Path) -> None:
    """A silent stream has a heartbeat every 15 seconds and ends after 10 minutes."""
    clock = FakeClock(time.time())
    async with running_authority(private_folder, clock) as authority:
        alice = await authority.enrol("alice")
        async with alice.events() as stream:
            assert await anext(stream) == ("ka", None)
            beats = 0
            async with asyncio.timeout(30):
                while True:
                    # The stream reads the store between two waits: only then is its next timer set.
                    await authority.authority.store.transact(lambda tx: None)
                    await clock.settle()
                    await clock.advance(events.HEARTBEAT_SECONDS)
                    try:
                        assert await anext(stream) == ("ka", None)
                    except StopAsyncIteration:
                        break
                    beats += 1
        assert beats == events.STREAM_SECONDS / events.HEARTBEAT_SECONDS
