"""An HTTP server that answers a terminal device by script, and remembers what it was asked."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from typing_extensions import override


@dataclass
class Answer:
    """What to answer: JSON, or bytes as they are; ``endless``: and then blanks until the client goes."""

    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    endless: bool = False

    def content(self) -> bytes:
        """Return the body as bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Asked:
    """One request as it arrived."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        """Parse the body."""
        return json.loads(self.body)


class ScriptedAuthority:
    """Answers in order; a request that the script does not expect gets 599, and a script that is not used up fails."""

    def __init__(self, port: int) -> None:
        self.address = f"http://localhost:{port}"
        self.answers: list[Answer] = []
        self.asked: list[Asked] = []

    def then(self, status: int, body: Any = None, **more: Any) -> None:
        """Add an answer to the script."""
        self.answers.append(Answer(status, {} if body is None else body, **more))


@contextmanager
def scripted_authority() -> Iterator[ScriptedAuthority]:
    """Run one on a free loopback port."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = False
    authority = ScriptedAuthority(server.server_port)
    server.authority = authority  # type: ignore[attr-defined]
    # A short poll: shutdown waits for it.
    thread = Thread(target=server.serve_forever, args=(0.005,))
    thread.start()
    try:
        yield authority
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert authority.answers == []


class Handler(BaseHTTPRequestHandler):
    """Takes the next answer of the script."""

    def serve(self) -> None:
        """Answer any method."""
        authority: ScriptedAuthority = self.server.authority  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        authority.asked.append(Asked(self.command, self.path, dict(self.headers), body))
        answer = authority.answers.pop(0) if authority.answers else Answer(599)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if not answer.endless:
            self.send_header("Content-Length", str(len(answer.content())))
        self.end_headers()
        self.wfile.write(answer.content())
        try:
            while answer.endless:
                self.wfile.write(b" ")
        except OSError:
            pass  # the client has gone, as it should

    do_GET = do_POST = do_DELETE = serve  # noqa: N815 - the names that the base class looks for

    @override
    def setup(self) -> None:
        super().setup()
        # Small writes must not wait for acknowledgements, and a reader that stops must be noticed.
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.settimeout(5)

    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
