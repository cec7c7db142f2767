"""How long a NAS waits: as configured, as learned, as its kind does."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from pushgate.clock import FakeClock
from pushgate.decision import Decision, Reason
from radius_server.clients import Client
from radius_server.counters import Counters, DropLog
from radius_server.outbox import Outbox
from radius_server.presets import GENERIC
from radius_server.schemes import Refusal
from radius_server.timing import (
    KEPT_ARRIVALS,
    KEPT_GAPS,
    KEPT_NASES,
    KEPT_SAMPLES,
    SAMPLES,
    SOONEST,
    Rhythms,
    note_arrival,
)
from tests.support.radius import access_request, make_exchange

CLIENT = Client("vpn", ip_network("192.0.2.0/24"), b"secret")
NAS, OTHER_NAS = ip_address("192.0.2.1"), ip_address("192.0.2.2")
DEFAULT = 28.0

FIXED = (0.0, 10.0, 20.0)
"""Every ten seconds, three times; it gives up after 30."""
DOUBLING = (0.0, 2.0, 6.0, 14.0)
"""After 2, 4 and 8 seconds (RFC 5080 section 2.2.1); it gives up after 30, of which 22 can be seen for certain."""
SINGLE = (0.0,)


def taught(*series: tuple[float, ...], client: Client = CLIENT, silence: float = 100.0) -> Rhythms:
    """Return what was learned from series that each ended in silence."""
    rhythms = Rhythms(DEFAULT)
    for sent_at in series:
        rhythms.note(client, NAS, sent_at, sent_at[-1] + silence)
    return rhythms


@pytest.mark.parametrize(
    ("window", "patience"), [(30.0, 28.0), (60.0, 58.0), (5.0, 3.0), (3.0, 1.5), (0.3, 0.15)], ids=str
)
@pytest.mark.parametrize("configured", [True, False])
def test_known_window(window: float, patience: float, configured: bool) -> None:
    """A NAS of known window has its reply two seconds before its end, or in the middle of a short one."""
    client = replace(CLIENT, window=window) if configured else replace(CLIENT, preset=replace(GENERIC, window=window))
    assert Rhythms(DEFAULT).patience(client, NAS) == patience


def test_configuration_before_what_was_learned_before_the_preset() -> None:
    """What the administrator says holds; without a word the NAS itself knows better than its family's preset."""
    preset = replace(GENERIC, window=5.0)
    configured = replace(CLIENT, preset=preset, window=60.0)
    rhythms = taught(*[FIXED] * SAMPLES)
    assert rhythms.patience(configured, NAS) == 58.0
    assert rhythms.patience(replace(configured, window=None), NAS) == 0.8 * 30.0
    assert rhythms.patience(replace(configured, window=None), OTHER_NAS) == 3.0


@pytest.mark.parametrize(
    ("series", "window"),
    [(FIXED, 30.0), (DOUBLING, 22.0), ((0.0, 1.0, 2.0, 3.0), 4.0), ((0.0, 3.0), 6.0)],
    ids=["fixed", "doubling", "impatient", "once more"],
)
def test_learned_window(series: tuple[float, ...], window: float) -> None:
    """A NAS that gave up three times in its rhythm is answered after four fifths of the time that it showed."""
    assert taught(*[series] * (SAMPLES - 1)).patience(CLIENT, NAS) == DEFAULT
    assert taught(*[series] * SAMPLES).patience(CLIENT, NAS) == pytest.approx(0.8 * window)


def test_a_nas_that_never_repeats_teaches_nothing() -> None:
    """A NAS that sends each packet once is held as long as an unknown one."""
    rhythms = taught(*[SINGLE] * 20)
    assert rhythms.patience(CLIENT, NAS) == DEFAULT
    assert rhythms.seen == {}


def test_series_that_were_answered_show_no_end() -> None:
    """A NAS whose packets were answered before it gave up has not shown when it does."""
    assert taught(*[FIXED] * 20, silence=5.0).patience(CLIENT, NAS) == DEFAULT


def test_an_answered_series_lengthens_the_window() -> None:
    """A NAS that was seen to wait longer than it once gave up after has more patience than that."""
    rhythms = taught(*[(0.0, 3.0)] * SAMPLES)
    rhythms.note(CLIENT, NAS, (0.0, 3.0, 6.0, 9.0), 10.0)
    assert rhythms.patience(CLIENT, NAS) == pytest.approx(0.8 * 12.0)


def test_a_shorter_series_after_a_longer_one() -> None:
    """A NAS whose answer comes sooner than last time breaks nothing and unteaches nothing."""
    rhythms = taught(FIXED, (0.0, 10.0), FIXED, (0.0, 9.0))
    assert rhythms.seen["vpn", NAS].gaps == [10.0, 10.0]


def test_a_nas_that_became_impatient() -> None:
    """A NAS whose waits were shortened by its administrator is answered in time again."""
    rhythms = taught(*[FIXED] * SAMPLES)
    rhythms.note(CLIENT, NAS, (0.0, 20.0, 40.0), 41.0)
    assert rhythms.patience(CLIENT, NAS) == 0.8 * 60.0
    for _ in range(KEPT_SAMPLES):
        rhythms.note(CLIENT, NAS, (0.0, 2.0, 4.0), 4.5)
        rhythms.note(CLIENT, NAS, (0.0, 2.0, 4.0), 90.0)
    assert rhythms.patience(CLIENT, NAS) < 0.8 * 30.0


@pytest.mark.parametrize(("gap", "patience"), [(0.001, 0.8 * 2.0), (500.0, 0.8 * 120.0)])
def test_learned_windows_are_bounded(gap: float, patience: float) -> None:
    """Whatever somebody makes of a NAS's packets, its logins are held for a sensible time."""
    assert taught(*[(0.0, gap)] * SAMPLES, silence=5000.0).patience(CLIENT, NAS) == pytest.approx(patience)


def test_each_source_has_its_own_rhythm() -> None:
    """A NAS teaches nothing about its neighbour, nor about another client at its address."""
    rhythms = taught(*[FIXED] * SAMPLES)
    assert rhythms.patience(CLIENT, OTHER_NAS) == DEFAULT
    assert rhythms.patience(replace(CLIENT, name="other"), NAS) == DEFAULT


def test_rhythms_are_bounded() -> None:
    """A network full of NASes pushes out the one that was not heard of for longest; no series grows without end."""
    rhythms = Rhythms(DEFAULT)
    first = int(ip_address("10.0.0.0"))
    for number in range(KEPT_NASES + 5):
        rhythms.note(CLIENT, ip_address(first + number), FIXED, 100.0)
    assert len(rhythms.seen) == KEPT_NASES
    assert ("vpn", ip_address(first)) not in rhythms.seen
    for _ in range(100):
        rhythms.note(CLIENT, NAS, [float(number) for number in range(64)], 1000.0)
        rhythms.note(CLIENT, NAS, [float(number) for number in range(64)], 64.0)
    rhythm = rhythms.seen["vpn", NAS]
    assert [len(rhythm.gaps), len(rhythm.windows), len(rhythm.waits)] == [KEPT_GAPS, KEPT_SAMPLES, KEPT_SAMPLES]


@pytest.mark.parametrize(
    ("series", "sent_at", "silent_since"),
    [
        (FIXED, (0.0,), None),
        (FIXED, (0.0, 10.0), 30.0),
        (FIXED, FIXED, 40.0),
        (DOUBLING, (0.0, 2.0), 10.0),
        (DOUBLING, DOUBLING, 30.0),
    ],
)
def test_silence(series: tuple[float, ...], sent_at: tuple[float, ...], silent_since: float | None) -> None:
    """A NAS has given up when it missed its next packet by twice the gap; one that sent once may never send more."""
    assert taught(*[series] * SAMPLES).silent_since(CLIENT, NAS, sent_at) == silent_since


def test_silence_of_an_unknown_nas() -> None:
    """A NAS of which too little was seen has never plainly given up."""
    assert Rhythms(DEFAULT).silent_since(CLIENT, NAS, FIXED) is None
    assert taught(FIXED).silent_since(CLIENT, NAS, FIXED) is None


def test_copies_made_by_the_network_teach_nothing() -> None:
    """A network that doubles packets, or whoever replays them, does not make a NAS look impatient."""
    sent_at = [0.0]
    for now in (0.01, 0.02, 0.03, 5.0, 5.01, 5.02, 10.0, 10.0 + SOONEST / 2):
        note_arrival(sent_at, now)
    assert sent_at == [0.0, 5.0, 10.0]


def test_a_nas_that_sends_for_long_does_not_fall_silent() -> None:
    """A NAS that sends more often than is remembered is seen to send until its last packet."""
    sent_at = [0.0]
    for number in range(1, 2 * KEPT_ARRIVALS):
        note_arrival(sent_at, float(number))
    assert len(sent_at) == KEPT_ARRIVALS
    assert sent_at[-1] == 2 * KEPT_ARRIVALS - 1


ANSWERS: dict[str, tuple[Decision | Refusal, bool]] = {
    "wrong secret": (Refusal("wrong_secret", credential=True), False),
    "wrong password": (Decision(accept=False, reason=Reason.BAD_PASSWORD, audit_id="a1"), False),
    "exempt": (Decision(accept=True, reason=Reason.EXEMPT, audit_id="a2"), False),
    "no answer": (Decision(accept=False, reason=Reason.EXPIRED, audit_id="a3"), True),
    "approved": (Decision(accept=True, reason=Reason.APPROVED, audit_id="a4"), True),
}


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_forged_series_teach_nothing(answer: str, signed: bool) -> None:
    """An attacker who forges unsigned packets of a NAS does not make us answer all its people after two seconds."""
    clock, counters = FakeClock(), Counters()
    outbox = Outbox(clock, counters, DropLog(counters), Rhythms(DEFAULT))
    said, proves = ANSWERS[answer]
    for _ in range(SAMPLES):
        began = clock.now()
        exchange = make_exchange(access_request(), CLIENT, received=began)
        exchange.request = replace(exchange.request, signed=signed)
        exchange.sent_at.append(began + 0.25)
        await clock.advance(1)
        outbox.reply(exchange, said)
    patience = outbox.rhythms.patience(CLIENT, exchange.request.source)
    assert (patience < 2) == (signed or proves)
