"""Files of PAM and sshd in a folder of a test's own, for which no root is needed."""

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from pushgate.pamsetup.places import Places
from pushgate.pamsetup.recipes import Recipe, choose

COMMON_AUTH = """\
auth\t[success=1 default=ignore]\tpam_unix.so nullok
auth\trequisite\t\t\tpam_deny.so
auth\trequired\t\t\tpam_permit.so
"""
STACKS = {
    "common-auth": COMMON_AUTH,
    "common-account": "account required pam_permit.so\n",
    "sshd": "# sshd\n@include common-auth\naccount required pam_nologin.so\n@include common-account\n",
    "sudo": "#%PAM-1.0\nsession required pam_limits.so\n\n@include common-auth\n@include common-account\n",
    "sudo-i": "#%PAM-1.0\n@include common-auth\n@include common-account\n",
    "su": "auth       sufficient pam_rootok.so\n@include common-auth\n@include common-account\n",
    "su-l": "auth include su\naccount include su\n",
    "login": "auth optional pam_faildelay.so delay=3000000\n@include common-auth\n",
}

# The first value of a key wins, as with sshd; a line "Broken" is refused.
SSHD = """\
#!/bin/sh
cd "$(dirname "$3")" || exit 1
if grep -qs Broken sshd_config.d/*.conf sshd_config; then
  echo "$3: line 1: Bad configuration option: Broken" >&2
  exit 255
fi
[ "$1" = -t ] && exit 0
cat sshd_config.d/*.conf sshd_config 2>/dev/null |
  awk '!/^#/ && NF && $1 != "Include" { key = tolower($1); $1 = key; if (!(key in seen)) { seen[key] = 1; print } }'
"""


def own_places(folder: Path) -> Places:
    """Make the files of a Debian machine in a folder."""
    places = Places(
        pam_folder=folder / "pam.d",
        ssh_folder=folder / "ssh",
        state=folder / "lib" / "pam",
        module=folder / "pam_pushgate.so",
        shadow=folder / "shadow",
        sshd=folder / "sshd",
        systemd=folder / "no-systemd",
        owner=os.geteuid(),
    )
    for made in (places.pam_folder, places.drop_in.parent):
        made.mkdir(parents=True, mode=0o755)
    for name, text in STACKS.items():
        (places.pam_folder / name).write_text(text)
    config = (
        f"Include {places.drop_in.parent}/*.conf\nKbdInteractiveAuthentication no\nUsePAM yes\nLoginGraceTime 120\n"
    )
    places.sshd_config.write_text(config)
    places.shadow.write_text("root:$y$j9T$salt$hash:20000:0:99999:7:::\n")
    places.sshd.write_text(SSHD)
    places.sshd.chmod(0o755)
    # libpam loads it for the trial of a stack: a module that is there on each machine with libpam.
    (permit,) = Path("/usr/lib").glob("*/security/pam_permit.so")
    shutil.copyfile(permit, places.module)
    for path in (*places.pam_folder.iterdir(), places.sshd_config, places.module):
        path.chmod(0o644)
    return places


def contents(places: Places) -> dict[str, bytes]:
    """Return everything in the folders of PAM and sshd."""
    folders = (places.pam_folder, places.ssh_folder)
    return {str(path): path.read_bytes() for folder in folders for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def places(private_folder: Path) -> Places:
    """A machine's files, in a folder of this test."""
    return own_places(private_folder)


def recipe(name: str) -> Recipe:
    """Find a tested stack by its file's name."""
    service, _, rest = name.partition("-")
    return choose(service, factor=rest or "key", without_password=rest == "push")


def add_process(
    proc: Path, pid: int, parent: int, exe: str, *, uids: tuple[int, int, int] = (0, 0, 0), start: int | None = None
) -> None:
    """Write a process into a folder that looks like /proc; by default a later pid started later."""
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    start = pid if start is None else start
    (folder / "stat").write_text(f"{pid} (any name) S {parent} " + "0 " * 17 + f"{start} 0 0\n")
    (folder / "status").write_text("Name:\tany\nUid:\t{}\t{}\t{}\t0\n".format(*uids))
    (folder / "exe").symlink_to(exe)


def add_login(proc: Path, first: int, *, program: str = "/usr/bin/sudo", pid: int | None = None) -> int:
    """Add a login by ssh in which somebody has become root and runs a command; returns the command's number."""
    add_process(proc, first, 1, "/usr/sbin/sshd", start=first)
    add_process(proc, first + 1, first, "/bin/bash", uids=(1000, 1000, 1000), start=first + 1)
    add_process(proc, first + 2, first + 1, program, start=first + 2)
    command = first + 3 if pid is None else pid
    add_process(proc, command, first + 2, "/usr/bin/python3", start=first + 3)
    return command


@contextmanager
def answering(path: Path) -> Iterator[None]:
    """Listen where the daemon would, and answer each request as it answers one that it does not understand."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection, suppress(OSError):
                        connection.recv(64)
                        connection.sendall(b"R\0\1\3")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()
