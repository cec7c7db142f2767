"""Probes that go unanswered while nobody can be asked."""

from dataclasses import replace

from structlog.testing import capture_logs

from pushgate.clock import FakeClock
from radius_server.backend import LOOK_SECONDS, BackendWatch
from tests.radius_server.test_server import VPN, running
from tests.support.radius import status_request

REFLECTING = replace(VPN, reflects_backend=True)


async def test_probes_follow_the_provider() -> None:
    """A NAS that may move to its next server gets no answer while the provider is away, and again one afterwards."""
    async with running(REFLECTING) as gate:
        await gate.nas.ask(status_request(1))
        gate.core.works = False
        await gate.clock.advance(LOOK_SECONDS)
        await gate.send(status_request(2))
        assert gate.nas.drain() == []
        assert gate.server.counters.dropped["backend_down"] == 1
        gate.core.works = True
        await gate.clock.advance(LOOK_SECONDS)
        await gate.nas.ask(status_request(3))


async def test_others_are_answered_all_the_same() -> None:
    """A NAS without a second server is answered, whatever the provider does."""
    async with running() as gate:
        gate.core.works = False
        await gate.clock.advance(2 * LOOK_SECONDS)
        await gate.nas.ask(status_request())


async def test_changes_are_logged_and_nobody_looks_in_vain(fake_clock: FakeClock) -> None:
    """An administrator finds each change once in the log; while no client wants to know, the provider is left alone."""
    answers = [False, False, True]

    async def look() -> bool:
        return answers.pop(0)

    watch = BackendWatch(look, fake_clock)
    with capture_logs() as logs:
        watch.start()
        await fake_clock.advance(2 * LOOK_SECONDS)
        assert len(answers) == 3
        watch.wanted = True
        await fake_clock.advance(3 * LOOK_SECONDS)
        await watch.stop()
    assert [(line["event"], line["works"]) for line in logs] == [("radius_backend", False), ("radius_backend", True)]
