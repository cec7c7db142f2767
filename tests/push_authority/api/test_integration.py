import asyncio
import gzip
import re

import aiohttp
import pytest

from tests.support.authority import NATIVE, V1, RunningAuthority, fetch

KEYLESS = ["/ping", "/organization", "/users", "/domains/{d}", "/nothing"]


@pytest.mark.parametrize("path", KEYLESS)
@pytest.mark.parametrize("header", [None, "", 'LoginTC key="' + "x" * 64 + '"', "Bearer x"])
async def test_every_call_needs_the_key(authority: RunningAuthority, path: str, header: str | None) -> None:
    """Without the right key nothing is told, not even which paths there are."""
    headers = {} if header is None else {"Authorization": header}
    url = authority.api_url + path.replace("{d}", authority.domain_id)
    reply = await fetch(authority.http, "GET", url, None, headers)
    assert (reply.status, reply.code) == (401, "unauthorized")


async def test_success_is_200_of_logintcs_type(authority: RunningAuthority) -> None:
    """An answer is 200, of LoginTC's media type, not to be cached, and does not name our library."""
    reply = await authority.call("GET", "/ping")
    assert (reply.status, reply.headers["Content-Type"]) == (200, V1)
    assert reply.json == {"status": "OK", "features": ["wait", "idempotency", "number", "proof", "consume"]}
    assert (reply.headers["Cache-Control"], reply.headers["Server"]) == ("no-store", "pushgate")


async def test_answers_follow_the_accept_header(authority: RunningAuthority) -> None:
    """Refusals too come in the form that was asked for."""
    assert (await authority.call("GET", "/nothing", accept=NATIVE)).headers["Content-Type"] == NATIVE
    assert (await authority.call("GET", "/nothing", accept="*/*")).headers["Content-Type"] == V1


async def test_unknown_path_and_method_are_told_apart(authority: RunningAuthority) -> None:
    """An unknown path is 404, a known one with another method 405, both with an error entry."""
    assert ((reply := await authority.call("GET", "/nothing")).status, reply.code) == (404, "notfound")
    assert ((reply := await authority.call("POST", "/ping", {})).status, reply.code) == (405, "methodnotallowed")
    assert (await authority.call("POST", "/users/" + "0" * 40 + "/bypasscodes", {})).status == 404


async def test_large_body_is_refused(authority: RunningAuthority) -> None:
    """A body over 64 KiB is 400 to LoginTC's clients, which know no 413, and 413 to ours."""
    huge = b'{"user":"' + b"x" * 70_000 + b'"}'
    for accept, status in ((V1, 400), (NATIVE, 413)):
        reply = await authority.call("POST", "/domains/{d}/sessions", huge, accept=accept)
        assert (reply.status, reply.code) == (status, "toolarge")


async def test_compressed_body_is_not_unpacked(authority: RunningAuthority) -> None:
    """A gzip bomb is 64 KiB of invalid JSON, not gigabytes."""
    bomb = gzip.compress(b" " * 10_000_000)
    assert len(bomb) < 64 * 1024
    reply = await authority.call("POST", "/domains/{d}/sessions", bomb, headers={"Content-Encoding": "gzip"})
    assert (reply.status, reply.code) == (400, "badrequest")


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ";;;", ""]
)
async def test_content_type_does_not_matter(authority: RunningAuthority, content_type: str) -> None:
    """JSON is read whatever it is called, as the documented curl calls need."""
    body = {"username": "bob", "name": "", "email": ""}
    reply = await authority.call("POST", "/users", body, headers={"Content-Type": content_type})
    assert reply.status == 200
    assert reply.json["username"] == "bob"


@pytest.mark.parametrize("junk", [b"", b"\x00" * 100, b"[]", b"null", b'"text"', b"7", b'{"user":' * 2000])
async def test_junk_is_refused(authority: RunningAuthority, junk: bytes) -> None:
    """No body makes anything but 400."""
    for path in ("/users", "/domains/{d}/sessions"):
        reply = await authority.call("POST", path, junk)
        assert (reply.status, reply.code) == (400, "badrequest")


@pytest.mark.parametrize(
    "raw", [b"GARBAGE\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"\x00" * 64]
)
async def test_bytes_that_are_no_http(authority: RunningAuthority, raw: bytes) -> None:
    """What is no HTTP is refused or cut off, and the next caller is served."""
    reader, writer = await asyncio.open_connection("127.0.0.1", authority.authority.listen_port)
    writer.write(raw)
    writer.write_eof()
    answer = await reader.read()
    assert answer == b"" or re.match(rb"HTTP/1\.[01] 400 ", answer)
    writer.close()
    assert (await authority.call("GET", "/ping")).status == 200


async def test_unix_socket_serves_the_same(authority: RunningAuthority) -> None:
    """The integration plane answers on its unix socket too, and the device API does not."""
    connector = aiohttp.UnixConnector(path=str(authority.options.socket))
    async with aiohttp.ClientSession(connector=connector) as http:
        headers = {"Authorization": f'LoginTC key="{authority.api_key}"'}
        assert (await fetch(http, "GET", "http://authority/api/ping", None, headers)).status == 200
        assert (await fetch(http, "GET", "http://authority/device/v1/config", None, headers)).status == 404


async def test_planes_are_apart(authority: RunningAuthority) -> None:
    """The public plane does not know the domain API, even with the key."""
    headers = {"Authorization": f'LoginTC key="{authority.api_key}"'}
    reply = await fetch(authority.http, "GET", authority.page_url + "/api/ping", None, headers)
    assert reply.status == 404
