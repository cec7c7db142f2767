import asyncio
import json
import time
from pathlib import Path

import pyotp
import pytest

from tests.support.authority import RunningAuthority, early_in_step, running_authority


def now_code(seed: str, steps: int = 0) -> str:
    """The code that an app shows now, or some steps away."""
    return pyotp.TOTP(seed).at(time.time() + 30 * steps)


async def test_administrator_enrols_a_seed(authority: RunningAuthority) -> None:
    """A seed is shown once, opens nothing before its first code, and then each of its codes opens once."""
    await early_in_step()
    user, _ = await authority.add_user()
    path = f"/domains/{{d}}/users/{user}/totp"
    assert (await authority.call("GET", path)).json == {"active_since": None, "pending_for": None}
    begun = (await authority.call("PUT", path)).json
    assert (begun["state"], len(begun["secret"]), begun["expires_in"]) == ("pending", 32, 86400)
    assert begun["uri"].startswith("otpauth://totp/Example%20Org:alice?secret=" + begun["secret"])
    seed = begun["secret"]
    assert (await authority.type_code(now_code(seed)))["reason"] == "bad_code"
    wrong = await authority.call("POST", f"{path}/confirm", {"code": now_code(seed, 10)})
    assert (wrong.status, wrong.code) == (400, "badcode")
    grouped = now_code(seed, -1)
    right = await authority.call("POST", f"{path}/confirm", {"code": f"{grouped[:3]} {grouped[3:]}"})
    assert right.json == {"state": "active"}
    state = (await authority.call("GET", path)).json
    assert abs(state["active_since"] - time.time()) < 10
    assert seed not in json.dumps(state)

    code = now_code(seed)
    session = await authority.type_code(code)
    assert (session["state"], session["methods"], session["assurance"]) == ("approved", ["totp"], 1)
    assert (await authority.type_code(code))["reason"] == "bad_code"
    assert (await authority.type_code(code, "nobody"))["reason"] == "bad_code"
    assert (await authority.call("DELETE", path)).status == 200
    assert (await authority.type_code(now_code(seed, 1)))["reason"] == "bad_code"
    for method in ("DELETE", "POST"):
        target = path if method == "DELETE" else f"{path}/confirm"
        assert (await authority.call(method, target, {"code": "123456"})).code == "notfound.totp"


async def test_person_enrols_a_seed_with_a_device(authority: RunningAuthority) -> None:
    """A person with a linked device makes a seed and confirms it; strangers and unsigned requests do not."""
    await early_in_step()
    alice, mallory = await authority.enrol("alice"), await authority.enrol("mallory")
    assert (await alice.get("/device/v1/totp")).json == {"active": False}
    begun = (await alice.post_signed("/device/v1/totp", {})).json
    assert set(begun) == {"state", "secret", "uri", "expires_in", "qr"}
    assert begun["qr"]["path"].startswith("M")
    code = {"code": now_code(begun["secret"], -1)}
    assert (await mallory.post_signed("/device/v1/totp/confirm", code)).code == "notfound.totp"
    assert (await alice.post("/device/v1/totp/confirm", code)).status == 401
    assert (await alice.post("/device/v1/totp", {})).status == 401
    other = {"Content-Type": "application/json", "Authorization": alice.authorization("POST", "/device/v1/totp", b"x")}
    async with authority.http.post(alice.page_url + "/device/v1/totp", data=b"{}", headers=other) as reply:
        assert reply.status == 401
    assert (await alice.post_signed("/device/v1/totp/confirm", {"code": "x"})).code == "badcode"
    assert (await alice.post_signed("/device/v1/totp/confirm", code)).json == {"active": True}
    assert (await alice.get("/device/v1/totp")).json == {"active": True}
    assert (await authority.type_code(now_code(begun["secret"])))["state"] == "approved"
    assert (await authority.type_code(now_code(begun["secret"], 1), "mallory"))["state"] == "denied"
    assert (await alice.delete("/device/v1/totp")).json == {"active": False}
    assert (await authority.type_code(now_code(begun["secret"], 1)))["state"] == "denied"


async def test_only_members_have_seeds(authority: RunningAuthority) -> None:
    """Unknown users, and users outside the domain, get no seed."""
    outside = (await authority.call("POST", "/users", {"username": "bob"})).json["id"]
    for user in (outside, "e" * 40, "short"):
        path = f"/domains/{{d}}/users/{user}/totp"
        for method in ("GET", "PUT"):
            assert (await authority.call(method, path)).code == "notfound.user"
    foreign = f"/domains/{'e' * 40}/users/{outside}/totp"
    assert (await authority.call("PUT", foreign)).code == "notfound.domain"


async def test_two_right_codes_at_once(authority: RunningAuthority) -> None:
    """Of several logins that type the same right code in the same moment exactly one opens."""
    await authority.add_user()
    seed = await authority.enrol_totp()
    code = now_code(seed)
    sessions = await asyncio.gather(*(authority.type_code(code) for _ in range(5)))
    assert sorted(session["state"] for session in sessions) == ["approved", *["denied"] * 4]


async def test_codes_take_no_turn_and_a_push_goes_on(authority: RunningAuthority) -> None:
    """A code is checked while a push of the same service is pending, and neither changes the other."""
    alice = await authority.enrol("alice")
    seed = await authority.enrol_totp()
    push = await authority.ask("alice", native=True, context={"service": "vpn"})
    assert (await authority.type_code("000000", context={"service": "vpn"}))["state"] == "denied"
    assert (await authority.type_code(now_code(seed), context={"service": "vpn"}))["state"] == "approved"
    (shown,) = await alice.sessions()
    assert (shown["id"], shown["waiting"]["count"]) == (push, 0)
    assert (await alice.decide(push, "approved")).status == 200


@pytest.mark.parametrize("right", [True, False])
async def test_guessing_goes_on_over_a_restart(private_folder: Path, right: bool) -> None:
    """A guesser who makes the authority restart between guesses is locked out, even with the right code."""
    async with running_authority(private_folder) as authority:
        await authority.add_user()
        seed = await authority.enrol_totp()
        assert [(await authority.type_code("00000"))["reason"] for _ in range(3)] == ["bad_code"] * 3
    for expected in (["bad_code", "bad_code", "locked"], ["locked"] * 3):
        async with running_authority(private_folder) as authority:
            assert [(await authority.type_code("00000"))["reason"] for _ in range(3)] == expected
    async with running_authority(private_folder) as authority:
        code = now_code(seed) if right else "000000"
        session = await authority.type_code(code)
        assert (session["state"], session["reason"], session["methods"]) == ("denied", "locked", ["code"])
        v1 = await authority.call("POST", "/domains/{d}/sessions", {"user": {"username": "alice"}, "otp": code})
        assert v1.json["state"] == "denied"
