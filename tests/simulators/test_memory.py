"""A simulator in memory answers like the same one behind a socket."""

import asyncio
from collections.abc import Callable

import pytest

from pushgate.clock import FakeClock, SystemClock
from pushgate.http import JsonClient, Reply, RequestFailedError
from tests.simulators.base import Answer, Knobs, Recorded, Simulator, running
from tests.simulators.memory import in_memory


class Echo(Simulator):
    """Says what it was asked."""

    async def serve(self, request: Recorded) -> Answer:
        """Repeat the request."""
        asked = {"method": request.method, "target": request.target, "body": request.body.decode()}
        seen = {name: request.headers[name] for name in ("Authorization", "Content-Type", "X", "User-Agent")}
        return Answer(201, {**asked, **seen}, {"Retry-After": "7", "Trace": "t1"})


async def asked(echo: Echo) -> tuple[Reply, str]:
    """Ask it."""
    client = JsonClient(f"{echo.url}/v1", echo.clock, {"Authorization": "key"})
    try:
        until = echo.clock.now() + 5
        reply = await client.request("PUT", "/a%2Fb?c=%C3%A9", deadline=until, form={"d": "é"}, headers={"X": "y"})
    finally:
        await client.close()
    return reply, reply.headers["Trace"]


async def test_it_answers_like_the_one_behind_a_socket() -> None:
    """A client sends the same and reads the same, whether there is a socket between or not."""
    echo = Echo(SystemClock())
    async with running(echo):
        by_socket = await asked(echo)
        with in_memory(echo):
            assert await asked(echo) == by_socket
    assert by_socket[0].body["target"] == "/v1/a%2Fb?c=%C3%A9"
    assert [request.connection for request in echo.ledger.requests] == [1, 1]


@pytest.mark.parametrize(
    ("misbehave", "detail"),
    [
        (lambda knobs: knobs.drop_next(), "ServerDisconnectedError"),
        (lambda knobs: knobs.drop_next(served=True), "ServerDisconnectedError"),
        (lambda knobs: knobs.status_next(200, b"<html>"), "reply is not JSON"),
        (lambda knobs: knobs.status_next(200, b" " * 70_000), "reply larger than 64 KiB"),
    ],
)
async def test_it_misbehaves_in_the_same_way(misbehave: Callable[[Knobs], None], detail: str) -> None:
    """A client meets the same failures, whether there is a socket between or not."""
    echo = Echo(SystemClock())
    found = []
    async with running(echo):
        misbehave(echo.knobs)
        with pytest.raises(RequestFailedError) as caught:
            await asked(echo)
        found.append(caught.value)
        misbehave(echo.knobs)
        with in_memory(echo), pytest.raises(RequestFailedError) as caught:
            await asked(echo)
        found.append(caught.value)
    by_socket, in_mind = [(error.kind, error.sent, error.detail) for error in found]
    assert in_mind == by_socket
    assert in_mind[2] == detail


async def test_it_is_slow_by_the_fake_clock() -> None:
    """A client gives up a slow server when the clock of the test says so, and no real time goes by."""
    clock = FakeClock()
    echo = Echo(clock)
    echo.url, echo.knobs.latency = "http://127.0.0.1:1", 6.0
    with in_memory(echo):
        asking = asyncio.create_task(asked(echo))
        await clock.advance(4.9)
        assert not asking.done()
        await clock.advance(0.2)
        with pytest.raises(RequestFailedError, match="TimeoutError"):
            await asking
