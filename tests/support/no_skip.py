"""Make a run fail when a test did not really run: skipped, expected to fail, deselected."""

import os
from collections.abc import Generator, Sequence
from typing import Any

import pytest

VARIABLE = "PUSHGATE_NO_SKIP"
NEEDS_ROOT = "needs root"

# What continuous integration sets: "1" forbids every skip; "except-root", for a user who cannot
# become root, lets only tests marked ``root`` be skipped.
STRICT, EXCEPT_ROOT = "1", "except-root"


class NoSkip:
    """A pytest plugin that turns every way of not running a test into a failure."""

    def __init__(self, mode: str) -> None:
        if mode not in (STRICT, EXCEPT_ROOT):
            raise pytest.UsageError(f"{VARIABLE} must be {STRICT} or {EXCEPT_ROOT}, not {mode!r}")
        self.mode = mode
        self.deselected: list[str] = []

    @classmethod
    def from_environment(cls) -> "NoSkip | None":
        """Make the plugin if the environment asks for it."""
        mode = os.environ.get(VARIABLE, "")
        return cls(mode) if mode else None

    # First in, last out: the report is final by then, also for xfail.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Fail a test that was skipped, or that failed or passed against its ``xfail`` mark."""
        report = yield
        if hasattr(report, "wasxfail"):
            reason = f"xfail is forbidden here ({report.outcome}): {report.wasxfail}"
            del report.wasxfail
            report.outcome, report.longrepr = "failed", reason
        elif report.skipped and not self.allowed(item):
            report.outcome, report.longrepr = "failed", f"skipping is forbidden here: {skip_reason(report)}"
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_make_collect_report(self) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Fail a file that skips itself as a whole."""
        report = yield
        if report.outcome == "skipped":
            report.outcome, report.longrepr = "failed", f"skipping is forbidden here: {skip_reason(report)}"
        return report

    def pytest_deselected(self, items: Sequence[pytest.Item]) -> None:
        """Note what ``-k``, ``-m``, ``--deselect`` and the like left out."""
        self.deselected += [item.nodeid for item in items]

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail the run if anything was deselected."""
        if self.deselected and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """List what was deselected."""
        if self.deselected:
            terminalreporter.section("deselecting is forbidden here", red=True)
            for name in self.deselected:
                terminalreporter.line(name)

    def allowed(self, item: pytest.Item) -> bool:
        """Say whether this test may be skipped."""
        return self.mode == EXCEPT_ROOT and os.geteuid() != 0 and item.get_closest_marker("root") is not None


def skip_reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Read the reason out of a report of a skipped test or file."""
    if isinstance(report.longrepr, tuple):
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    return str(report.longrepr)
