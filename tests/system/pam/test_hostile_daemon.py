"""The module against daemons that are absent, hung or broken: nothing but the right bytes opens the door."""

import stat
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.pam_bench import APPROVE, AUTH_ERR, AUTHINFO_UNAVAIL, SERVICE_ERR, SUCCESS, USER_UNKNOWN, Bench

pytestmark = pytest.mark.system

PIECES = [bytes.fromhex(piece) for piece in (APPROVE, "49000161", "450000", "52000107", "520000", "5a0000", "49")]


def test_approval(bench: Bench) -> None:
    """One result frame with the value 0 opens the door."""
    bench.start_daemon(APPROVE)
    assert bench.authenticate() == [SUCCESS]


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        ("03", SERVICE_ERR),
        ("07", AUTH_ERR),
        ("09", AUTHINFO_UNAVAIL),
        ("0a", USER_UNKNOWN),
        ("0b", "pamtester: Have exhausted maximum number of retries for service"),
        # A lone module that leaves the decision to others: there is nobody to say yes.
        ("19", "pamtester: Permission denied"),
        ("1a", "pamtester: Critical error - immediate abort"),
    ],
)
def test_refusals(bench: Bench, code: str, verdict: str) -> None:
    """Every code that the daemon may refuse with arrives as that code."""
    bench.start_daemon(f"520001{code}")
    assert bench.authenticate() == [verdict]


def test_no_daemon(bench: Bench) -> None:
    """Without a daemon nobody gets in, at once."""
    start = time.monotonic()
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]
    assert time.monotonic() - start < 1


def test_dead_daemon(bench: Bench) -> None:
    """A socket that a dead daemon left behind opens nothing."""
    bench.start_daemon(end="exit")
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]
    assert stat.S_ISSOCK(bench.socket.stat().st_mode)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


def test_hung_daemon(bench: Bench) -> None:
    """A daemon that never answers costs the configured time, then the login is refused."""
    bench.start_daemon()
    start = time.monotonic()
    assert bench.authenticate("timeout=2") == [AUTH_ERR]
    assert 1.5 < time.monotonic() - start < 4


def test_daemon_that_trickles(bench: Bench) -> None:
    """Text that keeps coming does not move the deadline."""
    bench.start_daemon(*["49000161"] * 60, APPROVE)
    start = time.monotonic()
    assert bench.authenticate("timeout=1")[-1] == AUTH_ERR
    assert 0.9 < time.monotonic() - start < 3


@pytest.mark.parametrize("pieces", [["520001"], ["52"], ["4900", "0a41"], ["490001", "61", "520001"]])
def test_daemon_dies_inside_a_frame(bench: Bench, pieces: list[str]) -> None:
    """A daemon that dies inside a frame has not approved."""
    bench.start_daemon(*pieces, end="exit")
    assert bench.authenticate()[-1] == AUTHINFO_UNAVAIL


@pytest.mark.parametrize("end", ["close", "close-at-once", "exit"])
def test_closed_without_an_answer(bench: Bench, end: str) -> None:
    """A connection that is closed without an answer is a refusal."""
    bench.start_daemon(end=end)
    assert bench.authenticate() == [AUTHINFO_UNAVAIL]


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param("520000", id="empty result"),
        pytest.param("5200020000", id="two-byte result"),
        pytest.param("520001ff", id="unknown code"),
        pytest.param("52000101", id="code that is not listed"),
        pytest.param("5a000161", id="unknown type"),
        pytest.param("5a000000" + APPROVE, id="unknown type before an approval"),
        pytest.param("49ffff" + "61" * 65535 + APPROVE, id="huge frame"),
        pytest.param("492000" + "61" * 8192 + APPROVE, id="frame one byte too long"),
        pytest.param("410000" + APPROVE, id="the module's own type"),
        pytest.param("49000161" * 64 + APPROVE, id="more frames than agreed"),
        pytest.param("00000000", id="zeros"),
    ],
)
def test_broken_protocol(bench: Bench, piece: str) -> None:
    """Bytes that break the protocol are an error, whatever follows them."""
    # A single argument of a program may not be longer than 128 KiB.
    bench.start_daemon(*[piece[at : at + 100_000] for at in range(0, len(piece), 100_000)])
    assert bench.authenticate()[-1] == SERVICE_ERR


def test_byte_by_byte(bench: Bench) -> None:
    """An answer that comes byte by byte is an answer."""
    bench.start_daemon(*["49", "00", "02", "48", "69", "52", "00", "01", "00"])
    assert bench.authenticate() == ["Hi", SUCCESS]


def test_several_frames_at_once(bench: Bench) -> None:
    """Frames that come in one piece are told apart, and errors are shown as well as texts."""
    bench.start_daemon("49000161" + "45000162" + APPROVE)
    assert bench.authenticate() == ["a", "b", SUCCESS]


def test_format_characters(bench: Bench) -> None:
    """Text is shown as it is, never taken for a format."""
    bench.start_daemon("490008" + b"%s%n%s%n".hex(), APPROVE)
    assert bench.authenticate() == ["%s%n%s%n", SUCCESS]


def test_long_text(bench: Bench) -> None:
    """Text longer than PAM's own limit is cut before a host's buffer sees it."""
    bench.start_daemon("491fff" + "61" * 8191, APPROVE)
    assert bench.authenticate() == ["a" * 511, SUCCESS]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stream=st.binary(max_size=60) | st.lists(st.sampled_from(PIECES)).map(b"".join))
def test_any_bytes_open_nothing_but_an_approval(bench: Bench, stream: bytes) -> None:
    """Whatever the daemon sends, the door opens only for a well-formed stream that ends in an approval."""
    with bench.daemons.pop_all():
        bench.socket.unlink(missing_ok=True)
    bench.start_daemon(stream.hex(), end="close")
    lines = bench.authenticate("timeout=5")
    assert lines[-1].startswith("pamtester: "), "the module has crashed"
    assert (lines[-1] == SUCCESS) is is_approval(stream)


def is_approval(stream: bytes) -> bool:
    """Read a stream as the documentation says; prompts end it, as nobody answers them."""
    for _ in range(64):
        frame_type, length, rest = stream[:1], int.from_bytes(stream[1:3], "big"), stream[3:]
        if len(stream) < 3 or frame_type not in (b"I", b"E", b"R") or length > 8191 or len(rest) < length:
            return False
        if frame_type == b"R":
            return length == 1 and rest[:1] == b"\0"
        stream = rest[length:]
    return False
