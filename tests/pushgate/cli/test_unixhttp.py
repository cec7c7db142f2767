"""HTTP over a unix socket."""

import http.server
import socketserver
import threading
from pathlib import Path

import requests
from typing_extensions import override

from pushgate.cli.unixhttp import UnixAdapter


class Answer(http.server.BaseHTTPRequestHandler):
    """Answers every GET with its path."""

    def do_GET(self) -> None:
        """Answer."""
        body = self.path.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    @override
    def log_message(self, format: str, *arguments: object) -> None:
        pass


def test_requests_reach_the_socket(private_folder: Path) -> None:
    """A command that speaks to a local daemon reaches it without a port."""
    path = private_folder / "http.sock"
    with socketserver.UnixStreamServer(str(path), Answer) as server, requests.Session() as session:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        session.mount("http://", UnixAdapter(str(path)))
        reply = session.get("http://localhost/status?x=1", timeout=5)
        thread.join(5)
    assert (reply.status_code, reply.text) == (200, "/status?x=1")
