"""What the ways through a stack come to."""

from pathlib import Path

import pytest

from pushgate.doctor.codes import Code
from pushgate.doctor.ways import Ways
from tests.support.doctor import COMMON_AUTH, PASSWORD_AUTH, PG, stack
from tests.support.project import ROOT

REFUSALS = {
    *(
        Code.ABORT,
        Code.AUTHINFO_UNAVAIL,
        Code.AUTH_ERR,
        Code.BUF_ERR,
        Code.CONV_ERR,
        Code.MAXTRIES,
        Code.MODULE_UNKNOWN,
    ),
    *(Code.SERVICE_ERR, Code.USER_UNKNOWN),
}


def ours(control: str) -> str:
    """Write our line with another control."""
    return PG.replace("required", control)


def ways(folder: Path, text: str, **included: str) -> Ways:
    """Follow the ways through a stack."""
    return Ways.of(stack(folder, text, **included))


@pytest.mark.parametrize("control", ["required", "requisite", "[success=ok default=die]"])
@pytest.mark.parametrize("first", ["", COMMON_AUTH])
def test_controls_that_hold(tmp_path: Path, control: str, first: str) -> None:
    """With each control that the documentation names nobody gets in but by an approval."""
    found = ways(tmp_path, first + ours(control))
    assert (found.opening(), found.ignoring(), found.skipping()) == ([], None, [])
    assert found.reached()
    assert found.approved()


@pytest.mark.parametrize("control", ["sufficient", "optional", "[default=ignore]", "[success=ok default=ignore]"])
def test_controls_that_open(tmp_path: Path, control: str) -> None:
    """With each of these every refusal lets in whoever knows the password."""
    assert {walk.ours for walk in ways(tmp_path, COMMON_AUTH + ours(control)).opening()} == REFUSALS


@pytest.mark.parametrize(("word", "code"), [("authinfo_unavail", Code.AUTHINFO_UNAVAIL), ("abort", Code.ABORT)])
def test_one_code_that_opens(tmp_path: Path, word: str, code: Code) -> None:
    """A single code that is ignored is found, here before a line that lets everybody in."""
    text = ours(f"[success=ok {word}=ignore default=die]") + "\nauth required pam_permit.so"
    assert [walk.ours for walk in ways(tmp_path, text).opening()] == [code]


def test_what_stands_behind_decides(tmp_path: Path) -> None:
    """Debian's own pattern of jump and deny holds; without the deny the same control opens."""
    jump = ours("[success=1 default=ignore]")
    assert ways(tmp_path, f"{jump}\nauth requisite pam_deny.so\nauth required pam_permit.so").opening() == []
    assert ways(tmp_path, f"{jump}\nauth required pam_permit.so\nauth required pam_permit.so").opening() != []


def test_a_reset_opens(tmp_path: Path) -> None:
    """A refusal that is forgotten lets people in, which no look at our own line shows."""
    text = f"{PG}\nauth [success=reset default=die] pam_unix.so\nauth required pam_permit.so"
    assert {walk.ours for walk in ways(tmp_path, text).opening()} == REFUSALS


def test_exempt_accounts_without_a_proof(tmp_path: Path) -> None:
    """An IGNORE lets people in without any proof only where something behind it does."""
    assert ways(tmp_path, f"{PG}\nauth required pam_permit.so").ignoring() is not None
    assert ways(tmp_path, COMMON_AUTH + PG).ignoring() is None


def test_past_the_module(tmp_path: Path) -> None:
    """A line that lets people in past ours is named, one for each such line."""
    text = f"auth sufficient pam_rootok.so\nauth sufficient pam_unix.so\n{PG}"
    assert {walk.skipper.name for walk in ways(tmp_path, text).skipping() if walk.skipper} == {"pam_rootok", "pam_unix"}


def test_never_called(tmp_path: Path) -> None:
    """A module behind the end of the stack is never called, and one that nobody can pass lets nobody in."""
    assert not ways(tmp_path, f"auth sufficient pam_permit.so\n{PG}").reached()
    assert not ways(tmp_path, f"{PG}\nauth required pam_deny.so").approved()


@pytest.mark.parametrize("recipe", sorted((ROOT / "config" / "pam.d").iterdir()), ids=lambda recipe: recipe.name)
def test_the_shipped_stacks_hold(tmp_path: Path, recipe: Path) -> None:
    """An administrator who installs a shipped stack lets nobody in unasked but root by way of pam_rootok."""
    found = ways(tmp_path, recipe.read_text(), common_auth=COMMON_AUTH)
    assert (found.opening(), found.ignoring(), found.asked_wrong(), found.asked_early()) == ([], None, None, False)
    assert {walk.skipper.name for walk in found.skipping() if walk.skipper} <= {"pam_rootok"}
    assert found.approved()


def test_the_rhel_traps(tmp_path: Path) -> None:
    """Behind a substack the module asks after a wrong password; behind an include a right one never gets to it."""
    inside = ways(tmp_path, f"auth substack password-auth\n{PG}", password_auth=PASSWORD_AUTH)
    assert inside.asked_wrong() is not None
    assert inside.wrong_factor() is None
    assert inside.skipping() == []
    flat = ways(tmp_path, f"auth include password-auth\n{PG}", password_auth=PASSWORD_AUTH)
    assert {walk.skipper.name for walk in flat.skipping() if walk.skipper} == {"pam_unix", "pam_sss"}


def test_after_a_wrong_password(tmp_path: Path) -> None:
    """Debian's common-auth lets nobody reach the module with a wrong password; optional passwords are none."""
    held = ways(tmp_path, COMMON_AUTH + PG)
    assert (held.asked_wrong(), held.wrong_factor(), held.asked_early()) == (None, None, False)
    assert ways(tmp_path, f"auth required pam_unix.so\n{PG}").asked_wrong() is not None
    assert ways(tmp_path, f"auth optional pam_unix.so\n{PG}").wrong_factor() is not None


def test_alone(tmp_path: Path) -> None:
    """An approval alone is enough where the stack asks for nothing else."""
    assert ways(tmp_path, PG).alone()
    assert not ways(tmp_path, PG).has_first_factor
    assert not ways(tmp_path, COMMON_AUTH + PG).alone()


def test_before_the_password(tmp_path: Path) -> None:
    """A module before the password asks whoever knows a name."""
    assert ways(tmp_path, f"{PG}\n{COMMON_AUTH}").asked_early()
    assert not ways(tmp_path, PG).asked_early()
