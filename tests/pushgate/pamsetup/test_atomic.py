"""Files that are replaced as a whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic
from pushgate.pamsetup.atomic import Content, delete, read, write

UID, GID = os.geteuid(), os.getegid()
OLD, NEW = Content(b"old\n", 0o640, UID, GID), Content(b"new\n", 0o604, UID, GID)


class Cut(BaseException):
    """An interruption."""


@pytest.fixture
def path(private_folder: Path) -> Path:
    """A file with its old content."""
    target = private_folder / "sshd"
    write(target, OLD)
    return target


def test_bytes_mode_and_owner_are_written(path: Path) -> None:
    """A new file has the bytes and the mode that it should have, and nothing else lies beside it."""
    write(path, NEW)
    assert read(path, UID) == NEW
    assert [entry.name for entry in path.parent.iterdir()] == ["sshd"]


STEPS = ("open", "fdopen", "fchown", "fchmod", "fsync", "replace", "close")
KILLED_AT = """
import os, sys
from pathlib import Path
from pushgate.pamsetup.atomic import Content, write
step, path = sys.argv[1:]
setattr(Path if step == "replace" else os, step, lambda *_, **__: os._exit(9))
write(Path(path), Content(b"new\\n", 0o604, os.geteuid(), os.getegid()))
"""


@pytest.mark.parametrize("step", STEPS)
def test_killed_at_any_step_the_file_is_whole(path: Path, step: str) -> None:
    """A process that is killed in the middle leaves a whole file, the old or the new, and the next run works."""
    assert subprocess.run([sys.executable, "-c", KILLED_AT, step, path], check=False).returncode == 9
    assert read(path, UID) in (OLD, NEW)
    write(path, NEW)
    assert read(path, UID) == NEW
    assert [entry.name for entry in path.parent.iterdir()] == ["sshd"]


@pytest.mark.parametrize("step", STEPS)
def test_a_failure_at_any_step_leaves_the_old_file_or_the_new(
    path: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interruption in the middle leaves a whole file, and nothing beside it."""

    def cut(*_: Any, **__: Any) -> None:
        raise Cut

    with monkeypatch.context() as patched:
        patched.setattr(Path if step == "replace" else os, step, cut)
        with pytest.raises(Cut):
            write(path, NEW)
    assert read(path, UID) in (OLD, NEW)
    assert [entry.name for entry in path.parent.iterdir()] == ["sshd"]


def test_a_full_disk_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes nothing more leaves the old file and no half of a new one."""

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write(path, NEW)
    monkeypatch.undo()
    assert read(path, UID) == OLD
    assert [entry.name for entry in path.parent.iterdir()] == ["sshd"]


def test_what_a_killed_run_left_is_no_hindrance(path: Path) -> None:
    """A temporary file of an earlier run, also as a link to elsewhere, is replaced and never followed."""
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(b"mine")
    path.with_name(".sshd.pushgate-new").symlink_to(elsewhere)
    write(path, NEW)
    assert (elsewhere.read_bytes(), read(path, UID)) == (b"mine", NEW)


def test_a_missing_file_is_none(path: Path) -> None:
    """A file that is not there, or not any more, reads as none; deleting it again is no error."""
    delete(path)
    delete(path)
    assert read(path, UID) is None


def test_a_link_is_refused(path: Path) -> None:
    """A link in place of a file is neither read nor replaced."""
    link = path.with_name("link")
    link.symlink_to(path)
    with pytest.raises(PushgateError, match="symbolic link") as caught:
        read(link, UID)
    assert caught.value.hint


def test_other_kinds_of_files_are_refused(path: Path) -> None:
    """A pipe in place of a file is refused at once, and not waited for."""
    pipe = path.with_name("pipe")
    os.mkfifo(pipe)
    with pytest.raises(PushgateError, match="not a regular file"):
        read(pipe, UID)


def test_a_folder_is_refused(path: Path) -> None:
    """A folder in place of a file is refused by its own name."""
    folder = path.with_name("folder")
    folder.mkdir()
    with pytest.raises(PushgateError, match="/folder: is a directory") as caught:
        read(folder, UID)
    assert "put a file there" in caught.value.hint


def test_a_file_that_others_may_write_is_refused(path: Path) -> None:
    """A file that its group may write could hold anything."""
    path.chmod(0o664)
    with pytest.raises(PushgateError, match=r"others may write it \(mode 0664\)") as caught:
        read(path, UID)
    assert caught.value.hint == f"chmod go-w {path}"


def test_a_folder_that_others_may_write_is_refused(path: Path) -> None:
    """In a folder that others may write, they could swap the file."""
    path.parent.chmod(0o777)
    with pytest.raises(PushgateError, match="others may write it"):
        read(path, UID)


def test_somebody_elses_file_is_refused(path: Path) -> None:
    """A file of another user is refused."""
    with pytest.raises(PushgateError, match="is owned by user"):
        read(path, UID + 1)


def test_a_missing_folder_is_said(path: Path) -> None:
    """Where the folder is missing, so is the program: the error says so."""
    with pytest.raises(PushgateError, match="no such file") as caught:
        read(path.parent / "none" / "sshd", UID)
    assert "installed" in caught.value.hint


def test_a_huge_file_is_refused(path: Path) -> None:
    """A file larger than any of PAM's is not read into memory."""
    path.write_bytes(b"#" * (atomic.MAX_SIZE + 1))
    with pytest.raises(PushgateError, match="larger than"):
        read(path, UID)


def test_bytes_that_are_no_text_survive() -> None:
    """A comment in an old encoding comes back byte by byte."""
    content = Content(b"# caf\xe9\n")
    assert content.with_text(content.text) == content
