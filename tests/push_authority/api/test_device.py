import asyncio
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from push_authority import activation
from push_authority.proof import fingerprint
from tests.support.authority import NATIVE, RunningAuthority, SigningDevice, b64, fetch

P256_HALF_X = "a" * 43


async def test_config_is_open(authority: RunningAuthority) -> None:
    """Anybody may read who the authority is."""
    reply = await fetch(authority.http, "GET", authority.page_url + "/device/v1/config", None, {})
    host = authority.page_url.removeprefix("http://")
    assert reply.json == {"authority": host, "name": "Example Org", "vapid": None, "languages": ["en"]}


async def test_activation_answers_with_owner_and_fingerprint(authority: RunningAuthority) -> None:
    """A device learns whose it is, and a fingerprint that it can compute itself."""
    _, code = await authority.add_user("alice")
    device = SigningDevice(authority.page_url, authority.http)
    answer = await device.activate(code)
    assert answer == {
        "device_id": device.id,
        "user": "alice",
        "domain": "Staff",
        "fingerprint": fingerprint(device.public_key),
    }
    assert await device.sessions() == []


async def test_lost_activation_is_repeated(authority: RunningAuthority) -> None:
    """The same call again has the same answer; the code of another device does nothing."""
    _, code = await authority.add_user("alice")
    device, thief = (SigningDevice(authority.page_url, authority.http) for _ in range(2))
    assert await device.activate(code) == await device.activate(code)
    reply = await thief.post("/device/v1/activate", thief.activation(code))
    assert (reply.status, reply.code) == (404, "notfound.code")


def other_key(body: dict[str, Any]) -> None:
    """Exchange the key for the one of an attacker."""
    point = SigningDevice("", None).public_key  # type: ignore[arg-type]
    body["jwk"] = {"kty": "EC", "crv": "P-256", "x": b64(point[1:33]), "y": b64(point[33:])}


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (other_key, 403),
        (lambda body: body.update(sig=b64(bytes(64))), 403),
        (lambda body: body.update(sig=""), 403),
        (lambda body: body.update(code="2222222222"), 403),
        (lambda body: body.update(code="\ud800"), 403),
        (lambda body: body.update(code=7), 400),
        (lambda body: body.pop("sig"), 400),
        (lambda body: body.pop("jwk"), 400),
        (lambda body: body.update(jwk=[]), 400),
        (lambda body: body["jwk"].update(kty="RSA"), 400),
        (lambda body: body["jwk"].update(crv="P-384"), 400),
        (lambda body: body["jwk"].update(x=P256_HALF_X), 400),
        (lambda body: body["jwk"].update(y=""), 400),
        (lambda body: body.update(kind="toaster"), 400),
        (lambda body: body.update(label="x" * 65), 400),
        (lambda body: body.update(label=None, subscription={"endpoint": "http://192.0.2.1/"}), 400),
    ],
)
async def test_broken_activation_uses_no_code(authority: RunningAuthority, change: Any, status: int) -> None:
    """An activation that is not signed by its own key over its own code is refused, and the code stays good."""
    _, code = await authority.add_user("alice")
    device = SigningDevice(authority.page_url, authority.http)
    body = device.activation(code)
    change(body)
    assert (await device.post("/device/v1/activate", body)).status == status
    await device.activate(code)


async def test_guessing_codes_ends(authority: RunningAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    """After too many wrong codes, sent one by one or all at once, everybody must wait, even with a right code."""
    monkeypatch.setattr(activation, "WRONG_IN_ALL", 5)
    _, code = await authority.add_user("alice")
    device = SigningDevice(authority.page_url, authority.http)
    guesses = [device.activation("2222222" + "abc"[number % 3] * 3) for number in range(12)]
    replies = await asyncio.gather(*(device.post("/device/v1/activate", guess) for guess in guesses))
    assert sorted(reply.status for reply in replies) == [404] * 5 + [429] * 7
    reply = await device.post("/device/v1/activate", device.activation(code))
    assert (reply.status, reply.code) == (429, "ratelimited")
    assert 0 < int(reply.headers["Retry-After"]) <= 601


async def test_nonsense_locks_nobody_out(authority: RunningAuthority) -> None:
    """While another user of the machine types wrong codes, a right one is accepted."""
    _, code = await authority.add_user("alice")
    device = SigningDevice(authority.page_url, authority.http)
    for _ in range(25):
        assert (await device.post("/device/v1/activate", device.activation("2222222222"))).status == 404
    assert (await device.post("/device/v1/activate", device.activation(code))).status == 200


async def test_many_enrol_at_once(authority: RunningAuthority) -> None:
    """Right codes do not count: twenty people enrol at the same moment from one address."""
    codes = [(await authority.add_user(f"user{number}"))[1] for number in range(20)]
    devices = await asyncio.gather(*(authority.enrol_code(code) for code in codes))
    assert len({device.id for device in devices}) == 20


async def test_devices_are_bounded(authority: RunningAuthority) -> None:
    """The eleventh device of a user is refused, and its code stays pending."""
    user, code = await authority.add_user("alice")
    for _ in range(10):
        await authority.enrol_code(code)
        code = await authority.new_code(user)
    device = SigningDevice(authority.page_url, authority.http)
    reply = await device.post("/device/v1/activate", device.activation(code))
    assert (reply.status, reply.code) == (400, "toomanydevices")


async def test_label_is_shown_safely(authority: RunningAuthority) -> None:
    """A label with hidden characters is stored visibly."""
    _, code = await authority.add_user("alice")
    device = SigningDevice(authority.page_url, authority.http)
    reply = await device.post("/device/v1/activate", {**device.activation(code), "label": "evil\u202e\ud800"})
    assert reply.status == 200
    rows = await authority.authority.store.transact(lambda tx: tx.execute("SELECT label FROM device"))
    assert rows == [(r"evil\u202e\ud800",)]


@pytest.mark.parametrize("offset", [-119, 119])
async def test_clock_may_be_two_minutes_off(authority: RunningAuthority, offset: int) -> None:
    """A device whose clock is a little off is served."""
    device = await authority.enrol()
    device.clock_offset = offset
    assert await device.sessions() == []


@pytest.mark.parametrize("offset", [-125, 125, 10_000_000])
async def test_wrong_clock_is_told_the_time(authority: RunningAuthority, offset: int) -> None:
    """A device whose clock is wrong gets our time and can correct itself."""
    device = await authority.enrol()
    device.clock_offset = offset
    reply = await device.get("/device/v1/sessions")
    assert (reply.status, reply.code) == (401, "unauthorized")
    assert abs(reply.json["now"] - time.time()) < 10


async def test_request_signature_is_for_this_request(authority: RunningAuthority) -> None:
    """A signature for another path, method, device or body is refused without our time."""
    device, other = await authority.enrol("alice"), await authority.enrol("bob")
    session = await authority.ask("alice")
    own = device.authorization("GET", "/device/v1/sessions")
    headers = [
        device.authorization("GET", f"/device/v1/sessions/{session}"),
        device.authorization("DELETE", "/device/v1/sessions"),
        device.authorization("GET", "/device/v1/sessions", b"x"),
        own.replace(device.id, other.id),
        own.replace(device.id, "0" * 40),
        own.replace("Pushgate-Device ", ""),
        own[:-3] + 'A"',
        "",
    ]
    for header in headers:
        url = authority.page_url + "/device/v1/sessions"
        reply = await fetch(authority.http, "GET", url, None, {"Authorization": header})
        assert (reply.status, reply.code, "now" in reply.json) == (401, "unauthorized", False)
    query = await fetch(
        authority.http, "GET", authority.page_url + "/device/v1/sessions?x=1", None, {"Authorization": own}
    )
    assert query.status == 401


async def test_session_is_shown_as_it_is_stored(authority: RunningAuthority) -> None:
    """A device sees the exact text that it will sign, and what it needs to decide."""
    device = await authority.enrol("alice")
    session = await authority.ask("alice", attributes=[{"key": "Host", "value": "web1"}])
    (shown,) = await device.sessions()
    assert {key: shown[key] for key in ("id", "state", "number_required", "min_assurance", "waiting")} == {
        "id": session,
        "state": "pending",
        "number_required": False,
        "min_assurance": 2,
        "waiting": {"count": 0, "from": []},
    }
    assert 55 < shown["expires_in"] <= 60
    assert json.loads(shown["ctx"])["attributes"] == [{"key": "Host", "value": "web1"}]
    again = await device.session(session)
    assert (again["ctx"], again["nonce"], again["queued"]) == (shown["ctx"], shown["nonce"], False)
    await device.decide(session, "denied")
    assert (await device.session(session))["state"] == "denied"
    assert await device.sessions() == []


async def test_queue_is_announced(authority: RunningAuthority) -> None:
    """Of two logins of one service and address the first is shown, the second counted; its turn comes later."""
    device = await authority.enrol("alice")
    first = await authority.ask("alice", ipAddress="198.51.100.9")
    second = await authority.ask("alice", ipAddress="198.51.100.9")
    (shown,) = await device.sessions()
    assert (shown["id"], shown["waiting"]) == (first, {"count": 1, "from": ["198.51.100.9"]})
    assert (await device.session(second))["queued"] is True
    early = await device.decide(second, "approved")
    assert (early.status, early.json["state"]) == (409, "pending")
    await device.decide(first, "denied")
    assert [one["id"] for one in await device.sessions()] == [second]
    assert (await device.decide(second, "approved")).json == {"id": second, "state": "approved"}
    assert (await authority.state(first), await authority.state(second)) == ("denied", "approved")


async def test_attacker_ahead_does_not_stand_in_the_way(authority: RunningAuthority) -> None:
    """Who asked first from elsewhere, or from nowhere, does not block the person; a report ends all."""
    device = await authority.enrol("alice")
    attacks = [await authority.ask("alice", ipAddress="198.51.100.9"), await authority.ask("alice")]
    own = await authority.ask("alice", ipAddress="203.0.113.7")
    shown = await device.sessions()
    assert [(one["id"], one["waiting"]["count"]) for one in shown] == [(one, 0) for one in (*attacks, own)]
    assert (await device.decide(own, "approved")).status == 200
    assert [await authority.state(one) for one in attacks] == ["pending", "pending"]
    await device.decide(attacks[0], "denied.unknown_trigger")
    assert [await authority.state(one) for one in attacks] == ["denied", "denied"]


async def test_sessions_of_others_do_not_exist(authority: RunningAuthority) -> None:
    """Another person's session can be neither read nor decided, and looks like an unknown one."""
    alice, mallory = await authority.enrol("alice"), await authority.enrol("mallory")
    session = await authority.ask("alice")
    shown = await alice.session(session)
    assert await mallory.sessions() == []
    for path in (session, "0" * 40, "short"):
        assert (await mallory.get(f"/device/v1/sessions/{path}")).code == "notfound.session"
    reply = await mallory.decide(shown, "approved")
    assert (reply.status, reply.code) == (404, "notfound.session")
    assert await authority.state(session) == "pending"


async def test_forgeries_are_refused(authority: RunningAuthority) -> None:
    """Another session's, another decision's, another text's and another device's signature change nothing."""
    alice, mallory = await authority.enrol("alice"), await authority.enrol("mallory")
    session = await authority.ask("alice")
    shown = await alice.session(session)
    path = f"/device/v1/sessions/{session}/decision"
    good = alice.decision(shown, "approved")
    changed_ctx = {**shown, "ctx": shown["ctx"].replace("alice", "alicf")}
    forgeries = [
        {**alice.decision(shown, "denied"), "decision": "approved"},
        alice.decision(changed_ctx, "approved"),
        alice.decision({**shown, "id": "0" * 40}, "approved"),
        alice.decision({**shown, "nonce": "A" * 22}, "approved"),
        {**mallory.decision(shown, "approved"), "device_id": alice.id},
        {**good, "device_id": "0" * 40},
        {**good, "sig": good["sig"][:-2] + ("AA" if good["sig"][-2:] != "AA" else "BB")},
        {**good, "sig": ""},
    ]
    for forgery in forgeries:
        reply = await alice.post(path, forgery)
        assert (reply.status, reply.code) == (403, "forbidden")
    assert await authority.state(session) == "pending"
    assert (await alice.post(path, good)).status == 200
    replay = await alice.post(path, good)
    assert (replay.status, replay.json["state"]) == (409, "approved")


async def test_approval_of_one_login_never_opens_another(authority: RunningAuthority) -> None:
    """An approval that was recorded for login A is refused for login B of the same person."""
    alice = await authority.enrol("alice")
    first, second = await authority.ask("alice"), await authority.ask("alice")
    approval = alice.decision(await alice.session(first), "approved")
    await alice.post(f"/device/v1/sessions/{first}/decision", approval)
    replay = await alice.post(f"/device/v1/sessions/{second}/decision", approval)
    assert (replay.status, replay.code) == (403, "forbidden")
    assert await authority.state(second) == "pending"


@pytest.mark.parametrize(
    "change",
    [
        {"decision": "approve"},
        {"decision": "APPROVED"},
        {"decision": 7},
        {"number": 42},
        {"number": "4"},
        {"number": "4\uff12"},
        {"device_id": "x"},
        {"device_id": None},
        {"via": "mail"},
        {"sig": None},
        {"sig": ["a"]},
    ],
)
async def test_broken_decision_is_refused(authority: RunningAuthority, change: dict[str, Any]) -> None:
    """A decision of another form is 400 and changes nothing."""
    alice = await authority.enrol("alice")
    session = await authority.ask("alice")
    body = {**alice.decision(await alice.session(session), "approved"), **change}
    assert (await alice.post(f"/device/v1/sessions/{session}/decision", body)).status == 400
    assert await authority.state(session) == "pending"


def all_values(value: Any) -> set[Any]:
    """Return every text and number in a JSON value, also inside the JSON texts in it."""
    if isinstance(value, dict):
        return set().union(*map(all_values, value.values()))
    if isinstance(value, list):
        return set().union(*map(all_values, value))
    if isinstance(value, str) and value.startswith("{"):
        return all_values(json.loads(value))
    return {value}


@pytest.mark.parametrize("number", ["show", "57"])
async def test_number_is_typed_and_never_told(
    authority: RunningAuthority, capfd: pytest.CaptureFixture[str], number: str
) -> None:
    """A number is in the answer to who had it drawn, and before the decision in nothing else that can be read."""
    alice = await authority.enrol("alice")
    body = {"user": {"username": "alice"}, "number": number, "context": {"service": "vpn"}}
    created = (await authority.call("POST", "/domains/{d}/sessions", body, accept=NATIVE)).json
    drawn = created["number"]
    assert (drawn is None) == (number == "57")
    secret, path = drawn or number, f"/domains/{{d}}/sessions/{created['id']}"
    (listed,) = await alice.sessions()
    read = [listed, await alice.session(created["id"])]
    async with asyncio.timeout(5), alice.events() as events:
        read += [session async for name, session in take_until(events, "request")]
    read += [(await authority.call("GET", path, accept=accept)).json for accept in ("*/*", NATIVE)]
    rows = await authority.authority.store.transact(lambda tx: tx.execute("SELECT entry FROM audit"))
    read += [json.loads(row[0]) for row in rows]
    assert secret not in all_values(read)
    assert (listed["number_required"], listed["min_assurance"]) == (True, 3)
    assert json.loads(listed["ctx"])["number_required"] is True
    assert (await alice.decide(listed, "approved", secret)).json == {"id": created["id"], "state": "approved"}
    decided = (await authority.call("GET", path, accept=NATIVE)).json
    assert (decided["assurance"], decided["methods"]) == (3, ["device", "number"])
    assert decided["proof"]["number"] == secret
    assert f"number={secret}" not in "".join(capfd.readouterr())


async def take_until(events: AsyncIterator[tuple[str, Any]], last: str) -> AsyncIterator[tuple[str, Any]]:
    """Read a stream of events to the first of a name."""
    async for name, data in events:
        yield name, data
        if name == last:
            return


async def test_wrong_number_is_the_last_try(authority: RunningAuthority) -> None:
    """A thief with the device guesses once: the login is denied, and the right number comes too late."""
    alice, other = await authority.enrol("alice"), await authority.enrol("mallory")
    session = await authority.ask("alice", native=True, number="57")
    shown = await alice.session(session)
    assert (await other.decide(shown, "approved", "57")).status == 404
    assert (await alice.decide(shown, "approved")).status == 400
    signed_for_56 = {**alice.decision(shown, "approved", "56"), "number": "57"}
    assert (await alice.post(f"/device/v1/sessions/{session}/decision", signed_for_56)).status == 403
    assert await authority.state(session) == "pending"
    wrong = await alice.decide(shown, "approved", "56")
    assert (wrong.status, wrong.json) == (200, {"id": session, "state": "denied", "reason": "wrong_number"})
    late = await alice.decide(shown, "approved", "57")
    assert (late.status, late.json["state"]) == (409, "denied")
    told = (await authority.call("GET", f"/domains/{{d}}/sessions/{session}", accept=NATIVE)).json
    assert (told["state"], told["reason"], told["proof"], told["assurance"]) == ("denied", "wrong_number", None, None)
    consumed = await authority.call("POST", f"/domains/{{d}}/sessions/{session}/consume", {"consumer": "x"})
    assert consumed.status == 400


async def test_devices_race_with_two_numbers(authority: RunningAuthority) -> None:
    """Of a right and a wrong number that come at once the first counts, and the other finds the session over."""
    user, code = await authority.add_user("alice")
    alice = await authority.enrol_code(code)
    second = await authority.enrol_code(await authority.new_code(user))
    for _ in range(5):
        session = await authority.ask("alice", native=True, number="57")
        shown = await alice.session(session)
        replies = await asyncio.gather(alice.decide(shown, "approved", "57"), second.decide(shown, "approved", "75"))
        assert sorted(reply.status for reply in replies) == [200, 409]


async def test_late_decision_is_gone(authority: RunningAuthority) -> None:
    """A decision after the deadline is told so, and opens nothing."""
    alice = await authority.enrol("alice")
    session = await authority.ask("alice", native=True, timeout=1)
    shown = await alice.session(session)
    assert await authority.state(session, "?wait=5") == "expired"
    reply = await alice.decide(shown, "approved")
    assert (reply.status, reply.code, reply.json["state"]) == (410, "gone", "expired")
    assert await authority.state(session) == "expired"


@pytest.mark.parametrize(
    ("decision", "reason"),
    [("denied", "user"), ("denied.unknown_trigger", "unknown_trigger"), ("denied.cancelled", "cancelled")],
)
async def test_denials_have_reasons(authority: RunningAuthority, decision: str, reason: str) -> None:
    """Why a person said no is signed with the no, and told to the host."""
    alice = await authority.enrol("alice")
    session = await authority.ask("alice")
    assert (await alice.decide(session, decision)).json == {"id": session, "state": "denied"}
    read = (await authority.call("GET", f"/domains/{{d}}/sessions/{session}", accept=NATIVE)).json
    assert (read["state"], read["reason"], read["proof"]["decision"]) == ("denied", reason, decision)


async def test_unlinked_device_is_a_stranger(authority: RunningAuthority) -> None:
    """A device that unlinks itself can no longer read or decide; the person's questions go with the last one."""
    alice = await authority.enrol("alice")
    session = await authority.ask("alice")
    shown = await alice.session(session)
    assert ((reply := await alice.delete("/device/v1/self")).status, reply.json) == (200, {})
    assert await authority.state(session) == "cancelled"
    assert (await alice.get("/device/v1/sessions")).status == 401
    assert (await alice.delete("/device/v1/self")).status == 401
    assert (await alice.decide(shown, "approved")).status == 403


async def test_signature_hides_nothing_behind_the_body(authority: RunningAuthority) -> None:
    """A signed request with a body needs the signature over that body."""
    device = await authority.enrol()
    url, target = authority.page_url + "/device/v1/self", "/device/v1/self"
    header = {"Authorization": device.authorization("DELETE", target)}
    assert (await fetch(authority.http, "DELETE", url, b"x", header)).status == 401
    header = {"Authorization": device.authorization("DELETE", target, b"x")}
    assert (await fetch(authority.http, "DELETE", url, b"x", header)).status == 200
