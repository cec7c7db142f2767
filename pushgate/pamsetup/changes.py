"""Changes of files as one: all of them are made, or none is left."""

import base64
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from pathlib import Path
from typing import Any

from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic
from pushgate.pamsetup.atomic import Content
from pushgate.text import clean

KEPT_BACKUPS = 10
"""Of each file."""
STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}


@dataclass(frozen=True, slots=True)
class Change:
    """A file as it is and as it is to be; None: it is not there."""

    path: Path
    before: Content | None
    after: Content | None

    def diff(self) -> str:
        """Show it as a unified diff; nothing of what is in the files can act on a terminal."""
        old, new = (content.text.splitlines() if content else [] for content in (self.before, self.after))
        old_name, new_name = (
            "/dev/null" if content is None else str(self.path) for content in (self.before, self.after)
        )
        return "".join(f"{visible(line)}\n" for line in unified_diff(old, new, old_name, new_name, lineterm=""))

    def make(self) -> None:
        """Put the file into its new state."""
        self._put(self.after)

    def undo(self) -> None:
        """Put the file back, if it is not as it was."""
        if atomic.read(self.path, self._owner()) != self.before:
            self._put(self.before)

    def _put(self, content: Content | None) -> None:
        if content is None:
            atomic.delete(self.path)
        else:
            atomic.write(self.path, content)

    def _owner(self) -> int:
        content = self.before or self.after
        assert content is not None
        return content.uid

    def to_json(self) -> dict[str, Any]:
        """Write it down."""
        return {"path": str(self.path), "before": packed(self.before), "after": packed(self.after)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Change":
        """Read it again."""
        return cls(Path(data["path"]), unpacked(data["before"]), unpacked(data["after"]))


class Steps:
    """What has been done so far, and how each step is undone; undoes all of it if the block fails."""

    def __init__(self) -> None:
        self.undoing: list[tuple[str, Callable[[], object]]] = []

    def on_failure(self, what: str, undo: Callable[[], object]) -> None:
        """Remember how to undo the step that comes next."""
        self.undoing.append((what, undo))

    def undo_all(self) -> list[str]:
        """Undo everything, last step first, and name what could not be undone."""
        left = []
        for what, undo in reversed(self.undoing):
            try:
                undo()
            except (OSError, PushgateError) as error:
                left.append(f"{what} ({error})")
        return left


@contextmanager
def all_or_nothing() -> Iterator[Steps]:
    """Undo the steps of the block if it fails; a signal waits until it is over.

    Raises:
        PushgateError: the block failed; says what could not be undone.
    """
    steps = Steps()
    # A closed connection must not end it in the middle.
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield steps
    except BaseException as error:
        left = steps.undo_all()
        message = getattr(error, "message", "") or describe(error)
        if left:
            hint = "put it right by hand before you log out; backups are in /var/lib/pushgate/pam/backup"
            raise PushgateError(f"{message}; could not be undone: {'; '.join(left)}", hint) from error
        if isinstance(error, OSError):
            raise PushgateError(message, "nothing has been changed") from error
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)


def back_up(change: Change, folder: Path, moment: datetime) -> Path | None:
    """Keep what a file is now, and forget what it was long ago.

    Returns: where it is; None if there was no file.
    """
    if change.before is None:
        return None
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{change.path.name}.{moment:%Y%m%dT%H%M%S.%fZ}"
    atomic.write(path, Content(change.before.data, 0o600, change.before.uid, change.before.gid))
    for old in backups(folder, change.path.name)[:-KEPT_BACKUPS]:
        old.unlink()
    return path


def backups(folder: Path, name: str) -> list[Path]:
    """List the backups of a file, oldest first."""
    return sorted(folder.glob(f"{name}.[0-9]*T*Z"))


def diffs(changes: Sequence[Change]) -> str:
    """Show all of them."""
    return "".join(change.diff() for change in changes)


def describe(error: BaseException) -> str:
    """Say what went wrong in words that a person can use."""
    if isinstance(error, OSError):
        return f"{error.filename or 'a file'}: {(error.strerror or 'error').lower()}"
    return f"interrupted ({type(error).__name__})"


def visible(line: str) -> str:
    """Keep tabs, which PAM's files are full of, and make every other hidden character visible."""
    return "\t".join(clean(part) for part in line.split("\t"))


def packed(content: Content | None) -> dict[str, Any] | None:
    """Write a file's content as JSON can hold it."""
    if content is None:
        return None
    data = base64.b64encode(content.data).decode("ascii")
    return {"data": data, "mode": content.mode, "uid": content.uid, "gid": content.gid}


def unpacked(data: dict[str, Any] | None) -> Content | None:
    """Read a file's content out of JSON."""
    if data is None:
        return None
    return Content(base64.b64decode(data["data"]), data["mode"], data["uid"], data["gid"])
