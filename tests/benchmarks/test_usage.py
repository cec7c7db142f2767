"""What the kernel says of a process."""

import subprocess
import sys
import time

from benchmarks.usage import Memory, cpu_seconds


def test_processor_time_of_another_process() -> None:
    """The time of a process is what it has worked, not how long it has lived."""
    program = "import sys, time\nwhile time.process_time() < 0.2: pass\nprint(time.process_time(), flush=True)\ninput()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        own = float(process.stdout.readline())
        time.sleep(0.2)
        assert own <= cpu_seconds(process.pid) < own + 0.1
        process.kill()


def test_memory() -> None:
    """Memory that is taken shows, and the peak is never below what is there."""
    # A process of its own: one that has run many tests takes 20 MiB out of what it has already.
    program = "input()\ntaken = bytearray(b'x') * (20 << 20)\nprint(len(taken), flush=True)\ninput()"
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        before = Memory.of(process.pid)
        process.stdin.write("\n")
        process.stdin.flush()
        assert int(process.stdout.readline()) == 20 << 20
        after = Memory.of(process.pid)
        process.kill()
    assert after.now - before.now > 15 << 10
    assert after.peak >= after.now
