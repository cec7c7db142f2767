"""Calls to OneLogin: the token that is refused, the hour's budget, and the sign of life."""

import asyncio
from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.http import Reply
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.onelogin_server import CALL_SECONDS, REACHED_SECONDS, OneLoginServer
from pushgate.providers.onelogin_token import CallFailedError, TokenCache
from tests.support.onelogin import TOKEN_PATH, ScriptedOneLogin, outage, token_reply

UNAUTHORIZED = Reply(401, {"status": {"error": True, "type": "Unauthorized", "message": "Authentication Failure"}})
WRONG = Reply(
    401,
    {"status": {"error": True, "type": "Unauthorized", "message": "Authentication Failed: Invalid user credentials"}},
)
AUTH = "/api/1/login/auth"


class Bench:
    """A server, its script and the clock."""

    def __init__(self, calls_per_hour: int = 100, **script: Any) -> None:
        self.clock = FakeClock(0)
        self.script = ScriptedOneLogin(self.clock, **script)
        cache = TokenCache(self.script, "id", "s3cret", self.clock)
        self.server = OneLoginServer(self.script, cache, self.clock, calls_per_hour=calls_per_hour)

    async def call(self) -> Reply:
        """Make one call."""
        return await self.server.call("POST", AUTH, self.clock.now() + 60, body={})

    async def fails(self) -> CallFailedError:
        """Make a call that fails."""
        with pytest.raises(CallFailedError) as caught:
            await self.call()
        return caught.value


async def test_a_call_carries_the_token() -> None:
    """A call has the token as a bearer, and no other credential."""
    bench = Bench()
    assert (await bench.call()).status == 200
    assert bench.script.sent[1] == ("POST", AUTH, "Bearer t1")


async def test_a_revoked_token_is_renewed_and_the_call_repeated_once() -> None:
    """A login in the middle of which the token was revoked goes on with a new one."""
    bench = Bench(tokens=[token_reply("t1"), token_reply("t2")], answers=[UNAUTHORIZED, Reply(200, {})])
    assert (await bench.call()).status == 200
    assert [each[2] for each in bench.script.sent if each[1] == AUTH] == ["Bearer t1", "Bearer t2"]


async def test_a_token_that_is_refused_again_is_given_up() -> None:
    """A credential that lacks the scope costs two calls, and is not tried for ever."""
    bench = Bench(tokens=[token_reply("t1"), token_reply("t2"), token_reply("t3")], answers=[UNAUTHORIZED])
    assert (await bench.call()).status == 401
    assert bench.script.count(AUTH) == 2


async def test_the_same_token_back_means_that_it_was_not_the_fault() -> None:
    """A refusal that may mean the password is not repeated where the token is right: it counts toward a lockout."""
    bench = Bench(answers=[UNAUTHORIZED])
    assert (await bench.call()).status == 401
    assert (bench.script.count(AUTH), bench.script.count(TOKEN_PATH)) == (1, 2)


async def test_a_wrong_password_is_never_sent_twice() -> None:
    """A person who mistypes the password has failed once, not twice."""
    bench = Bench(tokens=[token_reply("t1"), token_reply("t2")], answers=[WRONG])
    assert await bench.call() is WRONG
    assert (bench.script.count(AUTH), bench.script.count(TOKEN_PATH)) == (1, 1)


@pytest.mark.parametrize("sent", [True, False])
async def test_a_call_without_reply_says_whether_it_was_sent(sent: bool) -> None:
    """An outage is one in which nobody was asked only if the request surely never left."""
    error = await Bench(answers=[outage(sent=sent)]).fails()
    assert (error.problem.kind, error.sent, error.problem.asked) == (FailureKind.UNAVAILABLE, sent, sent)


async def test_an_outage_behind_a_refusal_is_none_before_anything_was_sent() -> None:
    """An attacker whose wrong code is refused, and who then cuts the line to the token, makes no door open."""
    bench = Bench(tokens=[token_reply("t1"), outage(sent=False)], answers=[UNAUTHORIZED])
    failed = await bench.fails()
    assert (failed.problem.kind, failed.sent) == (FailureKind.UNAVAILABLE, True)


async def test_without_a_token_nothing_is_sent() -> None:
    """A call for which there is no token reaches nobody."""
    bench = Bench(tokens=[Reply(500, None)])
    error = await bench.fails()
    assert (error.problem.kind, error.sent) == (FailureKind.CONFIG, False)
    assert bench.script.count(AUTH) == 0


async def test_a_call_ends_by_itself() -> None:
    """A server that never answers is given up long before the login ends."""
    bench = Bench(seconds=1000, tokens=[token_reply()])
    calling = asyncio.create_task(bench.call())
    await bench.clock.advance(CALL_SECONDS)
    with pytest.raises(CallFailedError):
        await calling


async def test_spent_calls_are_not_made() -> None:
    """A daemon that has used up its hour sends nothing, and says so."""
    bench = Bench(calls_per_hour=2)
    await bench.call()
    await bench.call()
    error = await bench.fails()
    assert (error.problem.kind, error.sent) == (FailureKind.RATE_LIMITED, False)
    assert "calls_per_hour" in error.problem.hint
    assert bench.script.count(AUTH) == 2


async def test_the_limit_of_the_account_is_learnt() -> None:
    """A daemon hears from OneLogin that others have used up the calls."""
    headers = {"X-RateLimit-Limit": "5000", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "60"}
    bench = Bench(answers=[Reply(200, {}, headers=headers)])
    await bench.call()
    assert (await bench.fails()).problem.kind is FailureKind.RATE_LIMITED


async def test_many_looks_for_life_cost_one_request() -> None:
    """A flood of strangers makes us ask OneLogin for one sign of life in ten seconds."""
    bench = Bench(seconds=0.1)
    looks = [asyncio.create_task(bench.server.reach(60)) for _ in range(50)]
    await bench.clock.advance(0.1)
    assert await asyncio.gather(*looks) == [None] * 50
    await bench.clock.advance(REACHED_SECONDS / 2)
    assert await bench.server.reach(60) is None
    assert bench.script.count(TOKEN_PATH) == 1
    await bench.clock.advance(REACHED_SECONDS)
    again = asyncio.create_task(bench.server.reach(60))
    await bench.clock.advance(0.1)
    assert await again is None
    assert bench.script.count(TOKEN_PATH) == 2


async def test_a_call_is_a_sign_of_life() -> None:
    """A daemon that has just heard OneLogin answer does not ask whether it lives; an error page is no answer."""
    bench = Bench(answers=[Reply(200, {}), Reply(502, None)])
    await bench.call()
    assert await bench.server.reach(60) is None
    assert bench.script.count(TOKEN_PATH) == 1
    await bench.clock.advance(REACHED_SECONDS)
    await bench.call()
    await bench.server.reach(60)
    assert bench.script.count(TOKEN_PATH) == 2


async def test_no_life_is_told_with_its_kind() -> None:
    """An outage and a bad credential are told apart before anybody is asked."""
    out = await Bench(tokens=[outage()]).server.reach(60)
    bad = await Bench(tokens=[Reply(401, None)]).server.reach(60)
    assert isinstance(out, Failed)
    assert isinstance(bad, Failed)
    assert (out.kind, out.asked, bad.kind, bad.asked) == (FailureKind.UNAVAILABLE, False, FailureKind.CONFIG, False)


async def test_a_look_for_life_ends_at_its_deadline_and_close_ends_it_all() -> None:
    """A daemon that stops while OneLogin is silent leaves no task behind."""
    bench = Bench(seconds=1000)
    looking = asyncio.create_task(bench.server.reach(1))
    await bench.clock.advance(1)
    outcome = await looking
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.UNAVAILABLE
    await bench.server.close()
    assert bench.script.closed
    assert len(asyncio.all_tasks()) == 1
