"""The figures of PAM logins that wait, in small."""

from pathlib import Path

import pytest

from benchmarks.figure import WrongAnswerError
from benchmarks.pam_daemon import Daemon
from benchmarks.pam_host import OURS
from benchmarks.pam_waiting import Waiters, waiting_for_authority, waiting_logins, withdrawals

pytestmark = [pytest.mark.system, pytest.mark.root]


def test_waiting_logins(private_folder: Path) -> None:
    """So many programs wait at once, everybody approves, and the memory of each is told."""
    small, more = waiting_logins(private_folder, (20, 60))
    assert (small.target, "of 20 logins" in small.name, "of 60 logins" in more.name) == ("<= 15 KiB", True, True)
    assert 0 <= more.value < 200


def test_waiting_for_authority(private_folder: Path) -> None:
    """Programs wait for a push service in another process until that approves."""
    figures = waiting_for_authority(private_folder, 20)
    assert [figure.name.split()[-1] for figure in figures] == ["HTTP", "HTTPS"]
    assert all(0 <= figure.value < 1000 for figure in figures)


def test_withdrawals(private_folder: Path) -> None:
    """An interrupted login is withdrawn, and how fast is told."""
    [figure] = withdrawals(private_folder, 2)
    assert (figure.target, 0 < figure.value < 1000) == ("<= 100 ms", True)


def test_refused_programs(private_folder: Path) -> None:
    """Programs that are not let in are a wrong answer."""
    with (
        Daemon(private_folder, "another-service", "instant"),
        Waiters(private_folder, 2) as waiters,
        pytest.raises(WrongAnswerError, match="of 2 logins"),
    ):
        waiters.expect_approved()


def test_too_few_pending(private_folder: Path) -> None:
    """Logins that never wait fail the benchmark."""
    with Daemon(private_folder, OURS, "held") as daemon, pytest.raises(WrongAnswerError, match="0 logins pending"):
        daemon.wait_for_pending(1, seconds=0.2)


def test_programs_end_with_the_block(private_folder: Path) -> None:
    """Programs that still wait are ended with what has started them."""
    with Daemon(private_folder, OURS, "held") as daemon:
        with Waiters(private_folder, 3):
            daemon.wait_for_pending(3)
        assert [daemon.read().split()[0] for _ in range(3)] == ["withdrawn"] * 3
        daemon.wait_for_pending(0)
