"""A push service that speaks the authority's native form: people approve at once, or when they are told to.

``python -m benchmarks.push_service PORT PEOPLE [CERTIFICATE KEY]`` serves the loopback interface until its standard
input ends. PEOPLE is ``quick``, or ``held``: then everybody approves when a line ``release`` is read, until a line
``hold``. It answers each line with the number of questions that wait.
"""

import asyncio
import itertools
import json
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aiohttp import web

from benchmarks.figure import WrongAnswerError
from tests.support.certificates import CertificationAuthority
from tests.support.ports import free_port

ROOT = Path(__file__).parent.parent
FEATURES = ["wait", "consume"]
KEY_HEADER = 'LoginTC key="bench"'


class People:
    """The sessions, and whoever answers them."""

    def __init__(self, *, quick: bool) -> None:
        self.approved = asyncio.Event()
        self.numbers = itertools.count(1)
        self.waiting = 0
        if quick:
            self.approved.set()

    def routes(self) -> list[web.RouteDef]:
        """List what is served."""
        session = "/api/domains/bench/sessions/{id}"
        return [
            web.get("/api/ping", self.ping),
            web.get("/api/domains/bench", self.domain),
            web.post("/api/domains/bench/sessions", self.create),
            web.get(session, self.wait),
            web.post(session + "/consume", self.consume),
            web.delete(session, self.cancel),
        ]

    async def ping(self, request: web.Request) -> web.Response:
        """Say what the service can do."""
        return answer({"status": "OK", "features": FEATURES})

    async def domain(self, request: web.Request) -> web.Response:
        """Describe the domain."""
        return answer({"id": "bench", "requestTimeout": 300})

    async def create(self, request: web.Request) -> web.Response:
        """Begin a session."""
        body = await request.json()
        if request.headers.get("Authorization") != KEY_HEADER or "username" not in body["user"]:
            return web.Response(status=401)
        return answer({"id": f"session{next(self.numbers)}", "state": "pending"})

    async def wait(self, request: web.Request) -> web.Response:
        """Hold the question until the person has answered, as long as the asker allows."""
        self.waiting += 1
        try:
            async with asyncio.timeout(float(request.query.get("wait", "0"))):
                await self.approved.wait()
        except TimeoutError:
            return answer({"id": request.match_info["id"], "state": "pending"})
        finally:
            self.waiting -= 1
        return answer({"id": request.match_info["id"], "state": "approved"})

    async def consume(self, request: web.Request) -> web.Response:
        """Let an approval be claimed."""
        return answer({"id": request.match_info["id"], "state": "approved"})

    async def cancel(self, request: web.Request) -> web.Response:
        """Take a question back."""
        return web.Response(status=204)


def answer(body: dict[str, object]) -> web.Response:
    """Write a reply of JSON."""
    return web.Response(body=json.dumps(body).encode(), content_type="application/json")


async def serve(port: int, people: People, *files: str) -> None:
    """Serve until standard input ends; with a certificate and its key by HTTPS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if files else None
    if context:
        context.load_cert_chain(*files)
    application = web.Application()
    application.add_routes(people.routes())
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, backlog=4096, ssl_context=context).start()
    print("ready", flush=True)
    while line := await asyncio.to_thread(sys.stdin.readline):
        if line == "release\n":
            people.approved.set()
        elif line == "hold\n":
            people.approved.clear()
        print(people.waiting, flush=True)
    await runner.cleanup()


class Authority:
    """The service in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]", url: str, *ca: Path) -> None:
        self.process, self.url, self.ca = process, url, ca

    def waiting(self, order: str = "count") -> int:
        """Say how many questions wait."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def release(self) -> None:
        """Let everybody approve."""
        self.waiting("release")

    def hold(self) -> None:
        """Let nobody approve any more."""
        self.waiting("hold")


@contextmanager
def authority(folder: Path, people: str, *, tls: bool = True) -> Iterator[Authority]:
    """Run it until the block ends.

    Raises:
        WrongAnswerError: if it does not start.
    """
    port, ca, files, scheme = free_port(), [], [], "http"
    if tls:
        issuer = CertificationAuthority(folder, "bench-ca")
        issued = issuer.issue("bench-authority", "localhost", server=True)
        ca, files, scheme = [issuer.path], [str(issued.certificate), str(issued.key)], "https"
    command = [sys.executable, "-m", "benchmarks.push_service", str(port), people, *files]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise WrongAnswerError("the push service did not start")
        yield Authority(process, f"{scheme}://localhost:{port}", *ca)
        # Leaving the block closes its standard input, which ends it.


async def main() -> None:
    """Make the people inside of the running loop, and serve."""
    await serve(int(sys.argv[1]), People(quick=sys.argv[2] == "quick"), *sys.argv[3:])


if __name__ == "__main__":
    asyncio.run(main())
