"""The figures of the PAM module and daemon, in small."""

from pathlib import Path

import pytest

from benchmarks.figure import WrongAnswerError
from benchmarks.pam_cost import module_and_daemon, with_authority
from benchmarks.pam_daemon import Daemon
from benchmarks.pam_host import LOCAL, OURS, PERMIT, REMOTE, Host, Logins, overhead, slowest_tenth

pytestmark = [pytest.mark.system, pytest.mark.root]


def test_module_and_daemon(private_folder: Path) -> None:
    """Every login is made and found in the audit, and each figure says what pam_permit needed."""
    figures = module_and_daemon(private_folder, rounds=20, pairs=3, growth=50)
    assert [figure.target for figure in figures] == ["<= 0.6 ms", "<= 1.5 ms"] * 2 + ["", "<= 0 KiB"]
    assert all(0 < figure.value < 50 for figure in figures[:4])
    assert "with pam_permit" in figures[0].beside
    assert figures[1].beside.startswith("a process that only counts answers in p50 ")
    assert 0 <= figures[5].value < 500


def test_with_authority(private_folder: Path) -> None:
    """A push service in another process is asked over HTTPS, and approves."""
    [figure] = with_authority(private_folder, rounds=10)
    assert (figure.target, 0 < figure.value < 100) == ("<= 3 ms", True)


def test_failed_login(private_folder: Path) -> None:
    """A login that fails is a wrong answer, never a fast one."""
    host = Host(private_folder)
    with pytest.raises(WrongAnswerError, match=f"{OURS}: PAM code 9"):
        host.log_in(REMOTE, 1, OURS)
    host.stack("denied", "auth required pam_deny.so")
    with pytest.raises(WrongAnswerError, match="denied: PAM code 7"):
        host.log_in(LOCAL, 1, PERMIT, "denied")


def test_missing_records(private_folder: Path) -> None:
    """A decision that the audit lacks is a wrong answer."""
    host = Host(private_folder)
    with Daemon(private_folder, OURS, "instant") as daemon:
        host.log_in(REMOTE, 1, OURS)
    with pytest.raises(WrongAnswerError, match="21 of 21 logins approved, 22 expected"):
        daemon.expect_approved(22)
    daemon.expect_approved(21)


def test_daemon_that_does_not_start(private_folder: Path) -> None:
    """A daemon that cannot start is an error at once."""
    with pytest.raises(WrongAnswerError, match="did not start"), Daemon(private_folder / "missing", OURS, "instant"):
        pass


def test_figures_are_differences() -> None:
    """What is told is the median, or the slowest tenth, of the differences of logins next to each other."""
    logins = Logins({OURS: [3_000_000, 5_000_000, 40_000_000] * 4, PERMIT: [1_000_000, 2_000_000, 39_000_000] * 4})
    assert logins.over(OURS)[:3] == [2.0, 3.0, 1.0]
    figure = overhead("x", logins, p50=2.5)
    assert (figure.value, figure.met, figure.beside) == (2.0, True, "5.00 ms in all, 2.00 ms with pam_permit")
    assert slowest_tenth("x", logins, p90=2.0).met is False


def test_nothing_of_the_machine_is_touched(private_folder: Path) -> None:
    """The stacks lie in the folder of the benchmark, and the machine's own are neither read nor written."""
    host = Host(private_folder)
    assert host.environment()["PAM_WRAPPER_SERVICE_DIR"] == str(private_folder / "pam.d")
    host.log_in(LOCAL, 1, PERMIT)
    assert list(Path("/etc/pam.d").glob("bench-*")) == []
