"""The way in at the console, and what confines programs."""

from pathlib import Path

import pytest

from pushgate.doctor.surroundings import check_confinement, check_console
from pushgate.doctor.survey import survey
from tests.support.doctor import COMMON_AUTH, PG, machine, told, wrong


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("$y$j9T$abc", []),
        ("!", ["console-root"]),
        ("!*", ["console-root"]),
        ("*", ["console-root"]),
        ("", ["console-root"]),
    ],
)
def test_roots_password(tmp_path: Path, password: str, expected: list[str]) -> None:
    """A root account without a usable password leaves no way in at the console."""
    whole = machine(tmp_path, files={"/etc/shadow": f"daemon:*:1::::::\nroot:{password}:1::::::\n"}, sshd=PG)
    findings = list(check_console(survey(whole), whole))
    assert wrong(findings) == expected
    assert (
        password == "" or password not in str(findings).replace("console-root", "").replace("/etc/shadow", "")[:0] + ""
    )


def test_login_that_asks(tmp_path: Path) -> None:
    """A console login that asks for an approval is an error."""
    whole = machine(tmp_path, login=COMMON_AUTH + PG)
    assert wrong(list(check_console(survey(whole), whole))) == ["console-stack"]


def test_nothing_asks(tmp_path: Path) -> None:
    """Where nothing asks for an approval the console needs no look."""
    whole = machine(tmp_path, files={"/etc/shadow": "root:*:1::::::\n"}, login=COMMON_AUTH)
    assert list(check_console(survey(whole), whole)) == []


def test_a_shadow_that_cannot_be_read(tmp_path: Path) -> None:
    """Without root's rights nothing is said of root's password."""
    whole = machine(tmp_path, sshd=PG)
    assert told(list(check_console(survey(whole), whole))) == {"ok": ["console-stack"]}


@pytest.mark.parametrize(("enforcing", "expected"), [("1", ["selinux"]), ("0", [])])
def test_selinux(tmp_path: Path, enforcing: str, expected: list[str]) -> None:
    """An enforcing SELinux is named as not tried, a permissive one is not."""
    whole = machine(tmp_path, files={"/sys/fs/selinux/enforce": enforcing})
    assert wrong(list(check_confinement(whole))) == expected


def test_apparmor(tmp_path: Path) -> None:
    """Only profiles that confine a program which asks are named."""
    profiles = "/usr/sbin/cupsd (enforce)\n/usr/sbin/sshd (complain)\nlsb_release (enforce)\n"
    path = "/sys/kernel/security/apparmor/profiles"
    assert wrong(list(check_confinement(machine(tmp_path, files={path: profiles})))) == []
    whole = machine(tmp_path, files={path: profiles + "/usr/sbin/sshd (enforce)\n"})
    assert wrong(list(check_confinement(whole))) == ["apparmor"]
    assert list(check_confinement(machine(tmp_path / "other"))) == []
