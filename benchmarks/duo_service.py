"""A stand-in of the service that pam_duo asks: signed requests over HTTPS, answers in BSON, approval at once.

``python -m benchmarks.duo_service PORT CERTIFICATE KEY`` serves the loopback interface until its standard input ends.
"""

import asyncio
import base64
import hashlib
import hmac
import ssl
import struct
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
NAME, SECRET = "DIBENCHBENCHBENCHBEN", "benchmark-secret-of-forty-letters-or-so"
Document = dict[str, "str | Document"]
ANSWERS: dict[str, Document] = {
    "preauth": {
        "result": "auth",
        "prompt": "Passcode or option (1-1): ",
        "factors": {"default": "push1", "1": "push1"},
    },
    "auth": {"txid": "benchmark", "result": "allow", "status": "Success. Logging you in..."},
    "status": {"result": "allow", "status": "Success. Logging you in..."},
}


def bson(document: Document) -> bytes:
    """Encode a document of strings and documents."""
    elements = b""
    for name, value in document.items():
        if isinstance(value, str):
            text = value.encode() + b"\0"
            elements += b"\x02" + name.encode() + b"\0" + struct.pack("<i", len(text)) + text
        else:
            elements += b"\x03" + name.encode() + b"\0" + bson(value)
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def is_signed(method: str, host: str, path: str, parameters: str, authorization: str) -> bool:
    """Whether a request carries its sender's name and HMAC, which is over the host without its port."""
    signed = "\n".join((method, host.partition(":")[0].lower(), path, parameters)).encode()
    expected = f"{NAME}:{hmac.new(SECRET.encode(), signed, hashlib.sha1).hexdigest()}".encode()
    scheme, _, value = authorization.partition(" ")
    return scheme == "Basic" and hmac.compare_digest(base64.b64decode(value), expected)


async def reply(request: web.Request) -> web.Response:
    """Answer a request, if it is signed."""
    parameters = await request.text() if request.method == "POST" else request.query_string
    host, authorization = request.headers.get("Host", ""), request.headers.get("Authorization", "")
    if not is_signed(request.method, host, request.path, parameters, authorization):
        return web.Response(status=401)
    answer: Document = {"stat": "OK", "response": ANSWERS[request.match_info["call"]]}
    return web.Response(body=bson(answer), content_type="application/bson")


async def serve(port: int, certificate: str, key: str) -> None:
    """Serve until standard input ends."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    application = web.Application()
    application.router.add_route("*", "/rest/v1/{call:preauth|auth|status}.bson", reply)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port, ssl_context=context).start()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


@contextmanager
def duo_service(folder: Path) -> Iterator[Path]:
    """Run the service until the block ends; gives pam_duo's configuration.

    Raises:
        WrongAnswerError: if it does not start.
    """
    ca = CertificationAuthority(folder / "duo-ca", "bench-duo-ca")
    issued = ca.issue("localhost", "localhost", server=True)
    port = free_port()
    lines = f"[duo]\nhost = localhost:{port}\nikey = {NAME}\nskey = {SECRET}\ncafile = {ca.path}\n"
    config = folder / "pam_duo.conf"
    config.touch(mode=0o600)
    config.write_text(lines + "failmode = secure\nautopush = yes\n")
    command = [sys.executable, "-m", "benchmarks.duo_service", str(port), str(issued.certificate), str(issued.key)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        if process.stdout.readline() != "ready\n":
            raise WrongAnswerError("the stand-in of Duo's service did not start")
        yield config
        # Leaving the block closes its standard input, which ends it.


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
