"""Which login a process belongs to, and what it became root by: by the kernel's word, not the environment's."""

from dataclasses import dataclass

from pam_module.origin import MAX_ANCESTORS
from pam_module.processes import PROC, NoProcess, Process, read_process
from pam_module.sshd import SSH_PROGRAMS


@dataclass(frozen=True, slots=True)
class LoginSession:
    """One login: the sshd process of one connection, or the oldest process below init."""

    through_ssh: bool
    pid: int
    start_time: int
    """Clock ticks since boot; with the pid it names the login for ever."""

    def is_same(self, pid: int, start_time: int) -> bool:
        """Whether that was this login."""
        return (self.pid, self.start_time) == (pid, start_time)


def login_session(pid: int, proc: str = PROC) -> LoginSession:
    """Find the login of a process.

    Several terminals that share one connection (ControlMaster) are one login. A terminal of tmux or screen is as old as
    its server.

    Raises:
        NoProcess: a process on the way is gone or cannot be read.
    """
    process = read_process(pid, proc)
    for parent in ancestors(process, proc):
        process = parent
        if process.program in SSH_PROGRAMS and process.uids == (0, 0, 0):
            return LoginSession(True, process.pid, process.start_time)
    return LoginSession(False, process.pid, process.start_time)


def started_by(pid: int, programs: frozenset[str], since: int, proc: str = PROC) -> bool:
    """Whether a process descends from one of these programs that was started since then, and that runs as root.

    Raises:
        NoProcess: a process on the way is gone or cannot be read.
    """
    process = read_process(pid, proc)
    return any(
        parent.program in programs and parent.uids[1] == 0 and parent.start_time >= since
        for parent in ancestors(process, proc)
    )


def ancestors(process: Process, proc: str) -> list[Process]:
    """List the parents of a process, nearest first, without init.

    Raises:
        NoProcess: one of them is gone or cannot be read.
    """
    found: list[Process] = []
    while process.parent > 1 and len(found) < MAX_ANCESTORS:
        parent = read_process(process.parent, proc)
        if parent.start_time > process.start_time:
            # A parent is older than its child: this pid has been given to somebody else meanwhile.
            break
        found.append(parent)
        process = parent
    return found


__all__ = ["LoginSession", "NoProcess", "ancestors", "login_session", "started_by"]
