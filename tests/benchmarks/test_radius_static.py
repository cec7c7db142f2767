"""The figures of decisions at once, in small."""

import json
from pathlib import Path

import pytest

from benchmarks.figure import WrongAnswerError
from benchmarks.radius_daemon import Daemon
from benchmarks.radius_static import static_decisions


@pytest.mark.system
def test_small_run(private_folder: Path) -> None:
    """Both servers are measured, and what is measured stands beside the target."""
    rate, cost, ratio = static_decisions(private_folder, rounds=2, requests=500)
    assert (rate.at_least, cost.target, ratio.target) == (12_000, "", "")
    assert rate.value > 100
    assert "in 2 rounds; FreeRADIUS files" in rate.beside
    assert 1 < cost.value < 100_000
    assert len((private_folder / "audit.jsonl").read_text().splitlines()) == 3 * 500


@pytest.mark.system
@pytest.mark.parametrize("change", [{"reason": "approved"}, {"accept": False}, None])
def test_wrong_records(change: dict[str, object] | None, private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A record too few, or one of something else, fails the benchmark."""
    records = Daemon.records

    def spoiled(daemon: Daemon) -> list[dict[str, str | bool]]:
        first, *others = records(daemon)
        return [json.loads(json.dumps(first | change)), *others] if change else others

    monkeypatch.setattr(Daemon, "records", spoiled)
    with pytest.raises(WrongAnswerError, match="let an exempt user in"):
        static_decisions(private_folder, rounds=1, requests=50)
