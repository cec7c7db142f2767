"""Accounts that exist for one test."""

import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.processes import kill_user_processes


@dataclass(frozen=True)
class User:
    """A local account with a home folder and no password."""

    name: str
    uid: int
    home: Path


@contextmanager
def temporary_user() -> Iterator[User]:
    """Make an account, and remove it with its processes and files. Needs root."""
    name = f"pgtest{secrets.token_hex(4)}"
    retry_while_locked(["useradd", "--create-home", "--shell", "/bin/sh", name])
    try:
        yield User(name, pwd.getpwnam(name).pw_uid, Path("/home") / name)
    finally:
        kill_user_processes(pwd.getpwnam(name).pw_uid)
        retry_while_locked(["userdel", "--force", name])
        shutil.rmtree(Path("/home") / name, ignore_errors=True)
        Path("/var/mail", name).unlink(missing_ok=True)


def retry_while_locked(command: list[str]) -> None:
    """Run a command of the shadow suite, which gives up if another test holds the lock of the files."""
    for _ in range(50):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode in (0, 12):  # userdel: 12 = the home folder could not be removed
            return
        if "lock" not in result.stderr:
            break
        time.sleep(0.1)
    raise AssertionError(f"{command}: {result.stderr}")
