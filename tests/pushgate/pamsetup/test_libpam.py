"""libpam's own word on a stack."""

import tempfile
from pathlib import Path

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup.libpam import check, main
from pushgate.pamsetup.places import Places
from tests.support.pam_places import STACKS, places

__all__ = ["places"]


def with_line(places: Places, line: str) -> dict[str, bytes]:
    """Write a changed file of sudo."""
    return {"sudo": f"{STACKS['sudo']}{line}\n".encode()}


def test_a_stack_that_loads_is_taken(places: Places) -> None:
    """A module that libpam can load is no reason to complain."""
    check("sudo", places.pam_folder, with_line(places, f"auth required {places.module}"), places.module)


def test_what_root_loads_lies_where_nobody_else_can_swap_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR may name somebody else's folder, who would exchange the stacks before libpam loads what they name."""
    monkeypatch.setattr(tempfile, "tempdir", str(places.state / "somebody-elses"))
    check("sudo", places.pam_folder, with_line(places, f"auth required {places.module}"), places.module)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("auth required /no/such.so", "/no/such.so"),
        ("aut required pam_permit.so", "illegal module type"),
        ("auth requird pam_permit.so", "requird"),
        ("@include nothing-there", "pam_start returned"),
    ],
)
def test_what_libpam_would_fail_on_is_refused(places: Places, line: str, complaint: str) -> None:
    """A line at which each login would fail is refused in libpam's words."""
    with pytest.raises(PushgateError, match=complaint) as caught:
        check("sudo", places.pam_folder, with_line(places, line), places.module)
    assert "nothing has been changed" in caught.value.hint


def test_what_was_wrong_before_is_no_hindrance(places: Places) -> None:
    """A module that another package forgot is not ours to complain about."""
    path = places.pam_folder / "sudo"
    path.write_text(f"{STACKS['sudo']}session optional /gone/pam_old.so\n")
    check("sudo", places.pam_folder, {"sudo": path.read_bytes() + b"auth required pam_permit.so\n"}, places.module)


def test_a_module_for_another_machine_is_refused(places: Places) -> None:
    """A file that is no library of this machine is refused before a login needs it."""
    places.module.write_bytes(b"\x7fELF and nothing")
    with pytest.raises(PushgateError, match="libpam refuses"):
        check("sudo", places.pam_folder, {}, places.module)


def test_a_library_that_is_no_module_is_refused(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """A library without PAM's functions is refused."""
    library = next(Path("/usr/lib").glob("*/libz.so.1"))
    assert main(["sudo", str(places.pam_folder), str(library)]) == 1
    assert "pam_sm_authenticate" in capsys.readouterr().err


def test_a_stack_that_begins_ends_well(places: Places) -> None:
    """The test process itself starts and ends a login."""
    assert main(["sudo", str(places.pam_folder)]) == 0
