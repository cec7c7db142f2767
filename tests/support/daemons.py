"""Programs that a test starts and ends: real daemons and clients, with what they print in a file."""

import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import end_tree, wait_until


@dataclass(frozen=True)
class Program:
    """One that runs."""

    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.log.read_text(errors="replace")

    @property
    def runs(self) -> bool:
        """Whether it still runs."""
        return self.process.poll() is None

    def says(self, text: str, within: float = 15.0) -> None:
        """Wait until it has printed a text."""
        wait_until(lambda: text in self.output or not self.runs, within, f"{text!r} in: {self.output}")
        assert text in self.output, f"it ended with {self.process.returncode}: {self.output}"

    def ends(self, within: float = 15.0) -> int:
        """Wait until it ends by itself, and return its exit status."""
        wait_until(lambda: not self.runs, within, f"the end of: {self.output}")
        return self.process.returncode


@contextmanager
def running(
    command: Sequence[str | Path],
    log: Path,
    *,
    ready: str | Callable[[], bool] = "",
    within: float = 15.0,
    typed: str = "",
    environment: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Run a program, and end it and everything below it when the block ends.

    Args:
        command: The program.
        log: Where what it prints goes.
        ready: What it prints, or what is so, when it can be used.
        within: Seconds until then.
        typed: What somebody types into it.
        environment: Variables beside the usual few.
    """
    variables = {"PATH": os.environ["PATH"], "HOME": str(log.parent), "LC_ALL": "C", **(environment or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT, env=variables, cwd="/"
        )
    program = Program(process, log)
    try:
        assert process.stdin is not None
        process.stdin.write(typed.encode())
        process.stdin.close()
        if isinstance(ready, str):
            program.says(ready, within)
        else:
            wait_until(ready, within, f"it to be ready: {program.output}")
        yield program
    finally:
        end_tree(process)
