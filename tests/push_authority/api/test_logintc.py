"""LoginTC's calls, with the official client where it has them and byte by byte where that matters."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import logintc
import pytest

from push_authority.apikeys import all_keys, store_key
from tests.support.authority import NATIVE, RunningAuthority

SESSIONS = "/domains/{d}/sessions"


async def official(authority: RunningAuthority, work: Callable[[Any], Any], key: str | None = None) -> Any:
    """Run work with the official client, which blocks, in a thread."""

    def run() -> Any:
        client = logintc.LoginTC(
            key or authority.api_key, host=f"127.0.0.1:{authority.authority.listen_port}", secure=False
        )
        try:
            return work(client)
        finally:
            for connection in client.http.connections.values():
                connection.close()

    return await asyncio.to_thread(run)


async def test_official_client_reads_the_organization(authority: RunningAuthority) -> None:
    """Ping, organization, domain and image are as the official client expects."""
    domain = authority.domain_id
    assert (await official(authority, lambda client: client.get_ping()))["status"] == "OK"
    assert await official(authority, lambda client: client.get_organization()) == {"name": "Example Org"}
    assert await official(authority, lambda client: client.get_domain(domain)) == {
        "id": domain,
        "name": "Staff",
        "type": "RADIUS",
        "keyType": "PIN",
        "maxAllowedRetries": 5,
        "requestTimeout": 60,
        "activationCodeExpiration": 1,
        "requestPollingEnabled": True,
        "bypassEnabled": True,
    }
    image = await official(authority, lambda client: client.get_domain_image(domain))
    assert image.startswith(b"\x89PNG")


async def test_official_client_asks_by_name_and_by_id(authority: RunningAuthority) -> None:
    """Sessions begun by user name and by id are approved and denied by a device, and read so."""
    device, domain = await authority.enrol("alice"), authority.domain_id
    user = (await official(authority, lambda client: client.get_user_by_username("alice")))["id"]
    attributes = [{"key": "IP Address", "value": "203.0.113.7"}, {"key": "Area", "value": "\u202e51"}]

    by_name = await official(
        authority,
        lambda client: client.create_session(domain, username="alice", attributes=attributes, ip_address="203.0.113.7"),
    )
    assert set(by_name) == {"id", "state"}
    assert by_name["state"] == "pending"
    shown = json.loads((await device.session(by_name["id"]))["ctx"])
    assert shown["attributes"] == [
        {"key": "IP Address", "value": "203.0.113.7"},
        {"key": "Area", "value": r"\u202e51"},
    ]
    assert (shown["ip"], shown["user"]) == ("203.0.113.7", "alice")
    assert (await device.decide(by_name["id"], "approved")).status == 200
    read = await official(authority, lambda client: client.get_session(domain, by_name["id"]))
    assert read == {"id": by_name["id"], "state": "approved"}

    by_id = await official(authority, lambda client: client.create_session(domain, user))
    assert (await device.decide(by_id["id"], "denied")).status == 200
    read = await official(authority, lambda client: client.get_session(domain, by_id["id"]))
    assert read == {"id": by_id["id"], "state": "denied"}


async def test_official_client_withdraws(authority: RunningAuthority) -> None:
    """A deleted session reads denied and can no longer be approved; deleting it again is fine."""
    device, domain = await authority.enrol("alice"), authority.domain_id
    session = (await official(authority, lambda client: client.create_session(domain, username="alice")))["id"]
    shown = await device.session(session)
    for _ in range(2):
        await official(authority, lambda client: client.delete_session(domain, session))
    assert await official(authority, lambda client: client.get_session(domain, session)) == {
        "id": session,
        "state": "denied",
    }
    late = await device.decide(shown, "approved")
    assert (late.status, late.json["state"]) == (409, "cancelled")


async def test_official_client_is_told_of_missing_tokens(authority: RunningAuthority) -> None:
    """A user without a device is NoTokenException; an unknown one, and a wrong key, are APIException."""
    domain = authority.domain_id
    await authority.add_user("bob")
    with pytest.raises(logintc.NoTokenException):
        await official(authority, lambda client: client.create_session(domain, username="bob"))
    for work, code in (
        (lambda client: client.create_session(domain, username="nobody"), "api.error.notfound.user"),
        (lambda client: client.get_session(domain, "0" * 40), "api.error.notfound.session"),
        (lambda client: client.get_domain("0" * 40), "api.error.notfound.domain"),
        (lambda client: client.create_session("0" * 40, username="bob"), "api.error.notfound.domain"),
        (lambda client: client.create_bypass_code("0" * 40), "api.error.notfound.user"),
    ):
        with pytest.raises(logintc.APIException) as refusal:
            await official(authority, work)
        assert refusal.value.code == code
    with pytest.raises(logintc.APIException) as refusal:
        await official(authority, lambda client: client.get_ping(), key="x" * 64)
    assert refusal.value.code == "api.error.unauthorized"


@pytest.mark.parametrize("code", [{"otp": "123456"}, {"bypass_code": "123456789"}])
async def test_official_client_with_a_code_is_denied(authority: RunningAuthority, code: dict[str, str]) -> None:
    """A wrong code is answered at once with denied, and reads denied afterwards."""
    await authority.enrol("alice")
    domain = authority.domain_id
    session = await official(authority, lambda client: client.create_session(domain, username="alice", **code))
    assert session["state"] == "denied"
    read = await official(authority, lambda client: client.get_session(domain, session["id"]))
    assert read["state"] == "denied"


async def test_session_body_is_exact_on_the_wire(authority: RunningAuthority) -> None:
    """Create and read answer with the very bytes that logintc-c cuts apart, and a length."""
    device = await authority.enrol("alice")
    created = await authority.call("POST", SESSIONS, {"user": {"username": "alice"}, "attributes": []}, accept="*/*")
    match = re.fullmatch(rb'\{"id":"([0-9a-f]{40})","state":"pending"\}', created.body)
    assert match
    assert created.headers["Content-Length"] == "67"
    session = match[1].decode()
    assert (await authority.call("GET", f"{SESSIONS}/{session}")).body == created.body
    await device.decide(session, "approved")
    read = (await authority.call("GET", f"{SESSIONS}/{session}", accept="")).body
    assert read == f'{{"id":"{session}","state":"approved"}}'.encode()
    assert (read[7:47].decode(), read[58:-2]) == (session, b"approved")


async def test_documented_curl_calls_work(authority: RunningAuthority) -> None:
    """The documented curl call, with its form type and no Accept, creates; the invalid example is refused."""
    await authority.enrol("john.doe")
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "*/*"}
    body = b'{"user" : {"username" : "john.doe"},  "attributes" : []}'
    assert (await authority.call("POST", SESSIONS, body, headers=headers)).status == 200
    broken = b'{"user" : {"username" : "john.doe"}, "otp" : "123456"]}'
    assert (await authority.call("POST", SESSIONS, broken, headers=headers)).status == 400


async def test_unknown_session_does_not_end_logintc_c(authority: RunningAuthority) -> None:
    """logintc-c, which exits on a failed GET, is told denied for an unknown session; others 404."""
    session = "0123456789" * 4
    path = f"{SESSIONS}/{session}"
    told = await authority.call("GET", path, headers={"User-Agent": "LoginTC-C/1.1.0"})
    assert (told.status, told.body) == (200, f'{{"id":"{session}","state":"denied"}}'.encode())
    assert (await authority.call("GET", path)).code == "notfound.session"
    assert (await authority.call("GET", f"{SESSIONS}/short")).code == "notfound.session"


async def test_long_poll_returns_at_the_decision(authority: RunningAuthority) -> None:
    """Waiting calls of both forms return when the person has answered, long before their time is over."""
    device = await authority.enrol("alice")
    session = await authority.ask("alice")
    path = f"{SESSIONS}/{session}?wait=30"
    waits = [asyncio.create_task(authority.call("GET", path, accept=accept)) for accept in ("*/*", NATIVE)]
    await device.session(session)
    await device.decide(session, "approved")
    async with asyncio.timeout(10):
        v1, native = await asyncio.gather(*waits)
    assert v1.body == f'{{"id":"{session}","state":"approved"}}'.encode()
    assert native.json["state"] == "approved"


@pytest.mark.parametrize("query", ["?wait=31", "?wait=-1", "?wait=x", "?wait=", "?wait=nan"])
async def test_broken_wait_is_refused(authority: RunningAuthority, query: str) -> None:
    """A wait that is no number from 0 to 30 is refused."""
    await authority.enrol("alice")
    session = await authority.ask("alice")
    assert (await authority.call("GET", f"{SESSIONS}/{session}{query}")).code == "badrequest"


async def test_native_session_carries_a_proof(authority: RunningAuthority) -> None:
    """The native form has the context in what is signed, and the proof of the decision for the host to check."""
    device = await authority.enrol("alice")
    body = {
        "user": {"username": "alice"},
        "context": {"service": "sudo", "host": "web1", "account": "root", "command": "id\x1b[8m", "origin_kind": "pam"},
        "client_nonce": "AAECAwQFBgcICQoLDA0ODw",
        "timeout": 30,
    }
    created = (await authority.call("POST", SESSIONS, body, accept=NATIVE)).json
    assert (created["state"], created["proof"]) == ("pending", None)
    assert 28 < created["expires_in"] <= 30
    shown = await device.session(created["id"])
    await device.decide(shown, "approved")
    decided = (await authority.call("GET", f"{SESSIONS}/{created['id']}", accept=NATIVE)).json
    assert (decided["state"], decided["assurance"], decided["reason"]) == ("approved", 2, None)
    proof = decided["proof"]
    assert (proof["ctx"], proof["nonce"], proof["device_id"]) == (shown["ctx"], shown["nonce"], device.id)
    ctx = json.loads(proof["ctx"])
    assert (ctx["command"], ctx["client_nonce"]) == (r"id\x1b[8m", "AAECAwQFBgcICQoLDA0ODw")


async def test_idempotent_create_joins_over_http(authority: RunningAuthority) -> None:
    """A repeated create with the same key and body is the same session; another body is 409 in our form."""
    await authority.enrol("alice")
    headers, body = {"Idempotency-Key": "attempt-1"}, {"user": {"username": "alice"}}
    replies = await asyncio.gather(
        *(authority.call("POST", SESSIONS, body, accept=NATIVE, headers=headers) for _ in range(5))
    )
    assert len({reply.json["id"] for reply in replies}) == 1
    other = {"user": {"username": "alice"}, "ipAddress": "192.0.2.1"}
    assert (await authority.call("POST", SESSIONS, other, accept=NATIVE, headers=headers)).status == 409


async def test_consume_is_won_once_over_http(authority: RunningAuthority) -> None:
    """Of ten consumers of one approval exactly one wins, also when it asks again."""
    device = await authority.enrol("alice")
    session = await authority.ask("alice")
    path = f"{SESSIONS}/{session}/consume"
    assert (await authority.call("POST", path, {"consumer": "early"}, accept=NATIVE)).status == 409
    await device.decide(session, "approved")
    names = [f"consumer-{number}" for number in range(10)]
    calls = (authority.call("POST", path, {"consumer": name}, accept=NATIVE) for name in names)
    replies = dict(zip(names, await asyncio.gather(*calls), strict=True))
    winners = [name for name, reply in replies.items() if reply.status == 200]
    assert len(winners) == 1
    assert {reply.status for name, reply in replies.items() if name not in winners} == {409}
    assert (await authority.call("POST", path, {"consumer": winners[0]}, accept=NATIVE)).json["consumed"] is True
    assert (await authority.call("POST", path, {"consumer": ""}, accept=NATIVE)).status == 400


async def test_other_keys_and_domains_do_not_meet(authority: RunningAuthority) -> None:
    """A session does not exist for another API key or under another domain: not to read, cancel or consume."""
    device = await authority.enrol("alice")
    session, other = await authority.ask("alice"), "z" * 64
    await authority.authority.store.transact(lambda tx: store_key(tx, "vpn", other))
    # Keys are read at start: this stands in for a restart.
    keys = await authority.authority.store.transact(all_keys)
    authority.authority.keyring.keys = keys
    path = f"{SESSIONS}/{session}"
    foreign = f"/domains/{'e' * 40}/sessions/{session}"
    for method, where, key in (
        ("GET", path, other),
        ("DELETE", path, other),
        ("GET", foreign, None),
        ("DELETE", foreign, None),
    ):
        assert (await authority.call(method, where, key=key)).code == "notfound.session"
    assert (await authority.call("POST", path + "/consume", {"consumer": "x"}, key=other)).code == "notfound.session"
    assert await authority.state(session) == "pending"
    assert (await device.decide(session, "approved")).status == 200
