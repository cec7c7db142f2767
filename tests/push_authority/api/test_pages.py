import asyncio
from pathlib import Path

import pytest

from tests.support.authority import RunningAuthority, fetch

WEB = Path("push_authority/web")


async def test_every_file_of_the_folder_is_served(authority: RunningAuthority, request: pytest.FixtureRequest) -> None:
    """Each file of the page comes whole, with its type, and is asked for again each time."""
    folder = request.config.rootpath / WEB
    names = [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.suffix in (".html", ".js", ".css")
    ]
    assert "index.html" in names
    for name in names:
        reply = await fetch(authority.http, "GET", f"{authority.page_url}/{name}", None, {})
        assert (reply.status, reply.body) == (200, (folder / name).read_bytes())
        assert reply.headers["Cache-Control"] == "no-cache"
    types = {name.rpartition(".")[2]: name for name in names}
    for suffix, expected in (("html", "text/html"), ("js", "text/javascript"), ("css", "text/css")):
        reply = await fetch(authority.http, "GET", f"{authority.page_url}/{types[suffix]}", None, {})
        assert reply.headers["Content-Type"] == f"{expected}; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/e", "/s/" + "0" * 40])
async def test_entrances_are_the_page(authority: RunningAuthority, path: str) -> None:
    """The start, the enrolment and a session's address all give the one page."""
    reply = await fetch(authority.http, "GET", authority.page_url + path, None, {})
    index = await fetch(authority.http, "GET", authority.page_url + "/index.html", None, {})
    assert (reply.status, reply.body) == (200, index.body)


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "/%2e%2e%2f%2e%2e%2fetc/passwd",
        "//etc/passwd",
        "/nothing.js",
        "/__init__.py",
        "/index.html/",
        "/app.js%00.html",
    ],
)
async def test_nothing_else_is_served(authority: RunningAuthority, path: str) -> None:
    """No spelling of a path reaches another file."""
    port = int(authority.page_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    # Sent as it is: a client library would tidy the path up.
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 404 ")
