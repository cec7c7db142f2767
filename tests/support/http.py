"""A real HTTP server on loopback that answers as the test says and remembers what it was asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import cast

from aiohttp import web

Answer = Callable[[web.Request, bytes], Awaitable[web.StreamResponse]]


@dataclass
class Recorder:
    """The address of the server, and every request it got as (method, path and query, headers, body)."""

    url: str = ""
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@asynccontextmanager
async def answering(answer: Answer, *, unix: str | None = None) -> AsyncIterator[Recorder]:
    """Serve until the block ends."""
    recorder = Recorder()

    async def handle(request: web.Request) -> web.StreamResponse:
        body = await request.read()
        recorder.requests.append((request.method, request.path_qs, dict(request.headers), body))
        return await answer(request, body)

    server = web.Server(handle)  # type: ignore[arg-type]  # it gets a Request all the same
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    if unix:
        await web.UnixSite(runner, unix).start()
        recorder.url = f"unix:{unix}"
    else:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        recorder.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield recorder
    finally:
        await runner.cleanup()


@asynccontextmanager
async def raw_server(reply: bytes, *, delay: float = 0.0) -> AsyncIterator[str]:
    """Answer each connection with these bytes and close it; yields the address."""
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        handlers.add(cast("asyncio.Task[None]", asyncio.current_task()))
        try:
            await reader.read(1)
            await asyncio.sleep(delay)
            writer.write(reply)
            await writer.drain()
        finally:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.gather(*handlers)
