"""The processes of one connection to sshd."""

from pam_module.processes import NoProcess, Process, read_process

SSH_PROGRAMS = frozenset({"sshd", "sshd-session"})


def monitor_of(process: Process) -> Process | None:
    """Find the sshd that serves the connection of a child that runs PAM; None where none can be told for sure.

    For keyboard-interactive each try is a new child of the connection's monitor, whose own parent is the sshd that
    listens. For the method ``password`` the monitor runs PAM itself. Without a listener above (inetd, or one that was
    restarted meanwhile) the parent of the process could as well be the listener, which serves everybody.
    """
    try:
        parent = read_process(process.parent)
        listener = read_process(parent.parent)
    except NoProcess:
        return None
    if parent.start_time > process.start_time or listener.start_time > parent.start_time:
        # A parent is older than its child: this pid has been given to somebody else meanwhile.
        return None
    return parent if all(each.program in SSH_PROGRAMS for each in (parent, listener)) else None
