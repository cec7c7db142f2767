"""How the provider logintc meets its server, and meets it anew."""

import asyncio
from typing import Any

import pytest
import structlog

from pushgate.http import Reply
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.logintc_server import ServerFacts
from tests.pushgate.providers.test_logintc import Bench
from tests.support.core import make_login
from tests.support.transport import outage, state


async def test_the_server_is_met_once_and_again_after_a_failure() -> None:
    """A daemon pings once, and anew after a create failed in transport."""
    bench = Bench(create=[state("pending"), outage(), state("pending")])
    for _ in range(4):
        await bench.begin()
    assert bench.server.count("GET", "/api/ping") == 2


async def test_a_session_that_ends_before_our_deadline_is_warned_about() -> None:
    """An administrator whose login time-out exceeds the domain's hears of it."""
    with structlog.testing.capture_logs() as logs:
        await Bench(domain=Reply(200, {"requestTimeout": 45})).begin()
    [warning] = [entry for entry in logs if entry["log_level"] == "warning"]
    assert (warning["event"], warning["request_timeout"]) == ("session_ends_early", 45)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, FailureKind.RATE_LIMITED), (500, FailureKind.UNAVAILABLE), (503, FailureKind.UNAVAILABLE)],
)
async def test_a_domain_that_cannot_be_looked_up_is_not_called_unknown(status: int, kind: FailureKind) -> None:
    """A server that fails for a moment while we meet it is met anew, and strangers then wait as if ignored."""
    bench = Bench(domain=Reply(status, None), create=[Reply(404, None)])
    first = await bench.begin()
    bench.server.domain = Reply(200, {})
    second = await bench.begin()
    assert isinstance(first, Failed)
    assert isinstance(second, Failed)
    assert (first.kind, first.asked, second.kind) == (kind, False, FailureKind.NOT_ENROLLED)


async def test_a_domain_that_is_created_later_is_found() -> None:
    """A daemon that started before its domain existed needs no restart."""
    bench = Bench(domain=Reply(404, None))
    await bench.begin()
    bench.server.domain = Reply(200, {})
    for _ in range(2):
        await bench.begin()
    assert bench.server.count("GET", "/api/ping") == 2


async def test_an_unknown_domain_is_a_configuration_fault() -> None:
    """A 404 for a domain that the server does not know is no missing enrolment."""
    bench = Bench(domain=Reply(404, None), create=[Reply(404, {"errors": [{"code": "api.error.notfound.domain"}]})])
    result = await bench.begin()
    assert isinstance(result, Failed)
    assert result.kind is FailureKind.CONFIG


@pytest.mark.parametrize(
    ("features", "facts"),
    [
        ({"number"}, (False, False, False)),
        ({"idempotency", "number"}, (False, False, False)),
        ({"consume"}, (True, False, False)),
        ({"consume", "number", "idempotency"}, (True, True, True)),
    ],
)
def test_what_needs_the_native_form_is_off_without_it(features: set[str], facts: tuple[bool, ...]) -> None:
    """A server without claims is spoken to in LoginTC's form, which knows neither numbers nor shared sessions."""
    server = ServerFacts(frozenset(features), domain_known=True, request_timeout=90)
    assert (server.native, server.numbers, server.shares) == facts
    assert server.emails is not server.native


async def test_a_server_that_was_exchanged_is_noticed() -> None:
    """A daemon that ran before its authority learned numbers needs no restart: it asks again within a minute."""
    bench = Bench(features=["consume"])
    for features, seconds, expected in (
        (["consume"], 0, {"code"}),
        (["consume", "number"], 59, {"code"}),
        (["consume", "number"], 1, {"code", "number"}),
        ([], 60, {"code", "email"}),
    ):
        bench.server.features = features
        await bench.clock.advance(seconds)
        assert await bench.provider.features(make_login(), bench.clock.now() + 60) == expected
    assert bench.server.count("GET", "/api/ping") == 3


async def test_a_short_session_is_warned_about_once() -> None:
    """An administrator is not told the same thing every minute."""
    bench = Bench(domain=Reply(200, {"requestTimeout": 45}))
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            await bench.begin()
            await bench.clock.advance(60)
    assert [entry["event"] for entry in logs] == ["domain_found", "session_ends_early"]


async def test_the_start_tells_the_domain_and_its_short_sessions() -> None:
    """An administrator reads at the start in which domain the gate is, and that its sessions end too early, once."""
    bench = Bench(domain=Reply(200, {"name": "Staff\x1b[2J", "type": "RADIUS", "requestTimeout": 45}))
    with structlog.testing.capture_logs() as logs:
        await bench.provider.look_around(60)
        await bench.clock.advance(120)
        await bench.begin()
    assert [(entry["event"], entry["provider"]) for entry in logs] == [
        ("domain_found", "logintc"),
        ("session_ends_early", "logintc"),
    ]
    assert (logs[0]["domain"], logs[0]["type"]) == ("Staff\\x1b[2J", "RADIUS")


async def test_a_server_that_is_away_at_the_start_is_warned_about_at_its_return() -> None:
    """An administrator whose network comes after the gate hears of the outage, and of the short sessions later."""
    bench = Bench(ping=[outage(sent=False)], domain=Reply(200, {"requestTimeout": 45}))
    with structlog.testing.capture_logs() as logs:
        await bench.provider.look_around(60)
        bench.server.ping = []
        assert await bench.provider.reach(bench.clock.now() + 5) is None
    assert [entry["event"] for entry in logs] == ["provider_failed", "domain_found", "session_ends_early"]
    assert (logs[0]["detail"], logs[0]["hint"]) == ("ping: scripted", "check url, name look-up and the network")


async def test_a_look_at_the_start_is_no_sign_of_life_for_a_login() -> None:
    """A server that goes away just after the gate has started is noticed before anybody is asked."""
    bench = Bench()
    await bench.provider.look_around(60)
    bench.server.ping = [outage(sent=False)]
    failed = await bench.provider.reach(bench.clock.now() + 5)
    assert failed is not None
    assert (failed.kind, failed.asked) == (FailureKind.UNAVAILABLE, False)


async def test_a_look_at_a_server_that_never_answers_ends() -> None:
    """A provider whose server hangs at the start is given up within ten seconds."""
    bench = Bench()

    async def request(method: str, path: str, **_: Any) -> Reply:
        return await asyncio.Event().wait()  # type: ignore[return-value]

    bench.server.request = request  # type: ignore[method-assign]
    looking = asyncio.create_task(bench.provider.look_around(60))
    await bench.clock.advance(10)
    assert looking.done()
    await bench.provider.close()


@pytest.mark.parametrize(
    ("ping", "kind"),
    [
        (outage(sent=False), FailureKind.UNAVAILABLE),
        (outage(), FailureKind.UNAVAILABLE),
        (outage(FailureKind.CONFIG), FailureKind.CONFIG),
        (outage(FailureKind.PROTOCOL), FailureKind.PROTOCOL),
        (Reply(401, None), FailureKind.CONFIG),
        (Reply(429, None), FailureKind.RATE_LIMITED),
        (Reply(404, None), FailureKind.PROTOCOL),
        (Reply(500, None), FailureKind.UNAVAILABLE),
        (Reply(503, None), FailureKind.UNAVAILABLE),
    ],
)
async def test_what_is_in_the_way_is_said_before_anybody_is_asked(ping: Any, kind: FailureKind) -> None:
    """A login at a service with other ways in learns of an outage, a refused key or a limit by a ping alone."""
    bench = Bench(ping=[ping])
    failure = await bench.provider.reach(bench.clock.now() + 20)
    assert failure is not None
    assert (failure.kind, failure.asked) == (kind, False)
    assert bench.server.count("POST") == 0


async def test_a_sign_of_life_counts_for_five_seconds() -> None:
    """A server that is asked often whether it lives is pinged once in five seconds, and no create waits for a ping."""
    bench = Bench()
    for _ in range(3):
        assert await bench.provider.reach(bench.clock.now() + 20) is None
        await bench.begin()
    assert bench.server.count("GET", "/api/ping") == 1
    await bench.clock.advance(5)
    await bench.begin()
    assert bench.server.count("GET", "/api/ping") == 1
    bench.server.ping = [outage()]
    assert await bench.provider.reach(bench.clock.now() + 20) is not None


async def test_many_who_want_to_know_cost_one_look() -> None:
    """A hundred strangers at once make us ask the server once, and each waits no longer than its own time."""
    bench = Bench()
    hung: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
    asked: list[str] = []

    async def request(method: str, path: str, **_: Any) -> Reply:
        asked.append(path)
        return await hung

    bench.server.request = request  # type: ignore[method-assign]
    looks = [asyncio.create_task(bench.provider.reach(bench.clock.now() + 2 + number)) for number in range(100)]
    await bench.clock.advance(2)
    assert [look.done() for look in looks[:2]] == [True, False]
    failure = await looks[0]
    assert failure is not None
    assert (failure.kind, failure.asked) == (FailureKind.UNAVAILABLE, False)
    hung.set_exception(outage(FailureKind.CONFIG))
    for look in looks[1:]:
        failure = await look
        assert failure is not None
        assert failure.kind is FailureKind.CONFIG
    assert asked == ["/api/ping"]
    await bench.provider.close()


@pytest.mark.parametrize("timeout", [None, True, "30", 0, -1, 30.5, [30]])
async def test_a_time_out_that_is_none_is_the_usual_one(timeout: Any) -> None:
    """A server whose domain has no usable time-out is taken to have LoginTC's own."""
    bench = Bench(domain=Reply(200, {"requestTimeout": timeout}))
    assert (await bench.provider.server.meet(bench.clock.now() + 60)).request_timeout == 90
