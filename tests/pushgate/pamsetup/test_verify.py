"""What has to be true of a stack with our line in it."""

import tempfile

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import edit
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.verify import check
from tests.support.pam_places import STACKS, places, recipe

__all__ = ["places"]

LINE = "auth required pam_pushgate.so"


def changed(places: Places, name: str, text: str | None = None) -> dict[str, bytes]:
    """Write the changed file of a stack."""
    service = recipe(name).service
    text = STACKS[service] if text is None else text
    return {service: edit.insert(text, recipe(name), LINE, places.pam_folder / service).encode()}


@pytest.mark.parametrize("name", ["sshd-key", "sshd-password", "sudo", "sudo-push", "su"])
def test_debians_stacks_are_fine(places: Places, name: str) -> None:
    """Each of the tested stacks in Debian's file leads every login to the module."""
    check(recipe(name), recipe(name).service, places.pam_folder, changed(places, name))


def test_the_copy_lies_where_nobody_else_can_swap_it(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """TMPDIR may name somebody else's folder, who would have another stack checked than the one that is written."""
    monkeypatch.setattr(tempfile, "tempdir", str(places.state / "somebody-elses"))
    check(recipe("sudo"), "sudo", places.pam_folder, changed(places, "sudo"))


@pytest.mark.parametrize(
    "line",
    [
        "auth sufficient pam_u2f.so",
        "auth [success=done default=ignore] pam_u2f.so",
        "auth [success=4 default=ignore] pam_fprintd.so",
        "auth sufficient \\\n pam_u2f.so",
    ],
)
def test_a_way_around_the_module_is_refused(places: Places, line: str) -> None:
    """A line before ours whose success skips it is named with its file and number."""
    files = changed(places, "sudo", f"{line}\n{STACKS['sudo']}auth required pam_permit.so\n")
    with pytest.raises(PushgateError, match=r"pam\.d/sudo:1: sudo: lets people in past the module") as caught:
        check(recipe("sudo"), "sudo", places.pam_folder, files)
    assert caught.value.hint


def test_a_way_around_in_common_auth_is_refused(places: Places) -> None:
    """A sufficient line in common-auth ends the stack before our line, and is named there."""
    (places.pam_folder / "common-auth").write_text("auth sufficient pam_unix.so\nauth required pam_krb5.so\n")
    with pytest.raises(PushgateError, match=r"common-auth:1: sudo: lets people in past"):
        check(recipe("sudo"), "sudo", places.pam_folder, changed(places, "sudo"))


@pytest.mark.parametrize("control", ["required", "requisite", "[success=ok default=die]", "[success=ok default=bad]"])
def test_what_only_refuses_may_stand_before(places: Places, control: str) -> None:
    """A line that lets nobody past the module is an administrator's own business."""
    files = changed(places, "sudo", f"auth {control} pam_access.so\n{STACKS['sudo']}")
    check(recipe("sudo"), "sudo", places.pam_folder, files)


def test_a_stack_in_which_nobody_is_asked_is_refused(places: Places) -> None:
    """A common-auth that ends each login itself, or lets nobody on, makes the line useless: refused."""
    for common, reason in (("sufficient pam_permit.so", "never called"), ("requisite pam_deny.so", "never called")):
        (places.pam_folder / "common-auth").write_text(f"auth {common}\n")
        with pytest.raises(PushgateError, match=reason):
            check(recipe("sudo"), "sudo", places.pam_folder, changed(places, "sudo"))


def test_an_exemption_is_told(places: Places) -> None:
    """A line that exempts people by who they are is the administrator's own choice: told, and not refused."""
    line = "auth [success=done default=ignore] pam_succeed_if.so user ingroup backup"
    (note,) = check(recipe("sudo"), "sudo", places.pam_folder, changed(places, "sudo", f"{line}\n{STACKS['sudo']}"))
    assert note.message == f"{places.pam_folder}/sudo:1: sudo: pam_succeed_if exempts people"
    assert note.hint


def test_substacks_end_by_themselves(places: Places) -> None:
    """A sufficient line in a substack ends that alone, so the module is still reached."""
    (places.pam_folder / "inner").write_text("auth sufficient pam_unix.so\n")
    files = changed(places, "sudo", f"auth substack inner\n{STACKS['sudo']}")
    check(recipe("sudo"), "sudo", places.pam_folder, files)


def test_a_continued_line_is_noticed(places: Places) -> None:
    """A backslash that swallows common-auth leaves the approval alone, without a password: not installed."""
    files = changed(places, "sudo", "auth required pam_env.so \\\n@include common-auth\n")
    with pytest.raises(PushgateError, match="would ask for no password"):
        check(recipe("sudo"), "sudo", places.pam_folder, files)


def test_a_second_line_of_the_module_is_refused(places: Places) -> None:
    """A stack that includes another one with the module would ask twice: refused."""
    (places.pam_folder / "inner").write_text(f"{LINE}\n")
    with pytest.raises(PushgateError, match="would load the module 2 times"):
        check(recipe("sudo"), "sudo", places.pam_folder, changed(places, "sudo", f"{STACKS['sudo']}@include inner\n"))


def test_a_line_that_is_none_is_named(places: Places) -> None:
    """A line that libpam could not read is named, also one that was there before."""
    with pytest.raises(PushgateError, match=r"pam\.d/sudo:1: is no line of PAM"):
        check(recipe("sudo"), "sudo", places.pam_folder, changed(places, "sudo", f"garbage\n{STACKS['sudo']}"))


def test_a_missing_include_is_named(places: Places) -> None:
    """A file that a stack includes and that is not there stops it."""
    (places.pam_folder / "common-account").unlink()
    with pytest.raises(PushgateError, match="common-account: no such file"):
        check(recipe("sudo"), "sudo", places.pam_folder, changed(places, "sudo"))


def test_su_keeps_root_unasked(places: Places) -> None:
    """Without pam_rootok root itself would wait for an approval in su: refused, with the line that is missing."""
    with pytest.raises(PushgateError, match="root itself would be asked") as caught:
        check(recipe("su"), "su", places.pam_folder, changed(places, "su", "@include common-auth\n"))
    assert caught.value.hint == "begin the file with: auth sufficient pam_rootok.so"


@pytest.mark.parametrize("name", ["sudo", "sudo-push", "su"])
@pytest.mark.parametrize("kind", ["auth required", "session optional"])
def test_python_in_a_setuid_program_is_refused(places: Places, name: str, kind: str) -> None:
    """An administrator whose sudo or su loads an interpreter for anything is told which line it is."""
    service = recipe(name).service
    files = changed(places, name, f"{STACKS[service]}{kind} pam_python.so /usr/lib/other.py\n")
    with pytest.raises(PushgateError, match=rf"pam\.d/{service}:\d+: loads pam_python"):
        check(recipe(name), service, places.pam_folder, files)


def test_the_module_in_python_beside_the_other_is_refused(places: Places) -> None:
    """An administrator whose sshd has the module in Python already is not asked twice; other scripts are left alone."""
    line = "auth required pam_python.so /usr/lib/pushgate/hook.py\n"
    with pytest.raises(PushgateError, match="loads pam_python"):
        check(recipe("sshd-key"), "sshd", places.pam_folder, changed(places, "sshd-key", STACKS["sshd"] + line))
    other = changed(places, "sshd-key", f"{STACKS['sshd']}session optional pam_python.so /usr/lib/other.py\n")
    check(recipe("sshd-key"), "sshd", places.pam_folder, other)
