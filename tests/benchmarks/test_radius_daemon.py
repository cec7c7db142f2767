"""The daemon under the RADIUS figures: it decides as pushgate does, and tells what it holds."""

import time
from pathlib import Path

import pytest

from benchmarks.figure import WrongAnswerError
from benchmarks.radius_daemon import EXEMPT, Daemon, Held
from benchmarks.radius_load import Load, Sending, send

SECRET = "a-long-enough-shared-secret"


@pytest.mark.system
def test_people_wait_until_they_are_released(private_folder: Path) -> None:
    """Logins are pending until everybody answers, each as the name says, and are then recorded so."""
    with Daemon(private_folder, SECRET) as daemon:
        load = Load(daemon.port, SECRET, logins=4, users=("yes-{}", "no-{}"))
        with Sending(load) as nas:
            daemon.wait_for_pending(4)
            daemon.release()
            report = nas.report()
        held, records = daemon.held(), daemon.records()
    assert (report.right, report.wrong, held) == (4, {}, Held(begun=4, pending=0))
    assert sorted(str(record["reason"]) for record in records) == ["approved", "approved", "denied", "denied"]


@pytest.mark.system
def test_exempt_users_ask_nobody(private_folder: Path) -> None:
    """The user of the static decisions is let in at once and recorded, without a session."""
    with Daemon(private_folder, SECRET) as daemon:
        report = send(Load(daemon.port, SECRET, logins=3, users=(EXEMPT,), window=2))
        held, records = daemon.held(), daemon.records()
    assert (report.right, held) == (3, Held())
    assert [record["reason"] for record in records] == ["exempt"] * 3


@pytest.mark.system
def test_too_few_pending(private_folder: Path) -> None:
    """Logins that never become pending fail the benchmark."""
    with Daemon(private_folder, SECRET) as daemon, pytest.raises(WrongAnswerError, match="0 logins pending"):
        daemon.wait_for_pending(1, seconds=0.2)


def test_daemon_that_does_not_start(private_folder: Path) -> None:
    """A daemon that cannot start is an error at once."""
    started = time.monotonic()
    with pytest.raises(WrongAnswerError, match="did not start"), Daemon(private_folder / "missing", SECRET):
        pass
    assert time.monotonic() - started < 20
