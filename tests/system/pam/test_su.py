"""Real su through the real module and listener; the core is a script."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pexpect
import pytest

from tests.support.pam import Answer, PamDaemon, approve, deny, module_line, pam_service
from tests.support.su import su
from tests.support.users import User, retry_while_locked, temporary_user

pytestmark = [pytest.mark.system, pytest.mark.root]

TEXT = "Push sent. Please approve it."
PASSWORD = "correct horse"
PATHS = ("LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONHOME", "GCONV_PATH", "LOCPATH", "PAM_WRAPPER_SERVICE_DIR")
"""Variables that say where to look for code."""
SPY = """
#include <stdio.h>
#include <unistd.h>
__attribute__((constructor)) static void spy(void) {
    char path[256];
    snprintf(path, sizeof(path), "%s/ran-as-%d", FOLDER, (int)geteuid());
    FILE *file = fopen(path, "w");
    if (file) fclose(file);
}
"""


@pytest.fixture
def parts() -> Iterator[ExitStack]:
    """End whatever a test starts."""
    with ExitStack() as stack:
        yield stack


def start(parts: ExitStack, folder: Path, answer: Answer, *behind: str) -> tuple[PamDaemon, Path, User]:
    """Start the daemon, write a stack with the module and what stands behind it, and make the caller."""
    daemon = parts.enter_context(PamDaemon(folder / "pam.sock", answer))
    name = parts.enter_context(pam_service(module_line(daemon.options.socket), *behind, folder=folder))
    return daemon, folder / name, parts.enter_context(temporary_user())


def finish(terminal: "pexpect.spawn[str]") -> tuple[int | None, list[str]]:
    """Wait for the end of su, and return its status and lines."""
    try:
        lines = terminal.read().split("\r\n")
    finally:
        terminal.close(force=True)
    return terminal.exitstatus, [line for line in lines if line]


def test_approved(private_folder: Path, parts: ExitStack) -> None:
    """The caller sees the text at once, approves, and is root."""
    daemon, service, caller = start(parts, private_folder, approve(0.3))
    assert finish(su(service, caller, "-c", "id -u")) == (0, [TEXT, "0"])
    assert [login.service for login in daemon.logins] == ["su"]


def test_denied(private_folder: Path, parts: ExitStack) -> None:
    """The person denies, and nothing runs."""
    _, service, caller = start(parts, private_folder, deny())
    status, lines = finish(su(service, caller, "-c", "id -u"))
    assert (status, lines[0], "0" in lines) == (1, TEXT, False)


@pytest.mark.parametrize("right", [True, False])
def test_password_behind_the_push(private_folder: Path, parts: ExitStack, right: bool) -> None:
    """A module behind ours asks for the password and decides as ever."""
    _, service, caller = start(parts, private_folder, approve(), "auth required pam_unix.so nodelay")
    target = parts.enter_context(temporary_user())
    retry_while_locked(["sh", "-c", f"echo '{target.name}:{PASSWORD}' | chpasswd -c SHA512"])
    terminal = su(service, caller, target.name, "-c", "id -u")
    terminal.expect_exact("Password: ")
    assert TEXT in (terminal.before or "")
    terminal.sendline(PASSWORD if right else "wrong")
    status, lines = finish(terminal)
    assert (status, str(target.uid) in lines) == ((0, True) if right else (1, False))


def test_hostile_environment(private_folder: Path, parts: ExitStack) -> None:
    """A caller who fills the environment with libraries and paths of their own runs none of it as root."""
    _, service, caller = start(parts, private_folder, approve())
    folder = caller.home / "spy"
    folder.mkdir(mode=0o755)
    marks = folder / "marks"
    marks.mkdir()
    marks.chmod(0o1777)
    (folder / "spy.c").write_text(SPY)
    library = folder / "libpam.so.0"
    subprocess.run(
        ["gcc", "-shared", "-fPIC", f'-DFOLDER="{marks}"', "-o", library, folder / "spy.c"], check=True, timeout=30
    )
    caller.home.chmod(0o755)
    lies = {"SUDO_COMMAND": "/bin/true", "PAM_WRAPPER": "1"}
    lies |= dict.fromkeys(("LD_PRELOAD", "LD_AUDIT"), str(library))
    lies |= dict.fromkeys(PATHS, str(folder))
    status, lines = finish(su(service, caller, "-c", "id -u", environment=lies))
    assert (status, lines[-1]) == (0, "0")
    # The control: the trap works, for it catches what runs with no more rights than the caller's.
    subprocess.run(["id"], env={**os.environ, "LD_PRELOAD": str(library)}, user=caller.uid, check=True, cwd="/")
    assert [mark.name for mark in marks.iterdir()] == [f"ran-as-{caller.uid}"]
