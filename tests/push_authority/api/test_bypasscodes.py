import asyncio
import re
import time
from datetime import datetime
from typing import Any

import logintc
import pytest

from push_authority.api.bypasscodes import expiry, parse_bypass
from push_authority.errors import ApiError
from tests.push_authority.api.test_logintc import official
from tests.support.authority import NATIVE, RunningAuthority


async def test_official_client_follows_a_bypass_code(authority: RunningAuthority) -> None:
    """Made, listed, read, used up and deleted: as the official client sees it; the code is shown once."""
    user, _ = await authority.add_user("bob")
    domain = authority.domain_id
    assert await official(authority, lambda client: client.get_bypass_codes(user)) == []
    made = await official(authority, lambda client: client.create_bypass_code(user, uses_allowed=2))
    assert re.fullmatch(r"[0-9]{9}", made["code"])
    assert list(made) == ["id", "code", "dtExpiry", "user", "usesAllowed", "usesRemaining"]
    assert (made["dtExpiry"], made["user"], made["usesAllowed"]) == ("9999-12-31T23:59:59+0000", user, 2)
    hidden = {**made, "code": ""}
    assert await official(authority, lambda client: client.get_bypass_codes(user)) == [hidden]
    assert await official(authority, lambda client: client.get_bypass_code(made["id"])) == hidden

    for state in ("approved", "approved", "denied"):
        session = await official(
            authority, lambda client: client.create_session(domain, username="bob", bypass_code=made["code"])
        )
        assert session["state"] == state
    other = await official(authority, lambda client: client.create_bypass_code(user))
    assert (await official(authority, lambda client: client.get_bypass_codes(user))) == [{**other, "code": ""}]
    await official(authority, lambda client: client.delete_bypass_code(other["id"]))
    with pytest.raises(logintc.APIException) as refusal:
        await official(authority, lambda client: client.get_bypass_code(other["id"]))
    assert refusal.value.code == "api.error.notfound.bypasscode"
    last = await official(authority, lambda client: client.create_bypass_code(user))
    await official(authority, lambda client: client.delete_bypass_codes(user))
    assert (await authority.type_code(last["code"], "bob", key="bypasscode"))["reason"] == "bad_code"


async def test_bypass_code_wins_over_otp_and_is_consumed_like_an_approval(authority: RunningAuthority) -> None:
    """A right bypass code opens although the one-time code beside it is wrong; one consumer gets the approval."""
    await authority.add_user()
    code = (await authority.bypass_code())["code"]
    grouped = f"{code[:3]} {code[3:6]}-{code[6:]}"
    session = await authority.type_code(grouped, key="bypasscode", otp="000000")
    assert (session["state"], session["methods"], session["assurance"]) == ("approved", ["bypass"], 0)
    assert (session["proof"], session["reason"], session["consumed"]) == (None, None, False)
    path = f"/domains/{{d}}/sessions/{session['id']}/consume"
    calls = (authority.call("POST", path, {"consumer": f"c{number}"}, accept=NATIVE) for number in range(4))
    assert sorted(reply.status for reply in await asyncio.gather(*calls)) == [200, 409, 409, 409]


async def test_last_use_is_won_once(authority: RunningAuthority) -> None:
    """Of ten logins that type the same single-use code at once exactly one opens."""
    await authority.add_user()
    for _ in range(2):
        code = (await authority.bypass_code())["code"]
        sessions = await asyncio.gather(*(authority.type_code(code, key="bypasscode") for _ in range(4)))
        assert sorted(session["state"] for session in sessions) == ["approved", "denied", "denied", "denied"]
        await authority.authority.store.transact(lambda tx: tx.execute("DELETE FROM code_lock"))
        await authority.authority.store.transact(lambda tx: tx.execute("DELETE FROM code_failure"))


async def test_limits_and_times(authority: RunningAuthority) -> None:
    """Five codes per user; minutes become a moment in LoginTC's spelling."""
    await authority.add_user()
    path = f"/users/{await authority.user_id()}/bypasscodes"
    made = await authority.bypass_code(expirationTime=60)
    left = datetime.strptime(made["dtExpiry"], "%Y-%m-%dT%H:%M:%S%z").timestamp() - time.time()
    assert 3590 < left <= 3600
    for _ in range(4):
        await authority.bypass_code()
    full = await authority.call("POST", path, {})
    assert (full.status, full.code) == (400, "toomanybypasscodes")
    assert len((await authority.call("GET", path)).json) == 5


async def test_what_does_not_exist(authority: RunningAuthority) -> None:
    """Unknown users and codes are not found, whoever asks."""
    nobody = f"/users/{'e' * 40}/bypasscodes"
    for method in ("GET", "POST", "DELETE"):
        assert (await authority.call(method, nobody, {})).code == "notfound.user"
    for path in ("e" * 40, "short"):
        for method in ("GET", "DELETE"):
            assert (await authority.call(method, f"/bypasscodes/{path}")).code == "notfound.bypasscode"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({}, (1, None)),
        ({"usesAllowed": 1000, "expirationTime": 527040}, (1000, 527040 * 60.0)),
        ({"usesAllowed": None, "expirationTime": 0}, (1, None)),
        ({"usesAllowed": 3.0}, (3, None)),
    ],
)
def test_uses_and_minutes(data: dict[str, Any], expected: tuple[int, float | None]) -> None:
    """Once and without end unless said otherwise; up to a thousand uses and a year."""
    assert parse_bypass(data) == expected


@pytest.mark.parametrize(
    "data",
    [
        {"usesAllowed": 0},
        {"usesAllowed": 1001},
        {"usesAllowed": 1.5},
        {"usesAllowed": "1"},
        {"usesAllowed": True},
        {"expirationTime": -1},
        {"expirationTime": 527041},
        {"expirationTime": [1]},
    ],
)
def test_other_uses_and_minutes_are_refused(data: dict[str, Any]) -> None:
    """What is no whole number within its bounds is refused."""
    with pytest.raises(ApiError) as refusal:
        parse_bypass(data)
    assert refusal.value.status == 400


def test_moments_have_no_colon_in_the_zone() -> None:
    """LoginTC's spelling of a moment."""
    assert expiry(1795298040.9) == "2026-11-21T21:54:00+0000"
