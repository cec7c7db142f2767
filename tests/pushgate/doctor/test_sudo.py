"""sudo is checked where its stack asks for an approval."""

from dataclasses import replace
from pathlib import Path

import pytest

from pushgate.doctor.findings import Finding
from pushgate.doctor.machine import run_program
from pushgate.doctor.sudo import check_sudo
from pushgate.doctor.survey import survey
from tests.support.doctor import COMMON_AUTH, PG, machine, told, wrong

BOTH = {"sudo": COMMON_AUTH + PG, "sudo_i": COMMON_AUTH + PG}
PLAIN = "root ALL=(ALL:ALL) ALL\n%sudo ALL=(ALL:ALL) ALL\n"


def check(root: Path, rules: str = PLAIN, stacks: dict[str, str] = BOTH) -> list[Finding]:
    """Check sudo with its own tool."""
    whole = replace(machine(root, stacks, files={"/etc/sudoers": rules}), run=run_program)
    return list(check_sudo(survey(whole), whole))


def test_debians_rules(tmp_path: Path) -> None:
    """Debian's own rules have nothing wrong, and the time of an approval is told."""
    findings = check(tmp_path)
    assert told(findings) == {"ok": ["sudo-not-asked", "sudo-timestamp"]}
    assert "15 minutes" in findings[-1].message


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("ann ALL=(ALL) NOPASSWD: ALL\n", ["sudo-nopasswd-all"]),
        ("ann ALL=(ALL) NOPASSWD: /usr/bin/rsync\n", ["sudo-nopasswd"]),
        ("Defaults !authenticate\n", ["sudo-not-asked"]),
        ("Defaults:ann !authenticate\n", ["sudo-not-asked"]),
        ("Defaults exempt_group=wheel\n", ["sudo-not-asked"]),
        ("Defaults pam_service=other-one\n", ["sudo-service"]),
        ("Defaults pam_login_service=other-one\n", ["sudo-service"]),
        ("Defaults pam_service=sudo-i\n", []),
        ("Defaults timestamp_timeout=-1\n", ["sudo-timestamp"]),
        ("Defaults timestamp_timeout=60\n", ["sudo-timestamp"]),
        ("Defaults timestamp_type=global\n", ["sudo-timestamp"]),
        ("Defaults timestamp_type=global, timestamp_timeout=0\n", []),
        ("Defaults timestamp_timeout=0\n", []),
        ("Defaults !timestamp_timeout\n", []),
    ],
)
def test_rules(tmp_path: Path, rules: str, expected: list[str]) -> None:
    """A rule or setting by which somebody is not asked is named."""
    assert wrong(check(tmp_path, rules + PLAIN)) == expected


def test_the_line_is_named(tmp_path: Path) -> None:
    """An administrator reads which line of which file it is."""
    (finding,) = [finding for finding in check(tmp_path, PLAIN + "%wheel ALL=(ALL) NOPASSWD: ALL\n") if finding.hint]
    assert (finding.where, finding.message) == ("/etc/sudoers:3", "%wheel runs every command with NOPASSWD")


@pytest.mark.parametrize("stacks", [{"sudo": PG, "sudo_i": COMMON_AUTH}, {"sudo": COMMON_AUTH, "sudo_i": PG}])
def test_one_of_the_two_stacks(tmp_path: Path, stacks: dict[str, str]) -> None:
    """Where only one of sudo and sudo -i asks, the other is a way around it."""
    assert wrong(check(tmp_path, stacks=stacks)) == ["sudo-service"]


def test_sudo_that_does_not_ask(tmp_path: Path) -> None:
    """Where no stack of sudo's loads the module nothing is said about sudo."""
    assert check(tmp_path, "ann ALL=(ALL) NOPASSWD: ALL\n", {"sudo": COMMON_AUTH}) == []


def test_rules_that_cannot_be_read(tmp_path: Path) -> None:
    """Where sudo's rules cannot be read that is said, and not that they are fine."""
    assert told(check(tmp_path, "this is no rule")) == {"warning": ["sudoers"]}
