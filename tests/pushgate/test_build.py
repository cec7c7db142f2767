"""Settings become running parts."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from pushgate.build import Parts, start_parts, status_of
from pushgate.clock import SystemClock
from pushgate.errors import PushgateError
from pushgate.settings import load_settings
from tests.support.config import AUTHORITY, PROVIDER, RADIUS, write_config
from tests.support.radsec import Certificates

PAM = "pam: {{socket: {folder}/pam.sock, services: {{sshd: , sudo: {{if_unreachable: accept}}}}}}\n"
AUDIT = "audit: {{file: {folder}/audit.jsonl}}\n"


async def start(path: Path, stack: AsyncExitStack) -> Parts:
    """Start what the file names."""
    return await start_parts(load_settings(path), SystemClock(), stack)


async def test_only_named_parts_run(private_folder: Path) -> None:
    """An administrator who names only RADIUS gets no socket and no page."""
    path = write_config(private_folder, PROVIDER, RADIUS, AUDIT)
    async with AsyncExitStack() as stack:
        parts = await start(path, stack)
        assert (parts.authority, parts.pam) == (None, None)
        assert parts.radius is not None
        assert parts.radius.ports[0] > 0


async def test_an_authority_alone_needs_no_provider(private_folder: Path) -> None:
    """An administrator can run the authority as a unit of its own."""
    path = write_config(private_folder, AUTHORITY)
    async with AsyncExitStack() as stack:
        parts = await start(path, stack)
        assert parts.authority is not None
        assert parts.radius is None


async def test_a_provider_that_hangs_does_not_hold_up_the_start(private_folder: Path) -> None:
    """A gate whose provider takes connections and answers nothing serves at once, and stops at once."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(5)
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        path = write_config(private_folder, PROVIDER, RADIUS, AUDIT, url=url)
        clock = SystemClock()
        async with asyncio.timeout(10), AsyncExitStack() as stack:
            parts = await start(path, stack)
            assert parts.radius is not None
            connection, _ = await asyncio.to_thread(silent.accept)
            asked = await asyncio.to_thread(connection.recv, 64)
            assert asked.startswith(b"GET /api/ping ")
            stopped = clock.now()
        assert clock.now() - stopped < 2
        connection.close()


async def test_everything_stops_when_a_part_cannot_start(private_folder: Path) -> None:
    """A daemon whose RADIUS port is taken leaves no socket behind."""
    first = write_config(private_folder, PROVIDER, RADIUS, AUDIT)
    async with AsyncExitStack() as holder:
        port = (await start(first, holder)).radius
        assert port is not None
        taken = RADIUS.replace("127.0.0.1:0", f"127.0.0.1:{port.ports[0]}")
        second = write_config(private_folder, PROVIDER, taken, PAM, AUDIT)
        with pytest.raises(PushgateError) as caught:
            async with AsyncExitStack() as stack:
                await start(second, stack)
        assert caught.value.hint
        assert not (private_folder / "pam.sock").exists()


async def test_an_authority_that_cannot_start_says_why(private_folder: Path) -> None:
    """An administrator whose authority folder is open to others is told so, with the command that helps."""
    (private_folder / "authority").mkdir(mode=0o755)
    path = write_config(private_folder, AUTHORITY)
    async with AsyncExitStack() as stack:
        with pytest.raises(PushgateError, match="open to others") as caught:
            await start(path, stack)
    assert caught.value.hint == f"chmod 700 {private_folder / 'authority'}"


async def test_radsec_runs_beside_udp(private_folder: Path) -> None:
    """An administrator who names radsec has it started and stopped with the rest, and reads its counters."""
    certificates = Certificates(private_folder)
    radsec = f"""\
  radsec:
    listen: ["127.0.0.1:0"]
    certificate_file: {certificates.files.certificate}
    key_file: {certificates.files.key}
    client_ca_file: {certificates.files.client_ca}
    clients: [{{{{name: branch, certificate_name: branch.example.org}}}}]
"""
    path = write_config(private_folder, PROVIDER, RADIUS + radsec, AUDIT)
    async with AsyncExitStack() as stack:
        parts = await start(path, stack)
        status = status_of(parts)
        assert parts.authenticator is not None
        assert set(parts.authenticator.policy.rules) == {"vpn", "branch"}
        [port] = status["radsec"]["ports"]
        with socket.create_connection(("127.0.0.1", port)):
            pass
    assert status["radsec"] == {"ports": [port], "connections": 0, "opened": 0, "refused": {}, "closed": {}}
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


async def test_the_status_says_what_runs(private_folder: Path) -> None:
    """An administrator reads ports, pending logins and counters of the parts that run, and of no others."""
    path = write_config(private_folder, PROVIDER, RADIUS, AUDIT)
    async with AsyncExitStack() as stack:
        parts = await start(path, stack)
        assert parts.radius is not None
        parts.radius.counters.refused["chap"] += 2
        status = status_of(parts)
    assert list(status) == ["logins", "providers", "radius"]
    assert status["providers"] == {"provider": {"asked": 0, "failed": 0}}
    assert status["logins"] == {"pending": 0, "decided": {}, "unlocked": 0, "remembered": 0}
    assert status["radius"]["ports"][0] > 0
    assert status["radius"]["refused"] == {"chap": 2}
