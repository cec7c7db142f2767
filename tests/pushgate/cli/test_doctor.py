"""``pushgate doctor``."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from click.testing import CliRunner, Result

from pushgate.cli.doctor import doctor
from tests.support.config import AUTHORITY, PROVIDER, RADIUS, write_config
from tests.support.doctor import PG, write_stacks


@pytest.fixture(autouse=True)
def plain_logging() -> Iterator[None]:
    """Undo what the command says about logging."""
    yield
    structlog.reset_defaults()


def run(folder: Path, *arguments: str, **stacks: str) -> Result:
    """Run the command over stacks of its own."""
    write_stacks(folder / "pam.d", **stacks)
    config = write_config(folder, PROVIDER, RADIUS)
    common = ["--config", str(config), "--pam-folder", str(folder / "pam.d")]
    return CliRunner().invoke(doctor, ["pam", *common, *arguments], catch_exceptions=False)


def test_warnings_are_no_failure(private_folder: Path) -> None:
    """A machine on which nothing is wrong but that nobody is asked ends with exit status 0."""
    result = run(private_folder, ftp="auth required pam_deny.so")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert f"warning  stack-none: {private_folder}/pam.d: no service asks for an approval" in lines
    assert lines[-1].startswith("error: 0, warning: ")


def test_errors_come_first_and_fail(private_folder: Path) -> None:
    """An error is printed before all else, with where, why and a hint, and the exit status is 1."""
    result = run(private_folder, vsftpd=f"{PG.replace('required', 'sufficient')}\nauth required pam_unix.so")
    assert result.exit_code == 1
    first = result.stdout.splitlines()[:3]
    assert first[0].startswith("error    ")
    assert first[1].startswith("         why: ")
    assert first[2].startswith("         hint: ")
    assert f"error    stack-opens: {private_folder}/pam.d/vsftpd:1: vsftpd: Ctrl-C (ABORT)" in result.stdout


def test_json(private_folder: Path) -> None:
    """A program reads one JSON object with the numbers and each finding."""
    result = run(private_folder, "--json", cron=PG)
    shown = json.loads(result.stdout)
    assert (result.exit_code, shown["ok"]) == (1, False)
    assert shown["errors"] == sum(finding["level"] == "error" for finding in shown["findings"])
    assert shown["warnings"] == sum(finding["level"] == "warning" for finding in shown["findings"])
    assert "stack-jobs" in [finding["id"] for finding in shown["findings"]]


def test_files_and_daemon_are_tried(private_folder: Path) -> None:
    """The files that the configuration names are tried, and the daemon is asked by its own socket."""
    config = write_config(private_folder, PROVIDER, RADIUS, AUTHORITY, f"control: {{{{socket: {private_folder}/c}}}}\n")
    (private_folder / "radius.secret").chmod(0o644)
    arguments = ["pam", "--json", "--config", str(config), "--pam-folder", str(private_folder)]
    shown = json.loads(CliRunner().invoke(doctor, arguments, catch_exceptions=False).stdout)
    errors = [finding["id"] for finding in shown["findings"] if finding["level"] == "error"]
    assert errors == ["configuration-files", "control-socket", "status"]
