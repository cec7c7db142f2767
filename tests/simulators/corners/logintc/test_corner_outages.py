"""Corner cases of LoginTC by their number: outages, limits, certificates, time and people who go away."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from pushgate.decision import Reason
from pushgate.http import JsonClient
from pushgate.outcome import Approved, Failed, FailureKind, Pending
from pushgate.providers.logintc import LoginTc
from tests.simulators.base import Answer, DropConnection, Recorded, running, until
from tests.simulators.corners.logintc.shared import FAULTS, Gate
from tests.simulators.logintc import DOMAIN, KEY
from tests.support.certificates import CertificationAuthority
from tests.support.core import make_login
from tests.support.skipping import SkippingClock


@pytest.mark.parametrize("fault", [Answer(502), Answer(504), DropConnection()])
async def test_corner_01_five_seconds_of_outage_then_an_approval_accept(
    gate: Gate, fault: Answer | DropConnection
) -> None:
    """Alice approves while the server answers 502 or breaks connections for five seconds, and is let in."""
    handle = await gate.ask()
    gate.rig.approve(handle)
    # A question whose connection breaks is asked once more at once, by the library: two faults for each.
    gate.polled(*[fault] * (10 if isinstance(fault, DropConnection) else 5))
    started = gate.clock.now()
    assert await gate.wait(handle) == Approved()
    assert 4.5 <= gate.clock.now() - started <= 6


async def test_corner_01_an_approval_in_the_last_look_accepts(gate: Gate) -> None:
    """Alice approves between the last poll and the deadline, and is let in."""
    handle = await gate.ask()
    gate.polled(*[None] * 2)
    town, asked = gate.simulator.town, []

    def approve_late(request: Recorded) -> bool:
        asked.append(gate.clock.now())
        if gate.clock.now() >= 1010:
            town.answer(handle.id, "approved")
        return False

    gate.simulator.knobs.only = approve_late
    assert await gate.wait(handle, 10) == Approved()
    assert asked[-1] == pytest.approx(1010)


async def test_corner_01_an_approval_after_the_reject_opens_nothing(gate: Gate) -> None:
    """Alice approves after her login was rejected: there is nothing left that she could approve."""
    decision = await gate.login()
    assert (decision.accept, decision.reason) == (False, Reason.EXPIRED)
    assert (gate.rig.leftovers(), gate.count("cancels")) == (0, 1)
    assert gate.simulator.town.sessions == {}


@pytest.mark.parametrize("moment", ["while asking", "while waiting"])
async def test_corner_02_a_client_that_goes_away_is_one_cancel(real_gate: Gate, moment: str) -> None:
    """A front end whose peer goes away, also while the create is on its way, withdraws the push exactly once."""
    gate = real_gate
    gate.simulator.knobs.latency = 0.05
    gate.simulator.knobs.only = lambda request: request.method == "POST"
    login = gate.login()
    word = "polls" if moment == "while waiting" else "pushes"
    await until(lambda: gate.count(word) > 0 or (word == "pushes" and gate.simulator.ledger.count("POST", "/") > 0))
    login.cancel()
    with pytest.raises(asyncio.CancelledError):
        await login
    assert (gate.count("cancels"), gate.rig.leftovers(), gate.audit.reasons()) == (1, 0, ["withdrawn"])


@pytest.mark.parametrize("hours", [-1, 1])
async def test_corner_13_a_wall_clock_that_jumps_moves_no_deadline(gate: Gate, hours: int) -> None:
    """A machine whose time of day is set during a login keeps the login's deadline."""
    handle = await gate.ask()

    def jump(_request: Recorded) -> bool:
        assert isinstance(gate.clock, SkippingClock)
        gate.clock.wall_shift = timedelta(hours=hours)
        return False

    gate.simulator.knobs.only = jump
    assert await gate.wait(handle, 10) is FailureKind.EXPIRED
    assert gate.clock.now() == pytest.approx(1010)


@pytest.mark.parametrize(
    ("value", "pause"), [("7", 7.0), ("date", 7.0), ("", 2.0), ("soon", 2.0), ("-1", 2.0), ("0", 2.0)]
)
async def test_corner_14_a_server_that_has_enough_is_left_alone(gate: Gate, value: str, pause: float) -> None:
    """A server that answers a poll with 429 is asked again when it says, or after a while if it does not say."""
    assert isinstance(gate.clock, SkippingClock)
    handle = await gate.ask()
    gate.rig.approve(handle)
    written = format_datetime(gate.clock.wall() + timedelta(seconds=7), usegmt=True) if value == "date" else value
    gate.polled(Answer(429, {"errors": []}, {"Retry-After": written} if written else {}))
    assert await gate.wait(handle) == Approved()
    assert gate.clock.sleeps == [pytest.approx(pause, abs=0.01)]


@pytest.mark.parametrize("value", ["3600", ""])
async def test_corner_14_beyond_the_deadline_it_is_rate_limited(gate: Gate, value: str) -> None:
    """A server that wants to be left alone for longer than the login lasts is looked at once more, at the deadline."""
    handle = await gate.ask()
    gate.polled(*[Answer(429, None, {"Retry-After": value} if value else {})] * 20)
    assert await gate.wait(handle, 20) is FailureKind.RATE_LIMITED
    assert gate.clock.now() == pytest.approx(1020)
    assert gate.simulator.ledger.count("GET", "/sessions/") == (2 if value else 5)


async def test_corner_14_a_create_that_is_limited_asks_nobody(gate: Gate) -> None:
    """A server that answers a create with 429 has asked nobody, and is not asked again for this login."""
    gate.created(Answer(429, None, {"Retry-After": "1"}))
    outcome = await gate.begin()
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.asked, gate.count("creates")) == (FailureKind.RATE_LIMITED, False, 0)


@pytest.mark.parametrize("path", ["/api/ping", f"/api/domains/{DOMAIN}/sessions"])
@pytest.mark.parametrize("fault", FAULTS)
async def test_corner_15_what_is_no_outage_never_opens(gate: Gate, path: str, fault: str) -> None:
    """A service that lets people in during outages lets nobody in for any other fault."""
    gate.opens = True
    gate.simulator.knobs.only = lambda request: request.path == path
    gate.simulator.knobs.faults.extend([FAULTS[fault]] * 9)
    assert not (await gate.login()).accept


class Certificates:
    """A trusted authority, and servers whose certificates are right or wrong."""

    def __init__(self, folder: Path) -> None:
        ours, foreign = CertificationAuthority(folder / "ours"), CertificationAuthority(folder / "foreign")
        self.ca = ours.path
        self.issued = {
            "right": ours.issue("right", "localhost", server=True),
            "other authority": foreign.issue("foreign", "localhost", server=True),
            "expired": ours.issue("expired", "localhost", server=True, days=-1),
            "other host": ours.issue("other", "login.example", server=True),
        }

    @asynccontextmanager
    async def serving(self, gate: Gate, which: str) -> AsyncIterator[LoginTc]:
        """Serve the simulator with one of them; yields a provider that trusts our authority."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.issued[which].certificate, self.issued[which].key)
        async with running(gate.simulator, context) as secured:
            headers = {"Authorization": f'LoginTC key="{KEY}"'}
            provider = LoginTc(JsonClient(secured.url, gate.clock, headers, self.ca), DOMAIN, gate.clock)
            try:
                yield provider
            finally:
                await provider.close()


@pytest.mark.parametrize("which", ["other authority", "expired", "other host"])
async def test_corner_15_a_certificate_that_is_not_trusted_never_opens(
    gate: Gate, private_folder: Path, which: str
) -> None:
    """Whoever stands between the gate and the provider without its certificate lets nobody in, and reads no key."""
    gate.opens = True
    async with Certificates(private_folder).serving(gate, which) as provider:
        decision = await gate.login_at(provider)
        failed = await provider.reach(gate.clock.now() + 5)
    assert (decision.accept, decision.reason) == (False, Reason.CONFIG)
    assert gate.simulator.ledger.requests == []
    assert failed is not None
    assert "certificate" in failed.hint


async def test_corner_15_the_right_certificate_is_trusted(gate: Gate, private_folder: Path) -> None:
    """The same server with its own certificate is asked."""
    async with Certificates(private_folder).serving(gate, "right") as provider:
        assert isinstance(await provider.begin(make_login(), gate.clock.now() + 5), Pending)


def no_name(_gate: Gate) -> str:
    """An address whose name nobody knows."""
    return "http://login.example:80"


def refused(_gate: Gate) -> str:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"http://127.0.0.1:{server.getsockname()[1]}"


def closed(gate: Gate) -> str:
    """The server, which answers creates with 503."""
    gate.created(*[Answer(503)] * 9)
    return gate.simulator.url


@pytest.mark.parametrize("opens", [True, False])
@pytest.mark.parametrize("place", [no_name, refused, closed])
async def test_corner_16_an_outage_before_anybody_is_asked_opens_where_it_may(
    gate: Gate, monkeypatch: pytest.MonkeyPatch, place: Callable[[Gate], str], opens: bool
) -> None:
    """A server that surely asked nobody lets people in where the configuration says so, with a record; else nobody."""

    async def no_such_name(*_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "no such name")

    url = place(gate)
    if place is no_name:
        monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", no_such_name)
    gate.opens = opens
    provider = gate.rig.provider_at(url)
    decision = await gate.login_at(provider)
    await provider.close()
    assert (decision.accept, decision.reason) == (opens, Reason.FAIL_OPEN if opens else Reason.UNAVAILABLE)
    assert gate.audit.reasons() == [decision.reason.value]


@pytest.mark.parametrize("fault", [Answer(500), Answer(502), Answer(504), DropConnection()])
async def test_corner_16_an_outage_once_somebody_may_be_asked_rejects(
    gate: Gate, fault: Answer | DropConnection
) -> None:
    """A server that fails at or after the create lets nobody in, whatever the configuration says of outages."""
    gate.opens = True
    gate.created(fault)
    assert (await gate.login()).reason is Reason.UNAVAILABLE
    gate.simulator.knobs.faults.clear()
    gate.polled(*[fault] * 99)
    assert (await gate.login()).reason is Reason.UNAVAILABLE
    assert gate.rig.leftovers() == 0
