"""The files of the approval page, read once at start."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".json": "application/json",
    ".webmanifest": "application/manifest+json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/x-icon",
}
ENTRANCE = "index.html"


@dataclass(frozen=True, slots=True)
class Page:
    """One file as it is sent."""

    body: bytes
    content_type: str


class Pages:
    """Serves the files of one folder and nothing else: no path of a request ever reaches the file system."""

    def __init__(self, folder: Path) -> None:
        self.pages = {
            path.relative_to(folder).as_posix(): Page(path.read_bytes(), TYPES[path.suffix])
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.suffix in TYPES
        }

    def routes(self) -> Iterable[web.RouteDef]:
        """Return method, path and handler; the page itself reads what follows ``/e#`` and ``/s/``."""
        return [
            web.get("/", self.entrance),
            web.get("/e", self.entrance),
            web.get("/s/{session}", self.entrance),
            web.get("/{name:.+}", self.file),
        ]

    async def entrance(self, request: web.Request) -> web.Response:
        """Send the page."""
        return self.send(ENTRANCE)

    async def file(self, request: web.Request) -> web.Response:
        """Send a file by its name."""
        return self.send(request.match_info["name"])

    def send(self, name: str) -> web.Response:
        """Send a file, or 404."""
        page = self.pages.get(name)
        if page is None:
            raise web.HTTPNotFound
        # no-cache: kept, but asked for again each time, so that page and API never come from two versions.
        return web.Response(body=page.body, headers={"Content-Type": page.content_type, "Cache-Control": "no-cache"})
