"""The processes of an sshd connection are told apart by what the kernel says of them."""

import pytest

from pam_module import sshd
from pam_module.processes import NoProcess, Process
from pam_module.sshd import monitor_of

LISTENER = Process(10, 1, 100, "/usr/sbin/sshd", (0, 0, 0))
MONITOR = Process(20, 10, 200, "/usr/sbin/sshd", (0, 0, 0))
CHILD = Process(30, 20, 300, "/usr/sbin/sshd", (0, 0, 0))
SESSION = Process(21, 10, 200, "/usr/lib/openssh/sshd-session", (0, 0, 0))
INIT = Process(1, 0, 1, "/usr/lib/systemd/systemd", (0, 0, 0))
INETD_CHILD = Process(22, 1, 200, "/usr/sbin/sshd", (0, 0, 0))
YOUNG_PARENT = Process(23, 10, 900, "/usr/sbin/sshd", (0, 0, 0))


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Show these processes alone."""
    table = {each.pid: each for each in (LISTENER, MONITOR, CHILD, SESSION, INIT, INETD_CHILD, YOUNG_PARENT)}

    def read(pid: int) -> Process:
        if pid not in table:
            raise NoProcess(str(pid))
        return table[pid]

    monkeypatch.setattr(sshd, "read_process", read)


@pytest.mark.parametrize(
    ("process", "monitor"),
    [
        (CHILD, MONITOR),
        (Process(31, 21, 300, "/usr/lib/openssh/sshd-session", (0, 0, 0)), SESSION),
        (MONITOR, None),
        (Process(32, 22, 300, "/usr/sbin/sshd", (0, 0, 0)), None),
        (Process(33, 23, 300, "/usr/sbin/sshd", (0, 0, 0)), None),
        (Process(34, 99, 300, "/usr/sbin/sshd", (0, 0, 0)), None),
    ],
)
def test_monitor(process: Process, monitor: Process | None) -> None:
    """A try of keyboard-interactive belongs to its monitor; where the listener could be meant, to nobody."""
    assert monitor_of(process) == monitor
