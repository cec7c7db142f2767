"""Which login a process belongs to."""

import os
from pathlib import Path

import pytest

from pushgate.pamsetup.session import LoginSession, NoProcess, login_session, started_by
from tests.support.pam_places import add_process

PERSON = (1000, 1000, 1000)


def ssh_login(proc: Path, first: int) -> int:
    """Add one login by ssh with its shell; returns the shell's number."""
    add_process(proc, first, 100, "/usr/sbin/sshd")
    add_process(proc, first + 1, first, "/usr/sbin/sshd", uids=PERSON)
    add_process(proc, first + 2, first + 1, "/bin/bash", uids=PERSON)
    return first + 2


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A /proc with a listening sshd."""
    add_process(tmp_path, 100, 1, "/usr/sbin/sshd")
    return tmp_path


def test_two_connections_are_two_logins(proc: Path) -> None:
    """Each connection has an sshd of root's own, and everything below it is that login."""
    first, second = ssh_login(proc, 200), ssh_login(proc, 300)
    add_process(proc, 250, first, "/usr/bin/sudo", uids=(1000, 0, 0))
    assert login_session(first, str(proc)) == login_session(250, str(proc)) == LoginSession(True, 200, 200)
    assert login_session(second, str(proc)) == LoginSession(True, 300, 300)
    assert login_session(first, str(proc)).is_same(200, 200)
    assert not login_session(first, str(proc)).is_same(200, 199)


def test_shells_over_one_connection_are_one_login(proc: Path) -> None:
    """A second shell of the same connection (ControlMaster) is no second login."""
    first = ssh_login(proc, 200)
    add_process(proc, 400, 201, "/bin/bash", uids=PERSON)
    assert login_session(400, str(proc)) == login_session(first, str(proc))


def test_the_console_is_a_login_of_its_own(proc: Path) -> None:
    """Below login on a console, everything is one login, which did not come through ssh."""
    add_process(proc, 200, 1, "/usr/bin/login")
    add_process(proc, 201, 200, "/bin/bash")
    add_process(proc, 202, 201, "/usr/bin/python3")
    assert login_session(202, str(proc)) == LoginSession(False, 200, 200)


def test_a_terminal_of_tmux_is_as_old_as_its_server(proc: Path) -> None:
    """A new window of a terminal server that outlived its login is no new login."""
    add_process(proc, 200, 1, "/usr/bin/tmux")
    add_process(proc, 900, 200, "/bin/bash")
    assert login_session(900, str(proc)).start_time == 200


def test_a_program_that_calls_itself_sshd_is_none(proc: Path) -> None:
    """A person's own program of that name begins no login."""
    first = ssh_login(proc, 200)
    add_process(proc, 500, first, "/home/mallory/sshd", uids=PERSON)
    add_process(proc, 501, 500, "/bin/bash", uids=PERSON)
    assert login_session(501, str(proc)).pid == 200


def test_a_pid_that_changed_hands_is_no_parent(proc: Path) -> None:
    """A parent that is younger than its child is somebody else."""
    add_process(proc, 600, 601, "/bin/bash", start=600)
    add_process(proc, 601, 1, "/usr/sbin/sshd", start=700)
    assert login_session(600, str(proc)) == LoginSession(False, 600, 600)


def test_a_process_that_ended_has_no_login(proc: Path) -> None:
    """A process that is gone is said to be."""
    with pytest.raises(NoProcess):
        login_session(4711, str(proc))


def test_becoming_root_by_a_new_sudo(proc: Path) -> None:
    """A command below a sudo that began since then came through it; below an older one, or none, it did not."""
    shell = ssh_login(proc, 200)
    add_process(proc, 800, shell, "/usr/bin/sudo", uids=(0, 0, 0))
    add_process(proc, 801, 800, "/usr/bin/python3")
    sudo = frozenset({"sudo"})
    assert started_by(801, sudo, 800, str(proc))
    assert not started_by(801, sudo, 801, str(proc))
    assert not started_by(801, frozenset({"su"}), 0, str(proc))
    assert not started_by(shell, sudo, 0, str(proc))


def test_a_persons_own_program_named_sudo_counts_for_nothing(proc: Path) -> None:
    """A program of that name without root's rights asked nobody."""
    shell = ssh_login(proc, 200)
    add_process(proc, 800, shell, "/home/mallory/sudo", uids=PERSON)
    add_process(proc, 801, 800, "/usr/bin/python3")
    assert not started_by(801, frozenset({"sudo"}), 0, str(proc))


def test_this_process_has_a_login() -> None:
    """The walk works on the real /proc."""
    assert login_session(os.getpid()).start_time > 0
