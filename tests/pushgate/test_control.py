"""The daemon's own socket."""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pushgate.control import Control
from pushgate.errors import ConfigurationError, PushgateError

FAULTS = ConfigurationError([PushgateError("line 3: no", "write yes"), PushgateError("line 9: none", "")])


@asynccontextmanager
async def controlling(path: Path, *, broken: bool = False) -> AsyncIterator[list[str]]:
    """Run a control socket; yields what was called."""
    calls: list[str] = []

    async def reload() -> dict[str, Any]:
        calls.append("reload")
        if broken:
            raise FAULTS
        return {"needs_restart": ["log"]}

    def status() -> dict[str, Any]:
        calls.append("status")
        return {"radius": {"pending": 3}}

    control = Control(path, reload, status)
    await control.start()
    try:
        yield calls
    finally:
        await control.stop()


async def ask(path: Path, request: str) -> tuple[int, Any]:
    """Send one HTTP request; return the status and the JSON of the answer."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_unix_connection(path)
        headers = "Host: localhost\r\nConnection: close\r\nContent-Length: 0"
        writer.write(f"{request} HTTP/1.1\r\n{headers}\r\n\r\n".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        return int(head.split()[1]), json.loads(body)
    except ValueError:
        return int(head.split()[1]), None


async def test_a_reload_is_carried_out_and_reported(private_folder: Path) -> None:
    """An administrator who asks for a reload is told what holds only after a restart."""
    path = private_folder / "control.sock"
    async with controlling(path) as calls:
        assert await ask(path, "POST /reload") == (200, {"ok": True, "needs_restart": ["log"]})
    assert calls == ["reload"]
    assert not path.exists()


async def test_a_refused_reload_names_every_fault(private_folder: Path) -> None:
    """An administrator with a broken file is told all of what is wrong with it."""
    path = private_folder / "control.sock"
    async with controlling(path, broken=True):
        problems = [{"message": "line 3: no", "hint": "write yes"}, {"message": "line 9: none", "hint": ""}]
        assert await ask(path, "POST /reload") == (409, {"ok": False, "problems": problems})


async def test_the_status_is_told(private_folder: Path) -> None:
    """An administrator reads how things stand."""
    path = private_folder / "control.sock"
    async with controlling(path):
        assert await ask(path, "GET /status") == (200, {"radius": {"pending": 3}})


@pytest.mark.parametrize("request_line", ["GET /reload", "POST /status", "GET /", "POST /reload/../status"])
async def test_nothing_else_is_served(private_folder: Path, request_line: str) -> None:
    """A caller who asks for anything else gets an error, and nothing happens."""
    path = private_folder / "control.sock"
    async with controlling(path) as calls:
        assert (await ask(path, request_line))[0] in (404, 405)
    assert calls == []


async def test_nobody_else_may_open_it(private_folder: Path) -> None:
    """A local user who is neither root nor the daemon's finds a socket of mode 0600."""
    path = private_folder / "control.sock"
    async with controlling(path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_socket_that_a_dead_daemon_left_is_replaced(private_folder: Path) -> None:
    """An administrator whose daemon was killed starts it again without cleaning up."""
    path = private_folder / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(str(path))
    async with controlling(path):
        assert (await ask(path, "GET /status"))[0] == 200


async def test_a_living_daemon_keeps_its_socket(private_folder: Path) -> None:
    """A second daemon of the same configuration does not start, and the first is still heard."""
    path = private_folder / "control.sock"
    async with controlling(path):
        with pytest.raises(PushgateError, match="cannot listen"):
            async with controlling(path):
                pass
        assert (await ask(path, "GET /status"))[0] == 200


async def test_a_file_in_its_place_is_left_alone(private_folder: Path) -> None:
    """A daemon whose control.socket names a file does not remove that file."""
    path = private_folder / "control.sock"
    path.write_text("precious")
    with pytest.raises(PushgateError):
        async with controlling(path):
            pass
    assert path.read_text() == "precious"


async def test_a_folder_of_everybodys_is_refused(private_folder: Path) -> None:
    """A socket in a folder that others can write could be exchanged, so the daemon does not start."""
    folder = private_folder / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError):
        async with controlling(folder / "control.sock"):
            pass
    assert list(folder.iterdir()) == []
