"""What the kernel says about a process: the only witness whom a caller cannot instruct."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
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


def read_process(pid: int, proc: Path = PROC) -> Process:
    """Look at a process.

    Raises:
        NoProcess: it is gone, or became another one while we looked.
    """
    folder = proc / str(pid)
    parent, start_time = parse_stat(read_limited(folder / "stat"))
    uids = parse_uids(read_limited(folder / "status"))
    exe = _read_exe(folder)
    if parse_stat(read_limited(folder / "stat"))[1] != start_time:
        raise NoProcess(f"process {pid} has been replaced by another one")
    return Process(pid, parent, start_time, exe, uids)


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


def read_limited(path: Path, limit: int = READ_LIMIT) -> bytes:
    """Read a file of /proc up to a limit.

    Raises:
        NoProcess: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise NoProcess(f"{path}: {error.strerror}") from None


def _read_exe(folder: Path) -> str:
    try:
        return os.fsdecode((folder / "exe").readlink()).removesuffix(DELETED)
    except OSError:
        return ""
