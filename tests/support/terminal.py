"""Programs that ask a person at a terminal, and what that person sees and types there."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pexpect


@dataclass(frozen=True)
class Terminal:
    """One program in a terminal of its own."""

    process: "pexpect.spawn[str]"
    log: Path

    @property
    def output(self) -> str:
        """What has been read from the screen so far, with the lines that the person typed where they were echoed."""
        return self.log.read_text()

    def shows(self, text: str, within: float = 15.0) -> str:
        """Wait for a text behind what was waited for before, and return what stood between."""
        try:
            self.process.expect_exact(text, timeout=within)
        except (pexpect.TIMEOUT, pexpect.EOF):
            raise AssertionError(f"no {text!r} in: {self.output}") from None
        return str(self.process.before)

    def types(self, line: str) -> None:
        """Type a line and press Enter."""
        self.process.sendline(line)

    def ends(self, within: float = 15.0) -> int:
        """Read until the program ends by itself, and return its exit status."""
        self.process.expect_exact([pexpect.EOF], timeout=within)
        self.process.close()
        assert self.process.exitstatus is not None, self.output
        return self.process.exitstatus


@contextmanager
def terminal(command: Sequence[str], log: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Terminal]:
    """Run a program in a terminal, and end it when the block ends.

    Args:
        command: The program.
        log: Where what the terminal shows goes.
        environment: Variables beside the usual few.
    """
    variables = {"PATH": os.environ["PATH"], "HOME": str(log.parent), "LC_ALL": "C", **(environment or {})}
    with log.open("w") as output:
        process = pexpect.spawn(command[0], [*command[1:]], encoding="utf-8", env=variables, cwd="/")
        process.logfile_read = output
        # A person types after having read the prompt; a program may have switched the echo off by then.
        process.delaybeforesend = 0.02
        try:
            yield Terminal(process, log)
        finally:
            process.close(force=True)
