"""The event stream of a device: what is asked, as it comes and goes (docs/authority.md).

The stream holds no queue. A change only wakes it; it then reads what the person can answer now and sends the
difference to what it has sent before. So nothing is lost, doubled or out of order however slowly the other end reads,
and a revoked device is found at that same read.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from push_authority.devices import Device
from push_authority.keeper import SessionKeeper, Shown, user_key
from push_authority.sessions import State

from .device import authenticate, session_object
from .forms import to_json

HEARTBEAT_SECONDS = 15.0
STREAM_SECONDS = 600.0
"""Then the device comes back with a new signature."""

WRITE_SECONDS = 10.0
MAX_STREAMS_PER_DEVICE = 4


@dataclass(eq=False)
class Stream:
    """One open stream and what its reader knows."""

    device: Device
    response: web.StreamResponse
    changed: asyncio.Event
    known: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Ids of the sessions sent, with the origins of those that waited behind them."""
    ended: bool = False


class EventCalls:
    """Serves ``/device/v1/events``."""

    def __init__(self, keeper: SessionKeeper) -> None:
        self.keeper = keeper
        self.clock = keeper.clock
        self.streams: dict[str, list[Stream]] = {}

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler."""
        return [web.get("/device/v1/events", self.events, allow_head=False)]

    async def events(self, request: web.Request) -> web.StreamResponse:
        """Send events until the reader goes away, the time is over, or the device is revoked."""
        device = await authenticate(request, self.keeper)
        headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        with self.keeper.user_waits.watch(user_key(device.user_id, device.domain_id)) as changed:
            stream = Stream(device, web.StreamResponse(headers=headers), changed)
            await stream.response.prepare(request)
            self.admit(stream)
            try:
                await self.serve(stream)
            except (ConnectionError, TimeoutError):
                # The reader is gone or reads nothing: what is buffered for it is given up.
                if request.transport:
                    request.transport.abort()
            finally:
                self.dismiss(stream)
        return stream.response

    async def serve(self, stream: Stream) -> None:
        """Send what has changed, over and over."""
        end = self.clock.now() + STREAM_SECONDS
        await self.write(stream, b": ka\n\n")
        while not (stream.ended or self.keeper.user_waits.ended) and self.clock.now() < end:
            stream.changed.clear()
            shown = await self.keeper.shown(stream.device)
            if shown is None:
                return
            if frames := await self.difference(stream, shown):
                await self.write(stream, frames)
            try:
                async with self.clock.timeout_at(min(end, self.clock.now() + HEARTBEAT_SECONDS)):
                    await stream.changed.wait()
            except TimeoutError:
                await self.write(stream, b": ka\n\n")

    async def difference(self, stream: Stream, shown: list[Shown]) -> bytes:
        """Return the frames that bring the reader up to date, and note that it has them."""
        current = {one.session.id: one.waiting for one in shown}
        frames = []
        for session_id in [known for known in stream.known if known not in current]:
            del stream.known[session_id]
            session = await self.keeper.read(session_id)
            state = session.state(self.clock.now()) if session else State.EXPIRED
            frames.append(frame("gone", {"id": session_id, "state": state}))
        for one in shown:
            if stream.known.get(one.session.id) != one.waiting:
                stream.known[one.session.id] = one.waiting
                frames.append(frame("request", session_object(one, self.clock.now())))
        return b"".join(frames)

    async def write(self, stream: Stream, data: bytes) -> None:
        """Send; a reader that takes nothing for 10 seconds is given up."""
        async with self.clock.timeout_at(self.clock.now() + WRITE_SECONDS):
            await stream.response.write(data)

    def admit(self, stream: Stream) -> None:
        """Count a stream; the oldest of the device ends when there are too many (a phone that lost its network)."""
        streams = self.streams.setdefault(stream.device.id, [])
        streams.append(stream)
        if len(streams) > MAX_STREAMS_PER_DEVICE:
            oldest = streams.pop(0)
            oldest.ended = True
            oldest.changed.set()

    def dismiss(self, stream: Stream) -> None:
        """Count a stream no more."""
        streams = self.streams.get(stream.device.id, [])
        if stream in streams:
            streams.remove(stream)
        if not streams:
            self.streams.pop(stream.device.id, None)


def frame(event: str, data: dict[str, Any]) -> bytes:
    """Write one event; JSON has no line ends, so the data is one line."""
    return b"event: " + event.encode() + b"\ndata: " + to_json(data) + b"\n\n"
