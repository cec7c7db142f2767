import pytest

from push_authority.api.publicplane import SECURITY_HEADERS
from tests.support.authority import RunningAuthority, fetch

ACTIVATE = "/device/v1/activate"


@pytest.mark.parametrize("path", ["/", "/app.js", "/nothing", "/device/v1/config", "/device/v1/sessions", ACTIVATE])
async def test_security_headers_are_on_everything(authority: RunningAuthority, path: str) -> None:
    """Pages, scripts, JSON and refusals all carry the security headers, and no HSTS without TLS."""
    reply = await fetch(authority.http, "GET", authority.page_url + path, None, {})
    assert {name: reply.headers.get(name) for name in SECURITY_HEADERS} == SECURITY_HEADERS
    assert reply.headers["Server"] == "pushgate"
    assert "Strict-Transport-Security" not in reply.headers
    assert "Set-Cookie" not in reply.headers
    policy = reply.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for directive in ("script-src 'self'", "object-src 'none'", "frame-ancestors 'none'", "trusted-types pushgate"):
        assert directive in policy


async def test_api_answers_are_not_stored(authority: RunningAuthority) -> None:
    """JSON stays out of every cache."""
    reply = await fetch(authority.http, "GET", authority.page_url + "/device/v1/config", None, {})
    assert reply.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]", "LocalHost"])
async def test_own_names_are_served(authority: RunningAuthority, name: str) -> None:
    """The server answers to its loopback names with its own port."""
    port = authority.page_url.rpartition(":")[2]
    reply = await fetch(authority.http, "GET", authority.page_url + "/", None, {"Host": f"{name}:{port}"})
    assert reply.status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost", "localhost:1", "localhost.evil.example:{port}", "127.0.0.1.:{port}", "", "@"]
)
@pytest.mark.parametrize("path", ["/", "/device/v1/config", ACTIVATE])
async def test_foreign_names_are_refused(authority: RunningAuthority, host: str, path: str) -> None:
    """A name of an attacker that resolves to this machine gets nothing (DNS rebinding)."""
    port = authority.page_url.rpartition(":")[2]
    headers = {"Host": host.replace("{port}", port)}
    reply = await fetch(authority.http, "GET", authority.page_url + path, None, headers)
    assert (reply.status, reply.code) == (421, "misdirected")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 400),
        ({"Sec-Fetch-Site": "same-origin"}, 400),
        ({"Origin": "{own}"}, 400),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "none"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "https://localhost"}, 403),
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ({"Content-Type": ""}, 415),
    ],
)
async def test_changes_come_from_our_own_pages(
    authority: RunningAuthority, headers: dict[str, str], status: int
) -> None:
    """Another site's page cannot make a browser post to us: 400 means that only the body was wrong."""
    sent = {"Content-Type": "application/json"} | {
        name: value.replace("{own}", authority.page_url) for name, value in headers.items()
    }
    reply = await fetch(authority.http, "POST", authority.page_url + ACTIVATE, b"{}", sent)
    assert reply.status == status


async def test_unlinking_is_a_change_too(authority: RunningAuthority) -> None:
    """DELETE needs no body type, but the same origin."""
    url = authority.page_url + "/device/v1/self"
    assert (await fetch(authority.http, "DELETE", url, None, {})).status == 401
    assert (await fetch(authority.http, "DELETE", url, None, {"Sec-Fetch-Site": "cross-site"})).status == 403


async def test_reading_changes_nothing(authority: RunningAuthority) -> None:
    """No GET and no HEAD on any path changes the store."""
    device = await authority.enrol("alice")
    session = await authority.ask("alice")

    def count(tx: object) -> list[int]:
        tables = "session", "decision", "device", "activation", "audit", "person"
        return [tx.execute(f"SELECT count(*) FROM {table}")[0][0] for table in tables]  # type: ignore[attr-defined]

    before = await authority.authority.store.transact(count)
    for path in ("/", ACTIVATE, "/device/v1/self", f"/device/v1/sessions/{session}/decision", f"/s/{session}"):
        for method in ("GET", "HEAD"):
            headers = {"Authorization": device.authorization(method, path)}
            assert (await fetch(authority.http, method, authority.page_url + path, None, headers)).status in (
                200,
                404,
                405,
            )
    assert await authority.authority.store.transact(count) == before


async def test_large_body_is_413(authority: RunningAuthority) -> None:
    """A body over 64 KiB is refused."""
    headers = {"Content-Type": "application/json"}
    reply = await fetch(authority.http, "POST", authority.page_url + ACTIVATE, b"x" * 70_000, headers)
    assert (reply.status, reply.code) == (413, "toolarge")
