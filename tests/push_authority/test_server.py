import asyncio
import os
import socket
import sqlite3
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from push_authority import listeners, server
from push_authority.clock import FakeClock
from push_authority.errors import AuthorityError, StoreFailedError
from push_authority.server import Authority
from tests.support.authority import NATIVE, RunningAuthority, options_for, running_authority


def modes(folder: Path) -> dict[str, int]:
    """Return the permission bits of what is in a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


async def test_first_start_makes_everything_private(private_folder: Path) -> None:
    """After the first start all files and the socket are this user's alone, whatever the umask."""
    before = os.umask(0)
    try:
        async with running_authority(private_folder) as authority:
            files = modes(private_folder / "authority")
            assert modes(private_folder) == {"authority": 0o700, "authority.sock": 0o600}
            assert files == dict.fromkeys(
                ("api.key", "domain.id", "secret.key", "authority.db", "authority.db-wal"), 0o600
            )
            assert authority.page_url.startswith("http://localhost:")
    finally:
        os.umask(before)


async def test_restart_keeps_what_there_is(private_folder: Path) -> None:
    """Key, domain, user, device and pending session are there after a restart, and the session can be answered."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        session, key, domain = await authority.ask("alice"), authority.api_key, authority.domain_id
    async with running_authority(private_folder, domain="Everybody") as authority:
        assert (authority.api_key, authority.domain_id) == (key, domain)
        assert (await authority.call("GET", "/domains/{d}")).json["name"] == "Everybody"
        device.page_url, device.http = authority.page_url, authority.http
        assert (await device.decide(session, "approved")).status == 200
        assert await authority.state(session) == "approved"


async def test_clock_set_back_lets_nothing_live_longer(private_folder: Path) -> None:
    """After a restart with the clock an hour back, what was pending blocks nobody beyond the time it may have."""
    start = time.time()
    async with running_authority(private_folder, FakeClock(start + 3600)) as authority:
        await authority.add_user("bob")
        device = await authority.enrol("alice")
        old = await authority.ask("alice")
        decided = await authority.ask("alice", ipAddress="203.0.113.7")
        await authority.call("DELETE", f"/domains/{{d}}/sessions/{decided}")
    clock = FakeClock(start)
    async with running_authority(private_folder, clock) as authority:
        device.page_url, device.http = authority.page_url, authority.http
        assert [session["expires_in"] for session in await device.sessions()] == [60]
        bob = (await authority.call("GET", "/users?username=bob")).json["id"]
        token = await authority.call("GET", f"/domains/{{d}}/users/{bob}/token", accept=NATIVE)
        assert token.json["expires_in"] == 24 * 3600
        clock.time += 60
        assert await authority.state(old) == "expired"
        clock.time += 541
        await authority.authority.keeper.sweep()
        assert (await authority.call("GET", f"/domains/{{d}}/sessions/{decided}")).status == 404


async def test_exchanged_key_file_ends_the_old_key(private_folder: Path) -> None:
    """A new key in the file holds from the next start on, the old one no longer."""
    async with running_authority(private_folder) as authority:
        old = authority.api_key
    (private_folder / "authority" / "api.key").write_text("n" * 64)
    async with running_authority(private_folder) as authority:
        assert (await authority.call("GET", "/ping")).status == 200
        assert (await authority.call("GET", "/ping", key=old)).status == 401


async def test_second_authority_on_one_folder_is_refused(authority: RunningAuthority) -> None:
    """Two authorities never share a folder, and the first keeps its socket."""
    with pytest.raises(AuthorityError, match="another process has it open"):
        await Authority.start(authority.options)
    assert (await authority.call("GET", "/ping")).status == 200
    assert authority.options.socket is not None
    _, writer = await asyncio.open_unix_connection(str(authority.options.socket))
    writer.close()
    await writer.wait_closed()


async def test_socket_goes_with_the_authority(private_folder: Path) -> None:
    """A stopped authority leaves no socket behind."""
    async with running_authority(private_folder) as authority:
        assert authority.options.socket is not None
        assert authority.options.socket.is_socket()
    assert list(private_folder.iterdir()) == [private_folder / "authority"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"page": ("0.0.0.0", 0)}, "page: 0.0.0.0 is not a loopback address"),
        ({"listen": ("192.0.2.1", 0)}, "listen: 192.0.2.1 is not a loopback address"),
        ({"socket": Path("/nonexistent/a.sock")}, "/nonexistent/a.sock: cannot listen"),
    ],
)
async def test_failed_start_leaves_nothing_open(private_folder: Path, changes: dict[str, Any], message: str) -> None:
    """A start that fails half way lets go of the database and the ports: the next one succeeds."""
    with pytest.raises(AuthorityError, match=message):
        await Authority.start(options_for(private_folder, **changes))
    async with running_authority(private_folder) as authority:
        assert (await authority.call("GET", "/ping")).status == 200


async def test_page_answers_on_the_other_loopback_address(
    private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever address a browser takes for localhost, it is us who answer; 127.0.0.2 stands in for ``::1``."""
    monkeypatch.setitem(listeners.OTHER_LOOPBACK, socket.AF_INET, (socket.AF_INET, "127.0.0.2"))
    async with running_authority(private_folder) as authority:
        host = authority.page_url.removeprefix("http://")
        url = authority.page_url.replace("localhost", "127.0.0.2")
        assert (await authority.http.get(url, headers={"Host": host})).status == 200


async def test_open_folder_stops_the_start(private_folder: Path) -> None:
    """An authority does not run in a folder that others may enter."""
    (private_folder / "authority").mkdir()
    (private_folder / "authority").chmod(0o755)
    with pytest.raises(AuthorityError, match="open to others"):
        await Authority.start(options_for(private_folder))


async def test_planes_are_optional(private_folder: Path) -> None:
    """Without socket and port there is no integration plane; the page is always there."""
    async with running_authority(private_folder, socket=None, listen=None) as authority:
        assert authority.authority.listen_port is None
        assert (await authority.http.get(authority.page_url)).status == 200


@pytest.mark.parametrize(
    "error", [StoreFailedError("database or disk is full"), sqlite3.OperationalError("disk I/O error")]
)
async def test_sweeper_survives_a_failing_store(
    private_folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """A sweep that fails is logged, and the next one happens."""
    monkeypatch.setattr(server, "SWEEP_SECONDS", 0.001)
    async with running_authority(private_folder) as authority:
        swept = asyncio.Event()
        attempts: list[Callable[[], None]] = []

        async def sweep() -> None:
            if not attempts:
                attempts.append(swept.clear)
                raise error
            swept.set()

        monkeypatch.setattr(authority.authority.keeper, "sweep", sweep)
        async with asyncio.timeout(10):
            await swept.wait()


async def test_store_failure_is_told_as_unavailable(
    authority: RunningAuthority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a decision cannot be made durable the device is told so, and nobody is let in."""
    device = await authority.enrol("alice")
    session = await authority.ask("alice")
    shown = await device.session(session)
    store = authority.authority.store
    transact, calls = store.transact, []

    async def failing(work: Any) -> Any:
        calls.append(work)
        if len(calls) == 2:
            raise StoreFailedError("disk I/O error")
        return await transact(work)

    monkeypatch.setattr(store, "transact", failing)
    reply = await device.decide(shown, "approved")
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "unavailable", "2")
    assert await authority.state(session) == "pending"
    assert (await device.decide(shown, "approved")).status == 200


async def test_full_store_is_told_as_busy(authority: RunningAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    """When too much is queued for the store, callers are told to come back, and it recovers."""
    monkeypatch.setattr(authority.authority.store, "queue_limit", 0)
    reply = await authority.call("GET", "/domains/{d}")
    assert (reply.status, reply.code, reply.headers["Retry-After"]) == (503, "unavailable", "2")
    monkeypatch.undo()
    assert (await authority.call("GET", "/domains/{d}")).status == 200
