"""The daemon's own socket."""

import asyncio
import json
import socket
import stat
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from pushgate.control import Control, Report, Unlocking
from pushgate.errors import ConfigurationError, PushgateError

FAULTS = ConfigurationError([PushgateError("line 3: no", "write yes"), PushgateError("line 9: none", "")])


class ScriptedUnlocking(Unlocking):
    """Notes what it is asked, and when nobody waits any more; asks nobody."""

    def __init__(self, calls: list[str]) -> None:
        self.calls = calls
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()

    @override
    async def unlock(self, asked: Mapping[str, Any]) -> Report:
        self.calls.append(f"unlock {dict(asked)}")
        self.begun.set()
        if asked.get("user") == "nobody":
            raise PushgateError("nobody is not known", "add nobody")
        if asked.get("user") == "slow":
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.cancelled.set()
                raise
        return {"open": [1]}

    @override
    def lock(self, asked: Mapping[str, Any]) -> Report:
        self.calls.append(f"lock {dict(asked)}")
        if not asked:
            raise PushgateError("no name", "give one")
        return {"forgotten": 2}

    @override
    def show_open(self) -> Report:
        self.calls.append("show")
        return {"open": []}


@asynccontextmanager
async def controlling(
    path: Path, *, broken: bool = False, unlocking: ScriptedUnlocking | None = None
) -> AsyncIterator[list[str]]:
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

    control = Control(path, reload, status, unlocking)
    await control.start()
    try:
        yield calls
    finally:
        await control.stop()


async def ask(path: Path, request: str, body: str = "") -> tuple[int, Any]:
    """Send one HTTP request; return the status and the JSON of the answer."""
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_unix_connection(path)
        headers = f"Host: localhost\r\nConnection: close\r\nContent-Length: {len(body)}"
        writer.write(f"{request} HTTP/1.1\r\n{headers}\r\n\r\n{body}".encode())
        answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    head, _, answered = answer.partition(b"\r\n\r\n")
    try:
        return int(head.split()[1]), json.loads(answered)
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


async def test_unlocking_is_handed_on(private_folder: Path) -> None:
    """An administrator's wish, its end and the question what is open reach what carries them out, with the answers."""
    path, calls = private_folder / "control.sock", list[str]()
    async with controlling(path, unlocking=ScriptedUnlocking(calls)):
        assert await ask(path, "POST /unlock", '{"user": "alice"}') == (200, {"ok": True, "open": [1]})
        assert await ask(path, "POST /lock", '{"user": "alice"}') == (200, {"ok": True, "forgotten": 2})
        assert await ask(path, "GET /unlocked") == (200, {"ok": True, "open": []})
    assert calls == ["unlock {'user': 'alice'}", "lock {'user': 'alice'}", "show"]


async def test_what_cannot_be_unlocked_is_said(private_folder: Path) -> None:
    """An administrator whose wish is refused reads why and what to do."""
    path = private_folder / "control.sock"
    async with controlling(path, unlocking=ScriptedUnlocking([])):
        problem = {"message": "nobody is not known", "hint": "add nobody"}
        refused = (409, {"ok": False, "problems": [problem]})
        assert await ask(path, "POST /unlock", '{"user": "nobody"}') == refused
        refused = (409, {"ok": False, "problems": [{"message": "no name", "hint": "give one"}]})
        assert await ask(path, "POST /lock", "{}") == refused


@pytest.mark.parametrize("body", ["", "[]", "{", "null", '"alice"', "[" * 4000])
@pytest.mark.parametrize("call", ["/unlock", "/lock"])
async def test_what_is_no_object_is_refused(private_folder: Path, call: str, body: str) -> None:
    """A caller who sends no JSON object is told so, and nothing happens."""
    path, calls = private_folder / "control.sock", list[str]()
    async with controlling(path, unlocking=ScriptedUnlocking(calls)):
        status, answer = await ask(path, f"POST {call}", body)
    assert (status, answer["problems"][0]["message"]) == (409, "the request holds no JSON object")
    assert calls == []


async def test_too_much_is_refused(private_folder: Path) -> None:
    """A caller who sends more than any wish needs fills no memory."""
    path, calls = private_folder / "control.sock", list[str]()
    async with controlling(path, unlocking=ScriptedUnlocking(calls)):
        status, _ = await ask(path, "POST /unlock", '{"user": "' + "a" * 10_000 + '"}')
    assert (status, calls) == (413, [])


async def test_who_hangs_up_withdraws(private_folder: Path) -> None:
    """An administrator who presses Ctrl-C closes the connection, and the wish is withdrawn at once."""
    path = private_folder / "control.sock"
    unlocking = ScriptedUnlocking([])
    async with controlling(path, unlocking=unlocking), asyncio.timeout(5):
        _, writer = await asyncio.open_unix_connection(path)
        body = b'{"user": "slow"}'
        writer.write(b"POST /unlock HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
        await unlocking.begun.wait()
        writer.close()
        await unlocking.cancelled.wait()


@pytest.mark.parametrize("call", ["POST /unlock", "POST /lock", "GET /unlocked"])
async def test_where_nobody_is_asked_nothing_is_unlocked(private_folder: Path, call: str) -> None:
    """An administrator of a daemon that runs the authority alone is told that it asks nobody."""
    path = private_folder / "control.sock"
    async with controlling(path):
        status, answer = await ask(path, call, "{}")
    assert (status, "asks nobody" in answer["problems"][0]["message"]) == (409, True)


@pytest.mark.parametrize(
    "request_line", ["GET /reload", "POST /status", "GET /", "POST /reload/../status", "GET /unlock"]
)
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
