"""The machine that is looked at: its files, what its programs say, and who looks."""

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pushgate.doctor.handlers import FOLDERS
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders, check_status

PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
SECONDS = 20
MAX_SIZE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Output:
    """What a program has said."""

    status: int
    text: str
    complaints: str = ""


Run = Callable[[Sequence[str]], Output | None]


def run_program(arguments: Sequence[str]) -> Output | None:
    """Run one of the machine's programs; None if it is not installed or does not end."""
    program = shutil.which(arguments[0], path=PATH)
    if program is None:
        return None
    try:
        # Fixed programs out of root's folders; what people name (users, files) is an argument, never a shell's word.
        ended = subprocess.run(  # noqa: S603
            [program, *arguments[1:]],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env={"PATH": PATH, "LC_ALL": "C"},
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return Output(ended.returncode, ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace"))


@dataclass(frozen=True)
class Machine:
    """A machine; a test's stands in a folder and says what it was told to say."""

    root: Path = Path("/")
    pam_folders: Sequence[Path] = FOLDERS
    sshd_config: Path = Path("/etc/ssh/sshd_config")
    sudoers: Path = Path("/etc/sudoers")
    run: Run = run_program
    uid: int = field(default_factory=os.geteuid)
    """Who looks."""

    def at(self, path: Path | str) -> Path:
        """Return where a path of the machine is found from here."""
        return self.root / Path(path).relative_to("/")

    @property
    def stack_folders(self) -> list[Path]:
        """Where the machine's stacks are."""
        return [self.at(folder) for folder in self.pam_folders]

    def read(self, path: Path | str) -> str | None:
        """Read a file of the machine; None if that cannot be."""
        try:
            with self.at(path).open("rb") as file:
                return file.read(MAX_SIZE).decode("utf-8", "replace")
        except OSError:
            return None


def write_fault(path: Path) -> PushgateError | None:
    """Say what lets others than root write a file, or swap it; None if nothing does."""
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            check_folders(path.resolve())
        else:
            check_folders(path.resolve().parent)
            check_folders(path.absolute().parent)
            check_status(path, status, secret=False)
    except OSError as fault:
        return PushgateError(f"{path}: {(fault.strerror or 'error').lower()}", "check the path")
    except ConfigurationError as fault:
        return fault
    return None
