"""Stacks that load pushgate are checked."""

from pathlib import Path

import pytest

from pushgate.doctor.findings import Finding
from pushgate.doctor.stacks import check_stacks
from pushgate.doctor.survey import survey
from tests.support.doctor import COMMON_AUTH, PASSWORD_AUTH, PG, machine, told, wrong

HOOK = "auth required /lib/security/pam_python.so /usr/lib/pushgate/hook.py"
EXEMPT = "auth [success=1 default=ignore] pam_succeed_if.so user ingroup staff"
ROOTOK = "auth sufficient pam_rootok.so\n"


def check(root: Path, **stacks: str) -> list[Finding]:
    """Check the stacks of a machine."""
    files = {"/lib/security/pam_python.so": "", "/usr/lib/pushgate/hook.py": ""}
    whole = machine(root, stacks, files=files)
    return list(check_stacks(survey(whole), whole))


def messages(findings: list[Finding], identity: str) -> list[str]:
    """List what was said under one id."""
    return [finding.message for finding in findings if finding.id == identity]


def test_stacks_of_the_documentation(private_folder: Path) -> None:
    """An administrator who followed docs/pam.md is told of nothing wrong."""
    with_password = "@include common-auth\n" + PG
    findings = check(
        private_folder,
        common_auth=COMMON_AUTH,
        sshd=PG,
        sudo=with_password,
        sudo_i=with_password,
        su=ROOTOK + with_password,
        su_l="auth include su",
        login="@include common-auth",
    )
    fine = [
        "module-file",
        "module-option",
        "pam-folder",
        "stack-asks-early",
        "stack-bypass",
        "stack-opens",
        "stack-rootok",
    ]
    assert told(findings) == {"ok": fine}


def test_a_machine_without_pushgate(private_folder: Path) -> None:
    """A machine whose stacks do not ask is told so, and nothing else."""
    assert wrong(check(private_folder, sshd=COMMON_AUTH)) == ["stack-none"]


@pytest.mark.parametrize(
    ("stacks", "expected"),
    [
        ({"sudo": COMMON_AUTH + PG.replace("required", "sufficient")}, ["stack-opens"]),
        ({"sudo": f"auth sufficient pam_unix.so\n{PG}"}, ["stack-bypass", "stack-wrong-password"]),
        ({"sshd": ROOTOK + PG}, ["stack-rootok"]),
        ({"sudo": f"{EXEMPT}\n{PG}\nauth required pam_permit.so"},
         ["stack-exempt", "stack-ignore"]),
        ({"su": f"auth sufficient pam_permit.so\n{PG}"}, ["stack-bypass", "stack-unreached"]),
        ({"su": f"{PG}\nauth requisite pam_deny.so"}, ["stack-closed"]),
        ({"sshd": f"auth optional pam_unix.so\n{PG}"}, ["stack-wrong-password"]),
        ({"sshd": f"auth substack password-auth\n{PG}", "password_auth": PASSWORD_AUTH}, ["stack-asks-early"]),
        ({"sshd": f"{PG}\n{COMMON_AUTH}"}, ["stack-asks-early"]),
        ({"sshd": f"auth requird\n{PG}"}, ["stack-closed", "stack-line"]),
        ({"common_auth": COMMON_AUTH + PG, "sudo": "@include common-auth"}, ["stack-common"]),
        ({"other": PG}, ["stack-common", "stack-none"]),
        ({"cron": COMMON_AUTH + PG}, ["stack-jobs"]),
        ({"vsftpd": COMMON_AUTH + PG}, ["stack-untried"]),
        ({"sshd": PG, "su": "@include nowhere"}, ["stack-unreadable"]),
        ({"sshd": PG, "ftp": "@include nowhere"}, ["stack-unread"]),
    ],
)  # fmt: skip
def test_what_is_wrong(private_folder: Path, stacks: dict[str, str], expected: list[str]) -> None:
    """A stack that lets somebody in unasked, or asks the wrong people, is named."""
    assert wrong(check(private_folder, **stacks)) == expected


def test_a_stack_that_opens_says_by_what(private_folder: Path) -> None:
    """An administrator reads which events let people in, and an example of the way."""
    findings = check(
        private_folder, sudo=f"{PG.replace('required', '[success=ok abort=ignore default=die]')}\n{COMMON_AUTH}"
    )
    (message,) = messages(findings, "stack-opens")
    assert message.startswith("sudo: Ctrl-C (ABORT) would let people in: pam_pushgate ABORT, pam_unix SUCCESS")


@pytest.mark.parametrize("service", ["su", "sudo", "passwd", "polkit-1", "chsh", "login", "vsftpd"])
def test_the_hook_outside_sshd(private_folder: Path, service: str) -> None:
    """The Python hook anywhere but in sshd's stack is an error."""
    assert "python-hook" in wrong(check(private_folder, **{service: HOOK}))


def test_python_of_others(private_folder: Path) -> None:
    """Another script under pam_python is an error in a setuid program, by way of a shared file too."""
    other = "auth required /lib/security/pam_python.so /opt/script.py"
    findings = check(private_folder, common_auth=other, su="@include common-auth", ftp="@include common-auth")
    assert messages(findings, "python-hook") == ["loads pam_python into su"]
    assert "python-hook" not in wrong(check(private_folder, sshd=HOOK, su="", common_auth=""))


def test_a_stack_that_others_can_write(private_folder: Path) -> None:
    """A stack's file that others can write is an error."""
    whole = machine(private_folder, sshd=PG)
    (private_folder / "etc/pam.d/sshd").chmod(0o666)
    assert "pam-folder" in wrong(list(check_stacks(survey(whole), whole)))
