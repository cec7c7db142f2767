"""OneLogin's access token: kept, renewed by one request for all, and every way that it cannot be had."""

import asyncio
from typing import Any

import pytest

from pushgate.clock import FakeClock
from pushgate.http import Reply
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.onelogin_token import (
    CREDENTIAL_HINT,
    DELETED_HINT,
    TOKEN_SECONDS,
    UNTRUSTED_HINT,
    CallFailedError,
    Token,
    TokenCache,
    is_bearer,
    read_token,
    seconds_left,
    unreached,
)
from tests.support.onelogin import ScriptedOneLogin, outage, token_reply


class Bench:
    """A token cache, its scripted server and the clock."""

    def __init__(self, **script: Any) -> None:
        self.clock = FakeClock(0)
        self.server = ScriptedOneLogin(self.clock, **script)
        self.cache = TokenCache(self.server, "id", "s3cret", self.clock)

    async def get(self) -> str:
        """Get the token with ten seconds to go."""
        return await self.cache.get(self.clock.now() + 10)

    async def fails(self) -> Failed:
        """Get no token; return why."""
        with pytest.raises(CallFailedError) as caught:
            await self.get()
        assert not caught.value.sent
        assert not caught.value.problem.asked
        return caught.value.problem


async def test_a_token_is_got_once_and_renewed_before_it_runs_out() -> None:
    """A daemon asks for its token at first, and a minute before it ends; not in between."""
    bench = Bench()
    assert [await bench.get() for _ in range(3)] == ["t1"] * 3
    assert bench.server.sent == [("POST", "/auth/oauth2/v2/token", "Basic aWQ6czNjcmV0")]
    await bench.clock.advance(36_000 - 61)
    await bench.get()
    assert len(bench.server.sent) == 1
    await bench.clock.advance(1)
    await bench.get()
    assert len(bench.server.sent) == 2


async def test_a_token_that_is_old_already_is_kept_for_what_is_left() -> None:
    """A daemon that gets the same token as another program hours ago knows when it ends."""
    bench = Bench(tokens=[token_reply(created_at="2025-12-31T15:00:00Z")])
    await bench.get()
    await bench.clock.advance(3600 - 61)
    await bench.get()
    assert len(bench.server.sent) == 1
    await bench.clock.advance(1)
    await bench.get()
    assert len(bench.server.sent) == 2


async def test_a_token_at_its_very_end_is_not_asked_for_by_every_call() -> None:
    """A daemon whose clock is wrong asks for its token every few seconds, not for each call."""
    bench = Bench(tokens=[token_reply(created_at="2020-01-01T00:00:00Z")])
    for _ in range(20):
        await bench.get()
        await bench.clock.advance(0.5)
    assert len(bench.server.sent) == 2


async def test_many_logins_wait_for_one_request() -> None:
    """A hundred logins that need a token at the same moment cost one request."""
    bench = Bench(seconds=1)
    waiting = [asyncio.create_task(bench.get()) for _ in range(100)]
    await bench.clock.advance(1)
    assert await asyncio.gather(*waiting) == ["t1"] * 100
    assert len(bench.server.sent) == 1


async def test_who_gives_up_takes_nobody_else_along() -> None:
    """A login that is cancelled while the token is on its way leaves it to the others."""
    bench = Bench(seconds=1)
    first, second = asyncio.create_task(bench.get()), asyncio.create_task(bench.get())
    await bench.clock.settle()
    first.cancel()
    await bench.clock.advance(1)
    assert await second == "t1"
    assert len(bench.server.sent) == 1


async def test_a_slow_token_is_an_outage_in_which_nobody_was_asked() -> None:
    """A login whose deadline comes before the token is told so; the request itself ends, too."""
    bench = Bench(seconds=60)
    waiting = asyncio.create_task(bench.cache.get(2))
    await bench.clock.advance(2)
    with pytest.raises(CallFailedError) as caught:
        await waiting
    assert (caught.value.problem.kind, caught.value.sent) == (FailureKind.UNAVAILABLE, False)
    await bench.clock.advance(TOKEN_SECONDS)
    assert bench.cache.fetching is not None
    assert bench.cache.fetching.done()
    await bench.cache.close()


async def test_a_refused_token_is_replaced_once_for_all() -> None:
    """Two logins whose token was refused at the same time renew it once; the same token back is not the fault."""
    bench = Bench(tokens=[token_reply("t1"), token_reply("t2")])
    assert await bench.get() == "t1"
    assert await bench.cache.replace("t1", 10) == "t2"
    assert await bench.cache.replace("t1", 10) == "t2"
    assert len(bench.server.sent) == 2
    assert await bench.cache.replace("t2", 10) == "t2"
    assert len(bench.server.sent) == 3


@pytest.mark.parametrize(
    ("script", "kind", "hint"),
    [
        (outage(sent=False), FailureKind.UNAVAILABLE, ""),
        (outage(), FailureKind.UNAVAILABLE, ""),
        (outage(FailureKind.CONFIG), FailureKind.CONFIG, UNTRUSTED_HINT),
        (outage(FailureKind.PROTOCOL), FailureKind.PROTOCOL, ""),
        (Reply(400, None), FailureKind.CONFIG, CREDENTIAL_HINT),
        (Reply(401, {"message": "Authentication Failure"}), FailureKind.CONFIG, CREDENTIAL_HINT),
        (Reply(403, None), FailureKind.CONFIG, CREDENTIAL_HINT),
        (Reply(404, None), FailureKind.CONFIG, CREDENTIAL_HINT),
        (Reply(500, None), FailureKind.CONFIG, DELETED_HINT),
        (Reply(503, None), FailureKind.CONFIG, DELETED_HINT),
        (Reply(429, None), FailureKind.RATE_LIMITED, ""),
        (Reply(302, None), FailureKind.PROTOCOL, ""),
        (Reply(200, None), FailureKind.PROTOCOL, ""),
        (Reply(200, []), FailureKind.PROTOCOL, ""),
        (Reply(200, {"status": {}, "data": [{"access_token": "x"}]}), FailureKind.PROTOCOL, ""),
        (token_reply(""), FailureKind.PROTOCOL, ""),
        (token_reply("a\r\nX-Evil: 1"), FailureKind.PROTOCOL, ""),
        (token_reply("t\u00f6ken"), FailureKind.PROTOCOL, ""),
        (token_reply("x" * 5000), FailureKind.PROTOCOL, ""),
    ],
)
async def test_each_failure_of_the_token_endpoint(script: Any, kind: FailureKind, hint: str) -> None:
    """A token that cannot be had is an outage only if nobody answers; a 5xx there is the administrator's business."""
    problem = await Bench(tokens=[script]).fails()
    assert (problem.kind, problem.hint) == (kind, hint)


async def test_no_secret_is_told() -> None:
    """A reader of a failure, or of the token's repr, finds neither secret nor token."""
    bench = Bench(tokens=[token_reply("t0psecret")])
    await bench.get()
    assert "t0psecret" not in repr(bench.cache.token)
    problem = await Bench(tokens=[Reply(401, {"client_secret": "s3cret"})]).fails()
    assert "s3cret" not in repr(problem)


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 36_000),
        ({"created_at": "2025-12-31T23:00:00+00:00"}, 32_400),
        ({"created_at": "2026-01-01T05:00:00Z"}, 36_000),
        ({"created_at": "2020-01-01T00:00:00Z"}, 0),
        ({"created_at": "2026-01-01 00:00:00"}, 36_000),
        ({"created_at": "yesterday"}, 36_000),
        ({"created_at": None}, 36_000),
        ({"expires_in": None}, 65),
        ({"expires_in": True}, 65),
        ({"expires_in": "36000"}, 65),
        ({"expires_in": -1}, 65),
        ({"expires_in": 10**12}, 65),
    ],
)
def test_how_long_a_token_lives(changes: dict[str, Any], seconds: float) -> None:
    """A token whose life cannot be read, or is absurd, is kept for seconds."""
    assert seconds_left(token_reply(**changes).body, FakeClock(0).wall()) == seconds


def test_a_reply_becomes_a_token() -> None:
    """A token is kept until a minute before its end."""
    assert read_token(token_reply(), 100.0, FakeClock(0).wall()) == Token("t1", 100.0 + 36_000 - 60)
    assert is_bearer("abc")
    assert not is_bearer("a b\n")


def test_a_request_without_reply_says_what_to_do() -> None:
    """An administrator whose connection is not trusted is told where to look."""
    assert unreached(outage(FailureKind.CONFIG), "x: ", asked=True).hint == UNTRUSTED_HINT
    assert unreached(outage(), "x: ", asked=False) == Failed(FailureKind.UNAVAILABLE, asked=False, detail="x: scripted")
