"""How calls are made, and which are made again."""

import asyncio
from typing import Any

import pytest

from pushgate.http import RequestFailedError
from pushgate.outcome import Failed, FailureKind
from pushgate.providers.threatwinds_server import session_path, unreached
from tests.simulators.base import Answer, DropConnection
from tests.simulators.threatwinds_bench import ThreatWindsBench


async def insist(bench: ThreatWindsBench, method: str, seconds: float = 20.0) -> tuple[Any, float]:
    """Insist on an answer; return it and how long it took."""
    before = bench.clock.now()
    until = before + seconds
    asking = asyncio.create_task(bench.provider.server.insist("check", method, "/session", until, bearer="b"))
    ended = await bench.run(asking, seconds)
    return ended, bench.clock.now() - before


@pytest.mark.parametrize(
    ("faults", "requests", "seconds"),
    [
        ([], 1, 0),
        ([Answer(502, None)], 2, 1),
        ([Answer(502, None)] * 4, 5, 1 + 2 + 4 + 4),
        ([DropConnection()], 2, 1),
        ([Answer(200, b"<html>")], 2, 1),
        ([Answer(429, None, {"Retry-After": "7"})], 2, 7),
        ([Answer(429, None, {"Retry-After": "0"})], 2, 1),
        ([Answer(429, None)], 2, 1),
    ],
)
async def test_a_question_is_asked_again_after_what_may_pass(faults: list[Any], requests: int, seconds: float) -> None:
    """A hiccup of a server or of a proxy does not cost a person the login; waits are those that the server wishes."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.faults.extend(faults)
    reply, took = await insist(bench, "GET")
    assert (reply.status, bench.counts["polls"]) == (401, 1)
    assert (len(bench.calls()), seconds) == (requests, pytest.approx(took, abs=0.5))


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Answer(502, None), FailureKind.UNAVAILABLE),
        (DropConnection(), FailureKind.UNAVAILABLE),
        (Answer(429, None, {"Retry-After": "30"}), FailureKind.RATE_LIMITED),
        (Answer(429, None), FailureKind.RATE_LIMITED),
        (Answer(200, b"<html>"), FailureKind.PROTOCOL),
    ],
)
async def test_insisting_ends_at_the_deadline(fault: Any, kind: FailureKind) -> None:
    """A server that never answers as it should has the login fail in time, by what it did last."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.faults.extend([fault] * 100)
    failed, took = await insist(bench, "GET")
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.asked) == (kind, True)
    assert took <= 20.5


@pytest.mark.parametrize("fault", [Answer(500, None), Answer(503, None), DropConnection(), Answer(200, b"<html>")])
async def test_a_change_that_may_have_happened_is_not_sent_again(fault: Any) -> None:
    """A code that may have been looked at goes out once."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.faults.append(fault)
    await insist(bench, "PUT")
    assert bench.calls() == ["PUT /session"]


async def test_a_call_has_five_seconds() -> None:
    """A server that hangs is given up after five seconds, the deadline or not."""
    bench = ThreatWindsBench()
    bench.simulator.knobs.latency = 100.0
    calling = asyncio.create_task(bench.provider.server.call("GET", "/session", bench.clock.now() + 60))
    await bench.clock.advance(4.5)
    assert not calling.done()
    await bench.clock.advance(0.5)
    with pytest.raises(RequestFailedError):
        await calling


async def test_a_bearer_goes_where_it_belongs() -> None:
    """A bearer is sent where a call needs one, and never where a code is handed in."""
    bench = ThreatWindsBench()
    question = await bench.asked()
    await bench.submit(question)
    bearers = [request.headers.get("Authorization", "") for request in bench.simulator.ledger.requests]
    assert [bool(bearer) for bearer in bearers] == [False, False, True, True, True]
    assert all(request.headers["Accept"] == "application/json" for request in bench.simulator.ledger.requests)


@pytest.mark.parametrize(
    ("session_id", "path"),
    [
        ("5f35d2c4-5633", "/session/5f35d2c4-5633"),
        ("a/../b", "/session/a%2F..%2Fb"),
        ("a?b#c%d", "/session/a%3Fb%23c%25d"),
    ],
)
def test_an_id_stays_one_segment(session_id: str, path: str) -> None:
    """A server that names a session like a path has no other path called by it."""
    assert session_path(session_id) == path


def test_a_refused_certificate_has_a_hint() -> None:
    """An administrator whose CA is the wrong one reads where to look."""
    refused = RequestFailedError(FailureKind.CONFIG, sent=False, detail="ClientConnectorCertificateError")
    assert "ca_file" in unreached("create", refused, asked=False).hint
    assert unreached(
        "create", RequestFailedError(FailureKind.UNAVAILABLE, sent=True, detail="x"), asked=True
    ) == Failed(FailureKind.UNAVAILABLE, asked=True, detail="create: x")
