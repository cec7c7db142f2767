"""When OpenSSH shows what PAM says: told by its version, and that by the program that is running."""

import os
import re
from typing import BinaryIO

VERSION = re.compile(rb"OpenSSH_([0-9]{1,3})\.([0-9]{1,3})")
SHOWS_AT_ONCE = (10, 3)
"""Until then a text is held back up to the next prompt (OpenSSH bug 2876)."""
MAX_SIZE = 16 * 1024 * 1024
CHUNK = 1024 * 1024
LONGEST = 32
"""Octets that a version may take: so many are looked at again where two chunks meet."""


class OpenSshVersions:
    """Looks each program up once."""

    LIMIT = 16

    def __init__(self) -> None:
        self.known: dict[tuple[int, int, int, int], tuple[int, int] | None] = {}

    def shows_at_once(self, program: str) -> bool:
        """Whether this sshd shows a text while PAM waits; one that cannot be read counts as an old one.

        Args:
            program: A path that leads to the running program, as ``/proc/<pid>/exe`` does.
        """
        try:
            with open(program, "rb", buffering=0) as file:  # noqa: PTH123 - /proc's links are not to be resolved
                status = os.fstat(file.fileno())
                key = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                if key not in self.known:
                    if len(self.known) >= self.LIMIT:
                        self.known.clear()
                    self.known[key] = find_version(file)
        except OSError:
            return False
        version = self.known[key]
        return version is not None and version >= SHOWS_AT_ONCE


def find_version(file: BinaryIO) -> tuple[int, int] | None:
    """Find the version in a program; None if it names none."""
    seen, rest = 0, b""
    while seen < MAX_SIZE and (chunk := file.read(CHUNK)):
        found = VERSION.search(rest + chunk)
        # A match at the very end may be half a number: it is looked at again with what follows.
        if found and (found.end() < len(rest) + len(chunk) or len(chunk) < CHUNK):
            return int(found[1]), int(found[2])
        rest = (rest + chunk)[-LONGEST:]
        seen += len(chunk)
    return None
