"""Time since the machine started: goes on while it sleeps, nobody can set it, and it ends with a restart."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of time in the life of one boot."""

    boot: str
    seconds: float

    @property
    def ticks(self) -> int:
        """The same in the unit of process start times."""
        return int(self.seconds * os.sysconf("SC_CLK_TCK"))


def now() -> Moment:
    """Look at the kernel's clock of this boot."""
    boot = BOOT_ID.read_text(encoding="ascii").strip()
    return Moment(boot, time.clock_gettime(time.CLOCK_BOOTTIME))
