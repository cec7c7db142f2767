"""Programs that ask a person at a terminal, and what that person sees and types there."""

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pexpect

from tests.support.processes import wait_until


class Terminal:
    """One program in a terminal of its own, whose screen is read all the time as a real one's is.

    A program that waits until its output has been seen, before it changes the echo, would stand still otherwise.
    """

    def __init__(self, process: "pexpect.spawn[str]") -> None:
        self.process = process
        self.output = ""
        """What the screen has shown so far, with the lines that the person typed where they were echoed."""
        self.read_so_far = 0
        self.closed = threading.Event()
        self.reader = threading.Thread(target=self._read, name="terminal")
        self.reader.start()

    def shows(self, text: str, within: float = 15.0) -> str:
        """Wait for a text behind what was waited for before, and return what stood between."""
        wait_until(lambda: self._finds(text) or self.closed.is_set(), within, f"{text!r} in: {self.output}")
        assert self._finds(text), f"no {text!r} in: {self.output}"
        before, _, _ = self.output[self.read_so_far :].partition(text)
        self.read_so_far += len(before) + len(text)
        return before

    def types(self, line: str) -> None:
        """Type a line and press Enter."""
        self.process.sendline(line)

    def ends(self, within: float = 15.0) -> int:
        """Wait until the program ends by itself, and return its exit status."""
        assert self.closed.wait(within), f"it goes on: {self.output}"
        self.process.close()
        assert self.process.exitstatus is not None, self.output
        return self.process.exitstatus

    def close(self) -> None:
        """End the program."""
        self.process.terminate(force=True)
        self.reader.join()
        self.process.close()

    def _finds(self, text: str) -> bool:
        return text in self.output[self.read_so_far :]

    def _read(self) -> None:
        try:
            while True:
                self.output += self.process.read_nonblocking(4096, timeout=None)
        except pexpect.EOF:
            self.closed.set()


@contextmanager
def terminal(
    command: Sequence[str], folder: Path, *, environment: Mapping[str, str] | None = None
) -> Iterator[Terminal]:
    """Run a program in a terminal, and end it when the block ends.

    Args:
        command: The program.
        folder: Its home.
        environment: Variables beside the usual few.
    """
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder), "LC_ALL": "C", **(environment or {})}
    process = pexpect.spawn(command[0], [*command[1:]], encoding="utf-8", env=variables, cwd="/")
    shown = Terminal(process)
    try:
        yield shown
    finally:
        shown.close()
