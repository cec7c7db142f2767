"""Our lines in a PAM file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pushgate.errors import PushgateError
from pushgate.pamsetup.edit import ASIDE, BEGIN, END, insert, recipe_name, remove
from tests.support.pam_places import STACKS, recipe

LINE = "auth required /usr/lib/pushgate/pam_pushgate.so"
NAMES = ("sshd-key", "sshd-password", "sudo", "sudo-push", "su")
PATH = "/etc/pam.d/x"


def test_a_key_stands_in_place_of_the_password() -> None:
    """For a key, the line takes the place of common-auth, which stays as a comment between the marks."""
    lines = insert(STACKS["sshd"], recipe("sshd-key"), LINE, PATH).splitlines()
    assert lines[1].startswith(f"{BEGIN} sshd-key")
    assert lines[2:5] == [f"{ASIDE}@include common-auth", LINE, END]
    assert [*lines[:1], *lines[5:]] == [line for line in STACKS["sshd"].splitlines() if "common-auth" not in line]


def test_a_password_stands_before_the_approval() -> None:
    """For a password, the line stands behind common-auth, and nothing else moves."""
    lines = insert(STACKS["sudo"], recipe("sudo"), LINE, PATH).splitlines()
    at = lines.index("@include common-auth")
    assert lines[at + 2 : at + 4] == [LINE, END]
    assert [*lines[: at + 1], *lines[at + 4 :]] == STACKS["sudo"].splitlines()


@pytest.mark.parametrize("name", NAMES)
@given(before=st.text(alphabet="a#\t \r\x0b\x85\u2028é\n"), after=st.text(alphabet="a#\t \r\x0c\n"))
def test_removing_gives_every_byte_back(name: str, before: str, after: str) -> None:
    """Whatever stands around the place, also without a newline at the end, is there again as it was."""
    text = f"{before}\n@include common-auth" + (f"\n{after}" if after else "")
    changed = insert(text, recipe(name), LINE, PATH)
    assert changed != text
    assert remove(changed, PATH) == text
    assert recipe_name(changed, PATH) == name


def test_a_second_installation_changes_nothing() -> None:
    """Installed twice is installed once."""
    once = insert(STACKS["su"], recipe("su"), LINE, PATH)
    assert insert(once, recipe("su"), LINE, PATH) == once


def test_another_stack_takes_the_place_of_the_first() -> None:
    """An administrator who changes from key to password gets that stack alone, and the original back afterwards."""
    key = insert(STACKS["sshd"], recipe("sshd-key"), LINE, PATH)
    password = insert(key, recipe("sshd-password"), LINE, PATH)
    assert password == insert(STACKS["sshd"], recipe("sshd-password"), LINE, PATH)
    assert remove(password, PATH) == STACKS["sshd"]


def test_other_edits_stay() -> None:
    """What somebody has written meanwhile, around our lines or between them, is there after their removal."""
    changed = insert(STACKS["sshd"], recipe("sshd-key"), LINE, PATH)
    edited = changed.replace("# sshd\n", "# sshd, edited\n").replace(END, f"auth required pam_faillock.so\n{END}")
    assert remove(edited, PATH) == STACKS["sshd"].replace("# sshd\n", "# sshd, edited\n").replace(
        "@include common-auth\n", "@include common-auth\nauth required pam_faillock.so\n"
    )


def test_nothing_of_ours_is_nothing_to_remove() -> None:
    """A file without our lines stays as it is."""
    assert remove(STACKS["su"], PATH) == STACKS["su"]
    assert recipe_name(STACKS["su"], PATH) is None


@pytest.mark.parametrize("text", ["auth required pam_unix.so\n", "#@include common-auth\n", "@include common-auth-2\n"])
def test_another_stack_is_left_to_people(text: str) -> None:
    """A file that is not Debian's has no place for the line: refused, with the page that says how by hand."""
    with pytest.raises(PushgateError, match="no line '@include common-auth'") as caught:
        insert(text, recipe("sudo"), LINE, PATH)
    assert "docs/pam.md" in caught.value.hint


def test_two_places_are_none() -> None:
    """A file that includes common-auth twice is not edited by guess."""
    with pytest.raises(PushgateError, match="2 lines"):
        insert("@include common-auth\n" * 2, recipe("sudo"), LINE, PATH)


def test_a_line_by_hand_is_not_doubled() -> None:
    """A file that loads the module already is refused, naming the line; in a comment it counts for nothing."""
    with pytest.raises(PushgateError, match=r"/etc/pam\.d/x:2: loads the module already"):
        insert(f"# sudo\n{LINE}\n@include common-auth\n", recipe("sudo"), LINE, PATH)
    assert LINE in insert(f"# {LINE}\n@include common-auth\n", recipe("sudo"), LINE, PATH)


@pytest.mark.parametrize(
    "text", [f"{BEGIN} su\n", f"{END}\n", f"{END}\n{BEGIN} su\n", f"{BEGIN} a\n{BEGIN} b\n{END}\n"]
)
def test_torn_marks_are_refused(text: str) -> None:
    """Marks that do not belong together are not guessed at: the error names the first."""
    with pytest.raises(PushgateError, match=r"/etc/pam\.d/x:1: the marks") as caught:
        remove(text, PATH)
    assert "backup" in caught.value.hint
    with pytest.raises(PushgateError, match=r"/etc/pam\.d/x:1: the marks"):
        insert(text, recipe("su"), LINE, PATH)
