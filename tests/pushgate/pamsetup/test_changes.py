"""Changes of files as one."""

import os
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic
from pushgate.pamsetup.atomic import Content
from pushgate.pamsetup.changes import KEPT_BACKUPS, Change, all_or_nothing, back_up, backups, diffs

UID, GID = os.geteuid(), os.getegid()
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def content(text: str) -> Content:
    """What a file is to hold."""
    return Content(text.encode("utf-8", "surrogateescape"), 0o644, UID, GID)


def change(path: Path, before: str | None, after: str | None) -> Change:
    """Write a change."""
    return Change(path, *(None if text is None else content(text) for text in (before, after)))


def test_a_change_is_made_and_undone(private_folder: Path) -> None:
    """A file is changed, made or deleted, and afterwards as it was."""
    path = private_folder / "sudo"
    for before, after in (("old", "new"), (None, "new"), ("old", None)):
        atomic.delete(path)
        step = change(path, before, after)
        step.undo()
        assert atomic.read(path, UID) == step.before
        step.make()
        assert atomic.read(path, UID) == step.after
        step.undo()
        assert atomic.read(path, UID) == step.before


def test_the_difference_is_shown(private_folder: Path) -> None:
    """An administrator sees a unified diff that names the file; a file that is made or deleted has no other side."""
    path = private_folder / "sudo"
    shown = diffs([change(path, "a\n\tb\n", "a\n\tc\n"), change(path, None, "new\n"), change(path, "old\n", None)])
    assert shown.splitlines()[:6] == [f"--- {path}", f"+++ {path}", "@@ -1,2 +1,2 @@", " a", "-\tb", "+\tc"]
    assert "--- /dev/null\n" in shown
    assert "+++ /dev/null\n" in shown


def test_a_difference_does_not_act_on_a_terminal(private_folder: Path) -> None:
    """Escape sequences and bytes that are no text are shown, not sent."""
    shown = change(private_folder / "sudo", "\x1b[2Jold\n", "caf\udce9\n").diff()
    assert "\\x1b[2Jold" in shown
    assert shown.encode().isascii()


def test_a_change_can_be_written_down(private_folder: Path) -> None:
    """A timer in another process undoes exactly the same."""
    step = change(private_folder / "sudo", "\udce9\n", None)
    assert Change.from_json(step.to_json()) == step


def failing(error: BaseException, *undoing: tuple[str, Callable[[], object]]) -> None:
    """Do some steps and fail."""
    with all_or_nothing() as steps:
        for what, undo in undoing:
            steps.on_failure(what, undo)
        raise error


def test_a_failure_undoes_every_step_in_turn() -> None:
    """The last step is undone first, and the error is the one that happened."""
    undone = []
    steps = (("one", lambda: undone.append(1)), ("two", lambda: undone.append(2)))
    with pytest.raises(PushgateError, match="refused"):
        failing(PushgateError("refused", "do this"), *steps)
    assert undone == [2, 1]


def test_success_undoes_nothing() -> None:
    """A block that ends well leaves everything as it is."""
    undone = []
    with all_or_nothing() as steps:
        steps.on_failure("one", lambda: undone.append(1))
    assert undone == []


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, MemoryError])
def test_every_kind_of_end_undoes(kind: type[BaseException]) -> None:
    """Whatever ends the block, what was done is undone."""
    undone = []
    with pytest.raises(kind):
        failing(kind(), ("one", lambda: undone.append(1)))
    assert undone == [1]


def test_an_error_of_the_system_is_told_with_a_hint() -> None:
    """A full disk is told in words."""
    with pytest.raises(PushgateError, match="/etc/x: no space left on device") as caught, all_or_nothing():
        raise OSError(28, "No space left on device", "/etc/x")
    assert caught.value.hint == "nothing has been changed"


def test_what_cannot_be_undone_is_named() -> None:
    """If undoing fails too, the rest is undone all the same, and the error names what is left."""
    undone = []

    def fail() -> None:
        raise OSError(5, "Input/output error", "/etc/pam.d/sshd")

    steps = (("one", lambda: undone.append(1)), ("/etc/pam.d/sshd", fail))
    with pytest.raises(PushgateError) as caught:
        failing(PushgateError("refused", "do this"), *steps)
    assert undone == [1]
    assert caught.value.message.startswith("refused; could not be undone: /etc/pam.d/sshd (")
    assert "before you log out" in caught.value.hint


def test_a_signal_waits_for_the_end() -> None:
    """A connection that is closed in the middle ends nothing halfway: the signal comes when all is done."""
    came = []
    before = signal.signal(signal.SIGHUP, lambda *_: came.append("signal"))
    try:
        with all_or_nothing():
            os.kill(os.getpid(), signal.SIGHUP)
            came.append("done")
        assert came == ["done", "signal"]
    finally:
        signal.signal(signal.SIGHUP, before)


def test_backups_are_kept_and_bounded(private_folder: Path) -> None:
    """The last few states of a file are kept, readable for root alone, and those of sudo-i are others than sudo's."""
    folder = private_folder / "backup"
    for minute in range(KEPT_BACKUPS + 3):
        back_up(change(private_folder / "sudo", f"{minute}", "new"), folder, NOON + timedelta(minutes=minute))
    back_up(change(private_folder / "sudo-i", "i", "new"), folder, NOON)
    assert back_up(change(private_folder / "none", None, "new"), folder, NOON) is None
    kept = backups(folder, "sudo")
    assert [path.read_text() for path in kept] == [str(minute) for minute in range(3, KEPT_BACKUPS + 3)]
    assert {path.stat().st_mode & 0o777 for path in (folder, *kept)} == {0o700, 0o600}
    assert len(backups(folder, "sudo-i")) == 1
