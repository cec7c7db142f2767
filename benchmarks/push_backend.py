"""A push service as RADIUS servers with a REST module ask it: one request waits until the person has answered.

``python -m benchmarks.push_backend PORT SECONDS`` answers ``/USER`` after so many seconds: 401 for users whose name
begins with ``no``, 204 for all others; until its standard input ends.
"""

import asyncio
import sys

from aiohttp import web


async def serve(port: int, seconds: float) -> None:
    """Serve until standard input ends."""

    async def decide(request: web.Request) -> web.Response:
        await asyncio.sleep(seconds)
        return web.Response(status=401 if request.match_info["user"].startswith("no") else 204)

    application = web.Application()
    application.router.add_get("/{user}", decide)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096).start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
