"""The peers of the RADIUS figures are real FreeRADIUS servers that answer right."""

from pathlib import Path

import pytest

from benchmarks import radius_peers
from benchmarks.figure import WrongAnswerError
from benchmarks.radius_load import Load, send
from benchmarks.radius_peers import Kind, freeradius

SECRET = "a-long-enough-shared-secret"


@pytest.mark.system
def test_decision_at_once(private_folder: Path) -> None:
    """The server that decides at once accepts its user, and signs the reply as we do."""
    with freeradius(private_folder, "files", SECRET) as peer:
        report = send(Load(peer.port, SECRET, logins=50, users=("exempt",), window=10))
    assert (report.right, report.wrong, report.unanswered) == (50, {}, 0)


@pytest.mark.system
@pytest.mark.parametrize("kind", ["rest", "python3"])
def test_decision_of_a_person(kind: Kind, private_folder: Path) -> None:
    """The server that waits for people answers each as that person has decided, no sooner."""
    with freeradius(private_folder, kind, SECRET, threads=4, seconds=0.1) as peer:
        report = send(Load(peer.port, SECRET, logins=4, users=("yes-{}", "no-{}")))
    assert (report.right, report.wrong, report.unanswered) == (4, {}, 0)
    assert report.percentiles["p50"] >= 100


def test_missing_server(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without FreeRADIUS is told what to install."""
    monkeypatch.setattr(radius_peers, "PROGRAM", "no-such-program")
    with pytest.raises(WrongAnswerError, match="make test as root"), freeradius(private_folder, "files", SECRET):
        pass
