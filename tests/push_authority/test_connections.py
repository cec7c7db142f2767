import asyncio
import logging
import resource
import socket
from pathlib import Path

import pytest
import structlog

from push_authority import server
from push_authority.connections import affordable, http_log
from tests.support.authority import RunningAuthority, running_authority

KEY = "k" * 64


async def test_connections_are_bounded(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens one connection too many is turned away, says the log once, and the other plane does not notice."""
    monkeypatch.setattr(server, "MAX_VISITORS", 2)
    async with running_authority(private_folder) as authority:
        port = int(authority.page_url.rpartition(":")[2])
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
        with structlog.testing.capture_logs() as logged:
            for _ in range(2):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                assert await reader.read() == b""
                writer.close()
                await writer.wait_closed()
        full = {"event": "connections_full", "plane": f"('127.0.0.1', {port})", "limit": 2, "log_level": "warning"}
        assert logged == [full]
        assert (await authority.call("GET", "/ping")).status == 200
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        assert (await authority.http.get(authority.page_url)).status == 200


async def test_unreadable_request_leaves_no_bytes_in_the_log(
    authority: RunningAuthority, caplog: pytest.LogCaptureFixture
) -> None:
    """A header that cannot be read is logged by its kind: its value may be an API key."""
    caplog.set_level(logging.DEBUG)
    reader, writer = await asyncio.open_connection("127.0.0.1", authority.authority.listen_port)
    writer.write(b'GET /api/ping HTTP/1.1\r\nHost: x\r\nAuthorization: LoginTC key="' + KEY.encode() + b'"\x01\r\n\r\n')
    assert (await reader.read()).startswith(b"HTTP/1.0 400 ")
    writer.close()
    await writer.wait_closed()
    assert [record.getMessage() for record in caplog.records if record.name == http_log.name] == [
        "Error handling request from 127.0.0.1: BadHttpMessage"
    ]
    assert KEY not in caplog.text


async def test_who_reads_no_answers_is_cut_off(authority: RunningAuthority) -> None:
    """Connections inherit the time after which the kernel gives up on a peer that takes nothing."""
    port = int(authority.page_url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
    await reader.readline()
    server = authority.authority.runners[1].server
    assert server is not None
    (connection,) = server.connections
    assert connection.transport is not None
    accepted = connection.transport.get_extra_info("socket")
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 10_000
    writer.close()
    await writer.wait_closed()


@pytest.mark.parametrize(("descriptors", "expected"), [(1024, 256), (65_536, 4096), (resource.RLIM_INFINITY, 4096)])
def test_a_plane_leaves_descriptors_to_the_other(
    monkeypatch: pytest.MonkeyPatch, descriptors: int, expected: int
) -> None:
    """Where descriptors are few, visitors of the page get a quarter of them and no more."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (descriptors, descriptors))
    assert affordable(4096, part=4) == expected
