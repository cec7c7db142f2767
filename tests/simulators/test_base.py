"""The simulators' base itself: what a test turns is what a client meets, and what it sends stands in the ledger."""

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest
from yarl import URL

from pushgate.clock import FakeClock
from tests.simulators.base import Answer, Recorded, Simulator, running, until
from tests.support.certificates import CertificationAuthority


class Echo(Simulator):
    """Counts what it serves, and says so."""

    async def serve(self, request: Recorded) -> Answer:
        """Answer with the number of the request."""
        self.ledger.counts["polls"] += 1
        return Answer(200, {"served": self.ledger.counts["polls"]}, {"X-Own": "yes"})


async def get(session: aiohttp.ClientSession, url: str) -> tuple[int, bytes]:
    """Send one request."""
    async with session.get(url) as response:
        return response.status, await response.read()


async def test_the_ledger_holds_what_was_on_the_wire() -> None:
    """A test finds method, target as it was encoded, headers whatever their case, and body of each request."""
    async with running(Echo()) as simulator, aiohttp.ClientSession() as session:
        target = "/a%2Fb?user=al%20ice&x=1"
        async with session.post(
            URL(simulator.url + target, encoded=True), data=b'{"a":1}', headers={"X-Test": "1"}
        ) as response:
            assert (response.status, response.headers["X-Own"]) == (200, "yes")
        async with session.post(f"{simulator.url}/form", data={"code": "", "name": "é"}):
            pass
        json, form = simulator.ledger.requests
        assert (json.method, json.target, json.path) == ("POST", target, "/a%2Fb")
        assert (json.query, json.json(), json.headers["x-TEST"]) == ({"user": "al ice", "x": "1"}, {"a": 1}, "1")
        assert form.form() == {"code": "", "name": "é"}
        assert (simulator.ledger.count("POST", "/"), simulator.ledger.count("GET", "/")) == (2, 0)


async def test_connections_have_numbers() -> None:
    """A test can tell two requests over one connection from two connections."""
    async with running(Echo()) as simulator:
        async with aiohttp.ClientSession() as session:
            for _ in range(2):
                await get(session, simulator.url)
        async with aiohttp.ClientSession() as session:
            await get(session, simulator.url)
        numbers = [each.connection for each in simulator.ledger.requests]
        assert numbers[0] == numbers[1]


async def test_faults_are_used_up_in_order() -> None:
    """A knob stands in for the next answers, nothing is served meanwhile, and then all is well."""
    async with running(Echo()) as simulator, aiohttp.ClientSession() as session:
        simulator.knobs.status_next(503, {"a": 1})
        simulator.knobs.faults.append(None)
        simulator.knobs.status_next(200, b"<html>")
        answers = [await get(session, simulator.url) for _ in range(4)]
        assert answers == [(503, b'{"a": 1}'), (200, b'{"served": 1}'), (200, b"<html>"), (200, b'{"served": 2}')]


@pytest.mark.parametrize(("served", "count"), [(False, 0), (True, 1)])
async def test_a_connection_breaks_before_or_after_it_is_served(served: bool, count: int) -> None:
    """A client loses its connection, and the ledger says whether its request had an effect."""
    async with running(Echo()) as simulator, aiohttp.ClientSession() as session:
        simulator.knobs.drop_next(served=served)
        with pytest.raises(aiohttp.ClientError):
            await session.post(simulator.url)
        assert simulator.ledger.counts["polls"] == count
        assert len(simulator.ledger.requests) == 1


@pytest.mark.parametrize("value", ["7", "Thu, 01 Jan 2026 00:00:09 GMT", ""])
async def test_retry_after_is_sent_as_it_is_written(value: str) -> None:
    """A client is told 429 as often as wanted, with the header as the test writes it, or without one."""
    async with running(Echo()) as simulator, aiohttp.ClientSession() as session:
        simulator.knobs.retry_after(value, 2)
        for _ in range(2):
            async with session.get(simulator.url) as response:
                assert (response.status, response.headers.get("Retry-After", "")) == (429, value)
        assert (await get(session, simulator.url))[0] == 200


async def test_only_some_requests_are_concerned() -> None:
    """A fault waits for the request that it is meant for."""
    async with running(Echo()) as simulator, aiohttp.ClientSession() as session:
        simulator.knobs.only = lambda request: request.path == "/b"
        simulator.knobs.status_next(500)
        statuses = [(await get(session, simulator.url + path))[0] for path in ("/a", "/b", "/b")]
        assert statuses == [200, 500, 200]


async def test_latency_is_of_the_simulators_clock() -> None:
    """An answer comes when the clock says so, and no real time is spent."""
    clock = FakeClock()
    async with running(Echo(clock)) as simulator, aiohttp.ClientSession() as session:
        simulator.knobs.latency = 3600
        task = asyncio.create_task(get(session, simulator.url))
        await until(lambda: bool(simulator.ledger.requests))
        await clock.advance(3599)
        assert not task.done()
        await clock.advance(1)
        assert (await task)[0] == 200


async def test_a_simulator_speaks_tls(tmp_path: Path) -> None:
    """A client that trusts the test's authority reaches a simulator over TLS, by its name."""
    authority = CertificationAuthority(tmp_path / "ca")
    issued = authority.issue("localhost", "localhost", server=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    trusting = ssl.create_default_context(cafile=authority.path)
    async with running(Echo(), context) as simulator, aiohttp.ClientSession() as session:
        assert simulator.url.startswith("https://localhost:")
        async with session.get(simulator.url, ssl=trusting) as response:
            assert response.status == 200


async def test_nothing_listens_when_the_block_has_ended() -> None:
    """A simulator is gone after its block."""
    async with running(Echo()) as simulator:
        pass
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.get(simulator.url)


async def test_what_does_not_come_about_fails() -> None:
    """A test that waits for what never happens fails."""
    with pytest.raises(AssertionError):
        await until(lambda: False, tries=2)
