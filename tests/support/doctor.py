"""Machines for the doctor's tests: a folder with files, and programs that say what they were told to say."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pushgate.doctor.findings import Finding
from pushgate.doctor.handlers import Handler, Stacks
from pushgate.doctor.machine import Machine, Output

MODULE = "/usr/lib/pushgate/pam_pushgate.so"
PG = f"auth required {MODULE}"
COMMON_AUTH = """\
auth [success=1 default=ignore] pam_unix.so nullok
auth requisite pam_deny.so
auth required pam_permit.so
auth optional pam_cap.so
"""
PASSWORD_AUTH = """\
auth required pam_env.so
auth required pam_faildelay.so delay=2000000
auth [default=1 ignore=ignore success=ok] pam_usertype.so isregular
auth [default=1 ignore=ignore success=ok] pam_localuser.so
auth sufficient pam_unix.so nullok
auth sufficient pam_sss.so forward_pass
auth required pam_deny.so
"""
"""Of the RHEL family."""


def write_stacks(folder: Path, **stacks: str) -> Stacks:
    """Write stacks into a folder; an underscore in a name stands for a hyphen."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in stacks.items():
        (folder / name.replace("_", "-")).write_text(text + "\n")
    return Stacks((folder,))


def stack(folder: Path, text: str, **included: str) -> list[Handler]:
    """Read one stack."""
    return write_stacks(folder, service=text, **included).auth("service")


def machine(
    root: Path,
    stacks: Mapping[str, str] | None = None,
    *,
    files: Mapping[str, str] | None = None,
    says: Mapping[str, Output] | None = None,
    **more: str,
) -> Machine:
    """Make a machine.

    Args:
        root: Where its files are.
        stacks: Its stacks, as ``write_stacks`` takes them.
        files: Path and text of files; the module is there in any case.
        says: What programs say: by name and first argument (``sshd -T``), or by the words after ``-C``.
        **more: Further stacks.
    """
    for path, text in ({MODULE: ""} | dict(files or {})).items():
        file = root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        file.chmod(0o644)
    write_stacks(root / "etc/pam.d", **dict(stacks or {}), **more)
    told = dict(says or {})

    def run(arguments: Sequence[str]) -> Output | None:
        wanted = " ".join(arguments)
        keys = sorted((key for key in told if all(word in wanted for word in key.split())), key=len)
        return told[keys[-1]] if keys else None

    return Machine(root=root, run=run, uid=os.geteuid())


def told(findings: Sequence[Finding]) -> dict[str, list[str]]:
    """Sort findings by level: the ids of each."""
    by_level: dict[str, list[str]] = {}
    for finding in findings:
        by_level.setdefault(str(finding.level), []).append(finding.id)
    return {level: sorted(set(ids)) for level, ids in by_level.items()}


def wrong(findings: Sequence[Finding]) -> list[str]:
    """List the ids of errors and warnings."""
    levels = told(findings)
    return sorted(levels.get("error", []) + levels.get("warning", []))
