"""What the kernel says about a process: the only witness whom a caller cannot instruct."""

import os
import re
from dataclasses import dataclass

PROC = "/proc"
READ_LIMIT = 64 * 1024
DELETED = " (deleted)"
"""What the kernel appends to the executable's path when a package upgrade has replaced the file."""


class NoProcess(Exception):  # noqa: N818 - it ended, or /proc shows something else than Linux documents
    """The process is gone or cannot be read."""


@dataclass(frozen=True, slots=True)
class Process:
    """One process at one moment."""

    pid: int
    parent: int
    start_time: int
    """Clock ticks since boot: with the pid it names a process for ever."""
    exe: str
    """Path of the executable, without the mark of a deleted file; empty if we may not see it."""
    uids: tuple[int, int, int]
    """Real, effective and saved."""

    @property
    def program(self) -> str:
        """The executable's file name. Never the process name: that, anybody can choose."""
        return self.exe.rpartition("/")[2]


def read_process(pid: int, proc: str = PROC) -> Process:
    """Look at a process.

    Raises:
        NoProcess: it is gone.
    """
    exe = _read_exe(f"{proc}/{pid}/exe")
    uids = parse_uids(read_limited(f"{proc}/{pid}/status"))
    # Last: if the pid changes hands while we look, the start time is the new owner's, and later than it should be.
    parent, start_time = read_stat(pid, proc)
    return Process(pid, parent, start_time, exe, uids)


def read_stat(pid: int, proc: str = PROC) -> tuple[int, int]:
    """Get parent and start time of a process.

    Raises:
        NoProcess: it is gone.
    """
    return parse_stat(read_limited(f"{proc}/{pid}/stat"))


def session_of(process: Process, proc: str = PROC) -> str:
    """Name the login session of a process: the leader of its session, for as long as that lives; empty if it has died.

    The audit subsystem's number of the session is part of it, where pam_loginuid has set one.
    """
    try:
        fields = read_limited(f"{proc}/{process.pid}/stat").rpartition(b")")[2].split()
        leader = int(fields[3])
        _, started = read_stat(leader, proc)
    except (NoProcess, IndexError, ValueError):
        return ""
    try:
        audit = read_limited(f"{proc}/{process.pid}/sessionid").decode("ascii", "replace").strip()
    except NoProcess:
        audit = ""
    return f"{leader}:{started}:{audit}"


def parse_stat(content: bytes) -> tuple[int, int]:
    """Get parent and start time out of ``/proc/<pid>/stat``.

    Raises:
        NoProcess: the line is not as proc(5) describes it.
    """
    # The second field is the process name in brackets; it may hold blanks and brackets itself.
    fields = content.rpartition(b")")[2].split()
    try:
        return int(fields[1]), int(fields[19])
    except (IndexError, ValueError):
        raise NoProcess("malformed stat") from None


def parse_uids(content: bytes) -> tuple[int, int, int]:
    """Get the real, effective and saved user id out of ``/proc/<pid>/status``.

    Raises:
        NoProcess: the line is missing or malformed.
    """
    # The name in the first line is the caller's choice, but the kernel escapes its newlines.
    found = re.search(rb"^Uid:\t(\d+)\t(\d+)\t(\d+)\t\d+$", content, re.MULTILINE)
    if not found:
        raise NoProcess("malformed status")
    return int(found[1]), int(found[2]), int(found[3])


def read_limited(path: str, limit: int = READ_LIMIT) -> bytes:
    """Read a file of /proc up to a limit.

    Raises:
        NoProcess: it cannot be read.
    """
    try:
        # Unbuffered: a login reads a dozen of these files, and each is one small answer of the kernel.
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            chunks = []
            while limit > 0 and (chunk := file.read(limit)):
                chunks.append(chunk)
                limit -= len(chunk)
    except OSError as error:
        raise NoProcess(f"{path}: {error.strerror}") from None
    return b"".join(chunks)


def _read_exe(path: str) -> str:
    try:
        return os.readlink(path).removesuffix(DELETED)  # noqa: PTH115
    except OSError:
        return ""
