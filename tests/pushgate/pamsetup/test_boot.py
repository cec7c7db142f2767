"""Time since the machine started."""

import os
from pathlib import Path

from pam_module.processes import read_process
from pushgate.pamsetup.boot import Moment, now


def test_it_runs_with_the_kernels_clock_of_processes() -> None:
    """A process that is there already is not younger than now, and now is of this boot."""
    moment = now()
    assert 0 < read_process(os.getpid()).start_time <= moment.ticks
    assert moment.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert now().seconds >= moment.seconds


def test_ticks_are_hundredths_as_a_rule() -> None:
    """Seconds become the unit of process start times."""
    assert Moment("b", 2.5).ticks == int(2.5 * os.sysconf("SC_CLK_TCK"))
