"""One JSON request against real servers on loopback."""

import asyncio
import errno
import gzip
import os
import resource
import socket
import ssl
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from typing_extensions import override

from pushgate.clock import SystemClock
from pushgate.http import JsonClient, Reply, RequestFailedError, classify
from pushgate.observing import Exchange, observed_by
from pushgate.outcome import FailureKind
from tests.support.http import answering, raw_server

CLOCK = SystemClock()


@asynccontextmanager
async def client_of(url: str, ca_file: Path | None = None) -> AsyncIterator[JsonClient]:
    """A client that is closed at the end."""
    client = JsonClient(url, CLOCK, {"Authorization": "key"}, ca_file)
    try:
        yield client
    finally:
        await client.close()


async def failure_at(url: str, seconds: float = 5.0, ca_file: Path | None = None) -> RequestFailedError:
    """The failure of one POST."""
    async with client_of(url, ca_file) as client:
        with pytest.raises(RequestFailedError) as caught:
            await client.request("POST", "/x", deadline=CLOCK.now() + seconds, body={})
    return caught.value


async def say(status: int, body: bytes, **headers: str) -> web.Response:
    """A reply with this body."""
    return web.Response(status=status, body=body, headers=headers)


async def test_a_json_reply_comes_back_whatever_the_status() -> None:
    """A server that refuses with JSON is heard."""
    async with (
        answering(lambda _request, _body: say(404, b'{"errors":[]}')) as server,
        client_of(server.url) as client,
    ):
        assert await client.request("GET", "/a?b=c", deadline=CLOCK.now() + 5) == Reply(404, {"errors": []})
    method, path, headers, _ = server.requests[0]
    assert (method, path, headers["Authorization"]) == ("GET", "/a?b=c", "key")
    assert headers["User-Agent"].startswith("pushgate/")


async def test_a_unix_socket_serves_as_well(private_folder: Path) -> None:
    """A client of a unix socket gets the reply of the server behind it."""
    path = str(private_folder / "s")
    async with answering(lambda _request, _body: say(200, b"{}"), unix=path) as server, client_of(server.url) as client:
        assert (await client.request("GET", "/", deadline=CLOCK.now() + 5)).body == {}


async def test_a_redirect_is_not_followed() -> None:
    """A server that redirects elsewhere does not get our key sent there."""
    async with answering(lambda _request, _body: say(200, b"{}")) as other:
        async with (
            answering(lambda _request, _body: say(302, b"", Location=other.url)) as server,
            client_of(server.url) as client,
        ):
            assert (await client.request("GET", "/", deadline=CLOCK.now() + 5)).status == 302
        assert other.requests == []


async def test_a_large_reply_is_cut_off() -> None:
    """A server that sends more than 64 KiB breaks the protocol."""
    async with answering(lambda _request, _body: say(200, b" " * 100_000)) as server:
        failure = await failure_at(server.url)
    assert (failure.kind, failure.sent, failure.status) == (FailureKind.PROTOCOL, True, 200)


async def test_a_gzip_bomb_is_cut_off_after_decompression() -> None:
    """A server that sends 10 MB packed into a few KiB breaks the protocol too."""
    bomb = gzip.compress(b" " * 10_000_000)
    async with answering(lambda _request, _body: say(200, bomb, **{"Content-Encoding": "gzip"})) as server:
        assert (await failure_at(server.url)).kind is FailureKind.PROTOCOL


async def test_a_gzipped_reply_is_read() -> None:
    """A server that packs a small reply is understood."""
    packed = gzip.compress(b'{"a":1}')
    async with (
        answering(lambda _request, _body: say(200, packed, **{"Content-Encoding": "gzip"})) as server,
        client_of(server.url) as client,
    ):
        assert (await client.request("GET", "/", deadline=CLOCK.now() + 5)).body == {"a": 1}


@pytest.mark.parametrize("body", [b"<html>", b"{", b"\xff\xfe", b"[" * 60_000])
async def test_a_success_that_is_not_json_breaks_the_protocol(body: bytes) -> None:
    """A server that answers 200 with something else than JSON is not believed."""
    async with answering(lambda _request, _body: say(200, body)) as server:
        assert (await failure_at(server.url)).kind is FailureKind.PROTOCOL


def test_a_reply_in_a_traceback_shows_no_secret() -> None:
    """A token that a server sends stands neither in a traceback nor in what asyncio prints of a task."""
    shown = repr(Reply(200, {"access_token": "hunter2"}, headers={"Authorization": "hunter2"}))
    assert "200" in shown
    assert "hunter2" not in shown


async def test_an_error_page_keeps_its_status() -> None:
    """A proxy that answers 502 with HTML is known by its status."""
    async with answering(lambda _request, _body: say(502, b"<html>")) as server, client_of(server.url) as client:
        assert await client.request("GET", "/", deadline=CLOCK.now() + 5) == Reply(502, None)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 21 Oct 2950 07:28:00 GMT", 99_999.0),
        ("Mon", None),
        ("-1", None),
        ("9" * 9, None),
        ("Fri, 21 Oct 99999999999999999999 07:28:00 GMT", None),
        ("Fri, 21 Oct 2950 07:28:00 +99999999999999", None),
    ],
)
async def test_retry_after_is_read_in_both_forms(value: str, seconds: float | None) -> None:
    """A server that asks for a pause in seconds or until a date is heard; anything else counts as not said."""
    async with (
        answering(lambda _request, _body: say(429, b"", **{"Retry-After": value})) as server,
        client_of(server.url) as client,
    ):
        assert (await client.request("GET", "/", deadline=CLOCK.now() + 5)).retry_after == seconds


async def test_a_refused_connection_was_never_sent(free_port: int) -> None:
    """A server that is down has surely not asked anybody."""
    failure = await failure_at(f"http://127.0.0.1:{free_port}")
    assert (failure.kind, failure.sent) == (FailureKind.UNAVAILABLE, False)


async def test_a_missing_socket_was_never_sent(private_folder: Path) -> None:
    """An authority that is not running has surely not asked anybody."""
    failure = await failure_at(f"unix:{private_folder}/none")
    assert (failure.kind, failure.sent) == (FailureKind.UNAVAILABLE, False)


async def test_a_daemon_without_descriptors_does_not_call_its_provider_unreachable(private_folder: Path) -> None:
    """An attacker who uses up our descriptors causes a fault of ours, which never fails open."""
    path = str(private_folder / "s")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with answering(lambda _request, _body: say(200, b"{}"), unix=path) as server, client_of(server.url) as client:
        free = os.open("/dev/null", os.O_RDONLY)
        os.close(free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (free, limits[1]))
        try:
            with pytest.raises(RequestFailedError) as caught:
                await client.request("POST", "/x", deadline=CLOCK.now() + 5, body={})
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert (caught.value.kind, caught.value.sent) == (FailureKind.CONFIG, False)


@pytest.mark.parametrize(("stood_still", "kind"), [(0.0, FailureKind.UNAVAILABLE), (6.0, FailureKind.RATE_LIMITED)])
async def test_a_machine_that_stands_still_is_no_outage(stood_still: float, kind: FailureKind) -> None:
    """A user who makes the machine so slow that calls end late does not make the provider unreachable."""

    class Stalling(SystemClock):
        seconds = 0.0

        @override
        def now(self) -> float:
            return super().now() + self.seconds

    clock = Stalling()
    async with raw_server(b"", delay=0.2) as url:
        client = JsonClient(url, clock, {})
        asyncio.get_running_loop().call_later(0.01, setattr, clock, "seconds", stood_still)
        with pytest.raises(RequestFailedError) as caught:
            await client.request("GET", "/api/ping", deadline=clock.now() + 0.05)
        await client.close()
    assert caught.value.kind is kind


async def test_a_full_queue_is_no_outage(private_folder: Path) -> None:
    """An attacker who fills the queue of an authority that is busy does not make it unreachable."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(private_folder / "s"))
        listening.listen(0)
        with socket.socket(socket.AF_UNIX) as other:
            other.connect(str(private_folder / "s"))
            async with client_of(f"unix:{private_folder}/s") as client:
                with pytest.raises(RequestFailedError) as caught:
                    await client.request("GET", "/api/ping", deadline=CLOCK.now() + 5)
    assert caught.value.kind is FailureKind.CONFIG


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL, errno.ENOBUFS])
def test_a_fault_of_our_own_host_is_no_outage(number: int) -> None:
    """A daemon that may not connect, or has no port left, has a fault that the administrator must mend."""
    assert classify(OSError(number, "x"), sent=False).kind is FailureKind.CONFIG


async def test_an_unknown_host_was_never_sent() -> None:
    """A name that does not resolve has surely not asked anybody."""
    failure = await failure_at("http://nowhere.invalid")
    assert (failure.kind, failure.sent) == (FailureKind.UNAVAILABLE, False)


async def test_a_dropped_connection_may_have_been_sent() -> None:
    """A server that closes without a reply may have asked the person."""
    async with raw_server(b"") as url:
        failure = await failure_at(url)
    assert (failure.kind, failure.sent) == (FailureKind.UNAVAILABLE, True)


async def test_a_silent_server_may_have_been_sent() -> None:
    """A server that answers too late may have asked the person."""
    async with raw_server(b"", delay=0.5) as url:
        failure = await failure_at(url, 0.2)
    assert (failure.kind, failure.sent) == (FailureKind.UNAVAILABLE, True)


async def test_a_reply_cut_short_is_an_outage() -> None:
    """A server that dies in the middle of its reply is unreachable, after having been asked."""
    async with raw_server(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{") as url:
        failure = await failure_at(url)
    assert (failure.kind, failure.sent) == (FailureKind.UNAVAILABLE, True)


async def test_garbage_instead_of_http_breaks_the_protocol() -> None:
    """A server that does not speak HTTP is not called unreachable: that could fail open."""
    async with raw_server(b"SSH-2.0-OpenSSH_9.2\r\n\r\n") as url:
        assert (await failure_at(url)).kind is FailureKind.PROTOCOL


async def test_an_untrusted_certificate_is_a_configuration_fault(private_folder: Path) -> None:
    """A server with a certificate of a stranger is refused before anything is sent, and never fails open."""
    async with tls_server(private_folder) as (url, _ca):
        failure = await failure_at(url)
    assert (failure.kind, failure.sent) == (FailureKind.CONFIG, False)


async def test_a_certificate_for_another_host_is_refused(private_folder: Path) -> None:
    """A server with a trusted certificate of another name is refused too."""
    async with tls_server(private_folder, name="elsewhere.example") as (url, ca):
        assert (await failure_at(url, ca_file=ca)).kind is FailureKind.CONFIG


async def test_a_trusted_certificate_is_accepted(private_folder: Path) -> None:
    """A server whose CA the configuration names is spoken to."""
    async with tls_server(private_folder) as (url, ca), client_of(url, ca) as client:
        assert (await client.request("GET", "/", deadline=CLOCK.now() + 5)).status == 200


async def test_a_connection_cut_in_the_handshake_is_an_outage() -> None:
    """A server that dies during the TLS handshake is unreachable, and nothing was sent."""
    async with raw_server(b"") as url:
        failure = await failure_at(url.replace("http:", "https:"))
    assert (failure.kind, failure.sent) == (FailureKind.UNAVAILABLE, False)


async def test_no_cookie_of_one_person_reaches_the_next() -> None:
    """A server that sets a cookie does not get it back."""
    async with (
        answering(lambda _request, _body: say(200, b"{}", **{"Set-Cookie": "a=b"})) as server,
        client_of(server.url) as client,
    ):
        for _ in range(2):
            await client.request("GET", "/", deadline=CLOCK.now() + 5)
    assert all("Cookie" not in headers for _, _, headers, _ in server.requests)


async def test_many_requests_wait_at_the_same_time() -> None:
    """A daemon with 150 waiting logins is not held up by a connection limit."""
    arrived = asyncio.Event()

    async def hold(_request: web.Request, _body: bytes) -> web.Response:
        if len(server.requests) == 150:
            arrived.set()
        await arrived.wait()
        return web.json_response({})

    async with answering(hold) as server, client_of(server.url) as client:
        waiting = [client.request("GET", "/", deadline=CLOCK.now() + 20) for _ in range(150)]
        assert len(await asyncio.gather(*waiting)) == 150


@asynccontextmanager
async def tls_server(folder: Path, name: str = "localhost") -> AsyncIterator[tuple[str, Path]]:
    """An HTTPS server with a certificate of its own; yields its address and the certificate's file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "certificate.pem"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file = folder / "key.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key_file)
    runner = web.ServerRunner(web.Server(lambda _request: say(200, b"{}")), shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    try:
        yield f"https://localhost:{runner.addresses[0][1]}", pem
    finally:
        await runner.cleanup()


async def test_a_put_is_sent_once() -> None:
    """A connection that breaks after a PUT was read costs no second PUT, as a kept one would."""
    puts = []

    async def answer(request: web.Request, _body: bytes) -> web.StreamResponse:
        if request.method == "PUT":
            puts.append(request.transport)
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({})

    async with answering(answer) as server, client_of(server.url) as client:
        await client.request("GET", "/", deadline=CLOCK.now() + 5)
        with pytest.raises(RequestFailedError) as caught:
            await client.request("PUT", "/code", deadline=CLOCK.now() + 5, body={"otp": "123456"})
    assert (len(puts), caught.value.sent) == (1, True)


async def test_a_form_is_sent_as_one() -> None:
    """A server that wants forms gets one, and what it says in its headers comes back."""
    async with (
        answering(lambda _request, _body: say(200, b"{}", Authorization="rotated")) as server,
        client_of(server.url) as client,
    ):
        form = {"strategy": "totp", "code": "1 &=\u00e9"}
        reply = await client.request("POST", "/v1?a=%2F%2B", deadline=CLOCK.now() + 5, form=form)
    assert reply.headers["authorization"] == "rotated"
    _, path, headers, body = server.requests[0]
    assert path == "/v1?a=%2F%2B"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert body == b"strategy=totp&code=1+%26%3D%C3%A9"


async def test_somebody_looks_on_at_replies_and_failures() -> None:
    """A person who looks on sees each request with its end, and no id, header, body or key of it."""
    seen: list[Exchange] = []
    async with answering(lambda _request, _body: say(404, b'{"token":"hidden"}', Trace="hidden")) as server:
        with observed_by(seen.append):
            client = JsonClient(server.url, CLOCK, {"Authorization": "hidden"})
        try:
            await client.request("POST", "/users/HIDDEN?name=hidden", deadline=CLOCK.now() + 5, body={"x": "hidden"})
            await client.request("PUT", "/verify", deadline=CLOCK.now() + 5, form={"code": "hidden"})
        finally:
            await client.close()
    shown = [(each.server, each.method, each.path, each.status, each.failure) for each in seen]
    assert shown == [(server.url, "POST", "/users/*?name=*", 404, ""), (server.url, "PUT", "/verify", 404, "")]
    assert "hidden" not in str(seen).lower()
    assert all(0 < each.seconds < 5 for each in seen)


async def test_who_looks_on_sees_what_never_came() -> None:
    """A person who looks on sees that a server is down, and that a request was given up half way."""
    seen: list[Exchange] = []
    with observed_by(seen.append):
        client = JsonClient("http://127.0.0.1:1", CLOCK, {})
    with pytest.raises(RequestFailedError):
        await client.request("GET", "/x", deadline=CLOCK.now() + 5)
    await client.close()
    async with raw_server(b"", delay=0.3) as url:
        with observed_by(seen.append):
            client = JsonClient(url, CLOCK, {})
        asking = asyncio.create_task(client.request("GET", "/x", deadline=CLOCK.now() + 5))
        await asyncio.sleep(0.05)
        asking.cancel()
        await asyncio.wait([asking])
        await client.close()
        shown = [(each.status, each.failure) for each in seen]
        assert shown == [(None, "unavailable: ClientConnectorError"), (None, "given up")]


async def test_a_program_that_is_started_meanwhile_gets_no_connection() -> None:
    """A program that is started while a request is out inherits no socket of it, on which it could read the answer."""
    inherited: list[bool] = []

    async def answer(_request: web.Request, _body: bytes) -> web.StreamResponse:
        for name in [each.name for each in Path("/proc/self/fd").iterdir()]:
            with suppress(OSError):
                is_socket = stat.S_ISSOCK(os.fstat(int(name)).st_mode)
                inherited.extend([os.get_inheritable(int(name))] * is_socket)
        return web.json_response({})

    async with answering(answer) as server, client_of(server.url) as client:
        await client.request("GET", "/", deadline=CLOCK.now() + 5)
    assert len(inherited) >= 2
    assert not any(inherited)
