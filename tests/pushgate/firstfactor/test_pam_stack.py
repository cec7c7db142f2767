"""Stacks that must not be loaded are found before the first login."""

from pathlib import Path

import pytest

from pushgate.firstfactor.pam_stack import stack_faults

GOOD = "auth required pam_unix.so nodelay\naccount required pam_unix.so\n"


def faults(folder: Path, **files: str) -> list[str]:
    """The faults of the service ``gate`` in a folder of services, without the folder."""
    for name, text in files.items():
        (folder / name.replace("_", "-")).write_text(text)
    found = stack_faults("gate", folder)
    assert all(fault.hint for fault in found)
    return [fault.message.replace(f"{folder}/", "") for fault in found]


def test_a_plain_stack_is_good(tmp_path: Path) -> None:
    """An administrator's stack of pam_unix alone is taken."""
    assert faults(tmp_path, gate=GOOD) == []


def test_the_common_files_are_good(tmp_path: Path) -> None:
    """An administrator may include files."""
    assert faults(tmp_path, gate="@include common-auth\n", common_auth=GOOD) == []


def test_a_circle_is_a_fault(tmp_path: Path) -> None:
    """An administrator whose files include each other is told: libpam refuses every login of such a stack."""
    found = faults(tmp_path, gate="@include common-auth\n", common_auth=GOOD + "@include gate\n")
    assert [fault.partition(": ")[2] for fault in found] == ["too many includes, or one that includes itself"]


@pytest.mark.parametrize(
    "line",
    [
        "auth required pam_pushgate.so",
        "auth\trequired\t/usr/lib/pushgate/pam_pushgate.so socket=/run/x",
        "-auth [success=1 default=ignore] pam_pushgate.so",
        "auth [success=ok \\\n default=die] \\\n pam_pushgate.so",
        "AUTH REQUIRED pam_pushgate.so",
        "account required pam_pushgate.so",
        "auth sufficient pam_pushgate",
    ],
)
def test_our_own_module_is_found(tmp_path: Path, line: str) -> None:
    """A stack that would ask us again, so that each login waits for itself, is refused however it is written."""
    found = faults(tmp_path, gate=GOOD + line + "\n")
    assert found == ["gate: loads pam_pushgate: a login would wait for itself"]


def test_a_module_that_crashes_python_is_found(tmp_path: Path) -> None:
    """A stack with pam_python is refused: it would crash the worker."""
    found = faults(tmp_path, gate=GOOD + "auth required pam_python.so /x.py\n")
    assert found == ["gate: loads pam_python: it would crash a process that runs Python already"]


@pytest.mark.parametrize(
    "include",
    ["@include deep", "auth include deep", "auth substack deep", "auth\tSubstack\tdeep", "@include\tdeep", "FOLDER"],
)
def test_included_files_are_read(tmp_path: Path, include: str) -> None:
    """Our module is found behind every way of including a file, and by an absolute path too."""
    line = f"auth include {tmp_path}/deep" if include == "FOLDER" else include
    files = {"gate": f"{GOOD}{line}\n", "deep": "@include deeper\n", "deeper": "auth required pam_pushgate.so\n"}
    assert faults(tmp_path, **files) == ["deeper: loads pam_pushgate: a login would wait for itself"]


def test_a_comment_loads_nothing(tmp_path: Path) -> None:
    """An administrator who commented our module out is not bothered."""
    assert (
        faults(tmp_path, gate=GOOD + "# auth required pam_pushgate.so\nauth optional pam_x.so # pam_pushgate\n") == []
    )


def test_a_missing_service_is_a_fault(tmp_path: Path) -> None:
    """An administrator who forgot the file learns it at the start: PAM would take the stack for all others."""
    assert faults(tmp_path) == ["gate: there is no such PAM service"]


def test_a_missing_include_is_a_fault(tmp_path: Path) -> None:
    """An administrator who misspelt an include learns it at the start."""
    assert faults(tmp_path, gate=GOOD + "@include gone\n") == ["gone: no such file or directory"]


def test_a_stack_without_auth_is_a_fault(tmp_path: Path) -> None:
    """A stack that checks no password is none."""
    assert faults(tmp_path, gate="account required pam_unix.so\n") == ["gate: has no auth line"]


def test_rubbish_is_read_to_its_end(tmp_path: Path) -> None:
    """A file of rubbish is a fault, not a crash."""
    (tmp_path / "gate").write_bytes(b"\xff\x00[[[\n[\nauth\n" * 100)
    assert [fault.message for fault in stack_faults("gate", tmp_path)] == [f"{tmp_path}/gate: has no auth line"]
