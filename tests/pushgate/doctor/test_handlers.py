"""A stack is held as libpam holds it."""

from pathlib import Path

import pytest

from pushgate.doctor.codes import Act, Code
from pushgate.doctor.handlers import Kind, Stacks
from pushgate.pamstack import UnreadableStack
from tests.support.doctor import stack, write_stacks


def test_includes_stay_on_their_level_and_substacks_do_not(tmp_path: Path) -> None:
    """The lines of an include stand in its place, those of a substack one level deeper behind a line of their own."""
    handlers = stack(
        tmp_path,
        "@include one\nauth substack two\nauth required pam_permit.so",
        one="auth required pam_env.so",
        two="auth include one",
    )
    assert [(handler.kind, handler.rule.name, handler.level) for handler in handlers] == [
        (Kind.MODULE, "pam_env", 0),
        (Kind.SUBSTACK, "two", 0),
        (Kind.MODULE, "pam_env", 1),
        (Kind.MODULE, "pam_permit", 0),
    ]


def test_other_types_are_left_out(tmp_path: Path) -> None:
    """Lines that do not authenticate are not in the stack, also those that include a file."""
    text = "account required pam_deny.so\naccount include one\nauth required pam_env.so"
    assert [handler.rule.name for handler in stack(tmp_path, text, one="account required pam_deny.so")] == ["pam_env"]


@pytest.mark.parametrize(
    ("line", "action"),
    [("auth", Act.BAD), ("auth required", Act.BAD), ("aut required pam_x.so", Act.BAD), ("x optional y", Act.IGNORE)],
)
def test_a_line_that_cannot_be_read_stands_in_the_stack(tmp_path: Path, line: str, action: Act) -> None:
    """A line with a slip stays as one that fails, under the control that it has."""
    (handler,) = stack(tmp_path, line)
    assert (handler.kind, handler.actions[Code.PERM_DENIED]) == (Kind.BROKEN, action)


def test_a_service_without_lines_takes_those_of_other(tmp_path: Path) -> None:
    """A service whose file has no line for auth takes the service other."""
    stacks = write_stacks(tmp_path, service="account required pam_permit.so", other="auth required pam_deny.so")
    assert [handler.rule.path.name for handler in stacks.auth("service")] == ["other"]


def test_the_first_folder_wins(tmp_path: Path) -> None:
    """A file of the administrator's hides that of a package."""
    write_stacks(tmp_path / "etc", sshd="auth required pam_deny.so")
    write_stacks(tmp_path / "usr", sshd="auth required pam_permit.so", su="auth required pam_permit.so")
    stacks = Stacks((tmp_path / "etc", tmp_path / "usr", tmp_path / "none"))
    assert [stacks.auth(name)[0].rule.name for name in stacks.services()] == ["pam_deny", "pam_permit"]


def test_copies_are_no_services(tmp_path: Path) -> None:
    """The copies that packages and editors leave are not looked at."""
    stacks = write_stacks(tmp_path, sshd="", su="")
    for name in ("sshd.dpkg-old", "su~", ".sshd.swp"):
        (tmp_path / name).touch()
    assert stacks.services() == ["sshd", "su"]


@pytest.mark.parametrize(
    "stacks",
    [
        {"service": "@include service"},
        {"service": "auth substack other-file"},
        {"service": "\n".join(["@include one"] * 300), "one": ""},
    ],
)
def test_what_libpam_could_not_read(tmp_path: Path, stacks: dict[str, str]) -> None:
    """A circle, a missing file and a flood of includes are faults, and end."""
    with pytest.raises(UnreadableStack):
        write_stacks(tmp_path, **stacks).auth("service")
