"""Notice what a test run leaves behind on the machine: processes, users, PAM services, networks."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import netns

PATIENCE = 30.0
"""Seconds; longer than a test of another run keeps its user."""


@dataclass(frozen=True)
class Traces:
    """What tests could leave behind."""

    users: frozenset[str]
    pam_services: frozenset[str]
    namespaces: frozenset[str]

    @classmethod
    def now(cls) -> "Traces":
        """Look at the machine."""
        return cls(
            users=frozenset(line.split(":")[0] for line in Path("/etc/passwd").read_text().splitlines()),
            pam_services=frozenset(names(Path("/etc/pam.d"))),
            namespaces=frozenset(name for name in names(netns.FOLDER) if name.startswith(netns.PREFIX)),
        )


class LeavesNothing:
    """A pytest plugin that fails the run if it leaves processes, users, PAM services or networks behind.

    It cannot tell who made a user. Another run on the same machine removes its own soon: so what is there has a while
    to go.
    """

    def __init__(self) -> None:
        self.before = Traces.now()
        self.left: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Compare the machine with how it was at the start."""
        new = self.new_traces()
        give_up = time.monotonic() + PATIENCE
        while new and time.monotonic() < give_up:
            time.sleep(0.5)
            new &= self.new_traces()
        self.left = sorted(new)
        if self.left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def new_traces(self) -> set[str]:
        """Name what was not there at the start."""
        now = Traces.now()
        return {
            *(f"user {name}" for name in now.users - self.before.users),
            *(f"PAM service {name}" for name in now.pam_services - self.before.pam_services),
            *(f"network namespace {name}" for name in now.namespaces - self.before.namespaces),
            *(f"process {line}" for line in children(os.getpid())),
        }

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """List what was left behind."""
        if self.left:
            terminalreporter.section("left behind by the tests", red=True)
            for line in self.left:
                terminalreporter.line(line)


def names(folder: Path) -> list[str]:
    """List a folder, or nothing where there is none."""
    return [entry.name for entry in folder.iterdir()] if folder.is_dir() else []


def children(parent: int) -> list[str]:
    """List the running children of a process as "pid command line"; the ended ones only wait to be collected."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The second field is the program's name in brackets and may hold blanks and brackets itself.
            state, its_parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_parent) == parent and state != "Z":
            found.append(f"{entry.name} {command}")
    return sorted(found)
