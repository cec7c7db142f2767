"""The runner of the benchmarks: a wrong answer fails, a missed figure does not."""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from benchmarks import __main__ as runner
from benchmarks.figure import Figure, WrongAnswerError

MET = Figure("quick", 0.5, "ms", at_most=1)
MISSED = Figure("slow", 2.5, "ms", at_most=1, beside="other 0.5 ms")
REPORTED = Figure("size", 1234, "KiB")
FAST, LAME = (Figure("rate", value, "/s", at_least=12_000) for value in (14_000.0, 9_000.0))


def run(monkeypatch: pytest.MonkeyPatch, *figures: Figure, error: Exception | None = None) -> Result:
    """Run one benchmark that finds these figures or fails."""

    def measure() -> list[Figure]:
        if error:
            raise error
        return list(figures)

    module = SimpleNamespace(run=measure, __doc__="Measure nothing.\n\nMore.")
    monkeypatch.setattr(runner, "import_module", lambda name: module)
    return CliRunner().invoke(runner.main, ["pam"])


def test_figures_are_printed_beside_their_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    """The runner prints each figure with its target and verdict, and a missed one does not fail the run."""
    result = run(monkeypatch, MET, MISSED, REPORTED, FAST, LAME)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.stdout.splitlines() if "│" in line]
    assert rows == [
        ["quick", "0.5 ms", "<= 1 ms", "met", ""],
        ["slow", "2.5 ms", "<= 1 ms", "missed", "other 0.5 ms"],
        ["size", "1,234 KiB", "", "", ""],
        ["rate", "14,000 /s", ">= 12,000 /s", "met", ""],
        ["rate", "9,000 /s", ">= 12,000 /s", "missed", ""],
    ]
    assert result.exit_code == 0


def test_a_wrong_answer_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark that got a wrong answer ends the run with 1 and says what was wrong."""
    result = run(monkeypatch, error=WrongAnswerError("alice answered denied, the NAS received code 2"))
    assert result.exit_code == 1
    assert "wrong: pam: alice answered denied, the NAS received code 2" in result.stdout


def test_a_crash_fails_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """A benchmark that breaks ends the run with 1, too."""
    result = run(monkeypatch, error=OSError("no such port"))
    assert result.exit_code == 1
    assert "wrong: pam: no such port" in result.stdout
