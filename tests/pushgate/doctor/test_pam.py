"""A whole machine is looked at."""

from dataclasses import replace
from pathlib import Path

from pushgate.doctor.pam import Visit, examine
from tests.support.config import PROVIDER, RADIUS, write_config
from tests.support.doctor import PG, machine, wrong


def test_every_part_is_looked_at(private_folder: Path) -> None:
    """One look finds what is wrong with stacks, daemon, console and who looks."""
    config = write_config(private_folder, PROVIDER, RADIUS)
    whole = machine(private_folder / "root", login=PG.replace("required", "optional"), cron=PG)
    findings = list(examine(replace(whole, uid=1000), Visit(config, lambda _: (), lambda: None)))
    assert wrong(findings) == ["console-stack", "not-root", "socket-missing", "stack-jobs"]


def test_nothing_is_changed(private_folder: Path) -> None:
    """A look leaves every file as it was."""
    config = write_config(private_folder, PROVIDER, RADIUS)
    whole = machine(private_folder / "root", sshd=PG)
    before = {path: path.stat().st_mtime_ns for path in private_folder.rglob("*")}
    list(examine(whole, Visit(config, lambda _: (), lambda: None)))
    assert {path: path.stat().st_mtime_ns for path in private_folder.rglob("*")} == before
