"""The figures of waiting logins, in small."""

from pathlib import Path

import pytest

from benchmarks.figure import WrongAnswerError
from benchmarks.radius_daemon import Daemon, Held
from benchmarks.radius_load import Report
from benchmarks.radius_pending import Setup, challenges, expect_sessions, pending_logins, storm, waiting_peers, within


@pytest.mark.system
def test_pending_logins(private_folder: Path) -> None:
    """Everybody is answered right after the wait, and the memory of each is told."""
    answered, memory, peak = pending_logins(private_folder, logins=300, thinking=0.5)
    assert (answered.value, answered.met) == (100, True)
    assert answered.beside == "300 / 300 / 300 within 15 / 30 / 60 s"
    assert 0 < memory.value < 200
    assert peak.value > 20


@pytest.mark.system
def test_storm(private_folder: Path) -> None:
    """Repeated packets ask nobody twice; each was sent four times, again while it waited, and when it was answered."""
    sessions, wrong = storm(private_folder, logins=100, thinking=2.5)
    assert (sessions.value, sessions.met, wrong.value, wrong.met) == (0, True, 0, True)
    assert int(sessions.beside.split()[0].replace(",", "")) >= 100 * 4 * 3


@pytest.mark.system
def test_challenges(private_folder: Path) -> None:
    """Everybody gets a challenge and is let in, or not, after Enter."""
    [answered] = challenges(private_folder, logins=100)
    assert (answered.value, answered.met) == (100, True)


@pytest.mark.system
def test_peers(private_folder: Path) -> None:
    """Each peer is counted for itself: how many it answered, and how many of them wrong."""
    peers = (Setup("one", "rest", 4, 4), Setup("other", "python3", 4, 2))
    one, other = waiting_peers(private_folder, peers, thinking=0.2)
    assert (one.value, other.value, one.target) == (100, 100, "")
    assert one.beside.startswith("4 / 4 / 4 within 15 / 30 / 60 s; 0 wrong; peak RSS ")


@pytest.mark.parametrize("held", [Held(4, 0), Held(3, 1), Held(2, 0)])
def test_sessions_too_many(held: Held, monkeypatch: pytest.MonkeyPatch, private_folder: Path) -> None:
    """Somebody who was asked twice, or is still asked, fails the benchmark."""
    monkeypatch.setattr(Daemon, "held", lambda daemon: held)
    with pytest.raises(WrongAnswerError, match="3 logins made"):
        expect_sessions(Daemon(private_folder, "secret"), 3)


def test_marks() -> None:
    """Who was answered when is told in one line."""
    assert within(Report(answered_within={"15": 512, "60": 2560})) == "512 / 2,560 within 15 / 60 s"
    assert within(Report()) == "none answered"
