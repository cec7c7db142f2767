"""Rejections that blame what was typed take a second, all others none."""

from dataclasses import replace
from ipaddress import ip_network

import pytest
from structlog.testing import capture_logs

from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from pushgate.verdict import ACCEPTING
from radius_server.clients import Client
from radius_server.counters import Counters, DropLog
from radius_server.floor import Floor, is_slow
from radius_server.limits import Slots
from radius_server.outbox import Outbox
from radius_server.replies import REJECT_FLOOR
from radius_server.schemes import Refusal
from radius_server.timing import Rhythms
from tests.radius_server import vectors
from tests.support.radius import SECRET, DeskBench, RecordingLink, access_request, make_exchange

VPN = Client("vpn", ip_network("192.0.2.0/24"), SECRET)
UNKNOWN_USER = Decision(accept=False, reason=Reason.UNKNOWN_USER, audit_id="a3")
AT_ONCE = {Reason.DENIED, Reason.OVERLOADED, Reason.GIVEN_UP}


def make_floor(clock: FakeClock, room: int = 10) -> Floor:
    """Return a floor with so many slots."""
    counters = Counters()
    return Floor(Slots(room, room), Outbox(clock, counters, DropLog(counters), Rhythms(28)), clock)


@pytest.mark.parametrize("reason", sorted(set(Reason) - ACCEPTING))
def test_which_decisions_are_slow(reason: Reason) -> None:
    """Every reason to reject takes its time, but for those by which no guesser learns anything."""
    assert is_slow(Decision(accept=False, reason=reason, audit_id="")) == (reason not in AT_ONCE)
    assert not is_slow(Decision(accept=True, reason=reason, audit_id=""))


def test_which_refusals_are_slow() -> None:
    """A refusal that blames the password is slow, one that blames the protocol is not."""
    assert [is_slow(Refusal("x", credential=credential)) for credential in (True, False)] == [True, False]


@pytest.mark.parametrize("age", [0.0, 0.4, 5.0])
async def test_the_second_counts_from_receipt(age: float) -> None:
    """A rejection leaves a second after its packet came, and no later if that is past."""
    clock = FakeClock()
    floor, exchange = make_floor(clock), make_exchange(access_request(), VPN, received=clock.now() - age)
    floor.reply(exchange, UNKNOWN_USER)
    assert isinstance(exchange.link, RecordingLink)
    wait = max(0.0, REJECT_FLOOR - age)
    await clock.advance(max(0.0, wait - 0.01))
    assert len(exchange.link.sent) == (not wait)
    await clock.advance(0.01)
    assert len(exchange.link.sent) == 1
    assert floor.slots.tasks == {}


async def test_a_flood_of_rejections() -> None:
    """Rejections beyond the slots leave at once: nothing grows, and they tell nothing about any password."""
    clock = FakeClock()
    floor = make_floor(clock, room=2)
    exchanges = [make_exchange(access_request(), VPN, received=clock.now()) for _ in range(4)]
    for exchange in exchanges:
        floor.reply(exchange, Refusal("wrong_secret", credential=True))
    sent = [exchange.link.sent for exchange in exchanges if isinstance(exchange.link, RecordingLink)]
    assert [len(replies) for replies in sent] == [0, 0, 1, 1]
    await clock.advance(REJECT_FLOOR)
    assert [len(replies) for replies in sent] == [1, 1, 1, 1]


async def test_a_displaced_rejection() -> None:
    """A packet whose Identifier was used again meanwhile gets no late reject."""
    desk = DeskBench(VPN)
    desk.core.at_once = UNKNOWN_USER
    await desk.send(access_request("alice"), access_request("bob"))
    await desk.clock.advance(REJECT_FLOOR)
    assert (desk.replies(), desk.leftovers()) == ([(3, 1)], {})


async def test_undecodable_password() -> None:
    """A password that is noise is rejected after a second without asking anybody; the log guesses the secret."""
    desk = DeskBench(replace(VPN, secret=b"another secret"))
    with capture_logs() as logs:
        await desk.send(vectors.PAP, vectors.PAP, signed=False)
        assert desk.replies() == []
        await desk.clock.advance(REJECT_FLOOR)
    assert (desk.replies(), desk.core.logins) == ([(3, 0)], [])
    assert [(line["reason"], line["hint"]) for line in logs] == [
        ("wrong_secret", "the shared secret of the appliance and the one configured here differ")
    ]
