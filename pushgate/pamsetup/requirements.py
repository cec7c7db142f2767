"""What has to be there before a login is put behind the daemon, and a way in that is left without it."""

import math
import socket
import stat
import struct
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.files import check_folders
from pushgate.pamsetup.atomic import check_owner
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.recipes import Recipe
from pushgate.pamsetup.verify import GATE
from pushgate.pamstack import UnreadableStack, read_stack
from pushgate.sections.pam import PamSettings

SECONDS = 2.0
"""The module's own limit for connecting."""
ANSWER_SECONDS = 10.0
"""A daemon that systemd starts for this connection needs a moment."""
PROBE, ANSWER = b"A\0\4v=0\0", b"R\0\1\3"
"""A request of a version that does not exist, and what every daemon says to it."""
DEFAULT_SOCKET = Path("/run/pushgate/pam.sock")
MODULE_WAITS = 75
"""Seconds, without an option."""
DAEMON_FIRST = 5
CONSOLE = "login"


def module_options(pam: PamSettings, wait: int) -> tuple[str, ...]:
    """Write the options that the module needs to find the daemon, and to wait long enough for it."""
    place = [] if pam.socket == DEFAULT_SOCKET else [f"socket={pam.socket}"]
    return (*place, *([] if wait == MODULE_WAITS else [f"timeout={wait}"]))


def module_waits(login_timeout: float) -> int:
    """Return how many seconds the module has to wait, so that the daemon is the first to give up."""
    return max(MODULE_WAITS, math.ceil(login_timeout) + DAEMON_FIRST)


def faults(places: Places, recipe: Recipe, pam: PamSettings) -> Iterator[PushgateError]:
    """Give everything that is missing for a stack; nothing if it can be put in place."""
    checks: tuple[Callable[[], None], ...] = (
        partial(check_module, places),
        partial(check_service, places, recipe, pam),
        partial(check_daemon, pam.socket, places.owner),
        partial(check_console, places),
    )
    for check in checks:
        try:
            check()
        except ConfigurationError as error:
            yield from error.problems
        except PushgateError as error:
            yield error


def check_module(places: Places) -> None:
    """Refuse a module that is missing, or that somebody else could have written.

    Raises:
        PushgateError: naming it.
    """
    try:
        status = places.module.lstat()
    except OSError:
        hint = "build it: make -C pam_module, and install it there (docs/pam.md)"
        raise PushgateError(f"{places.module}: the module is not there", hint) from None
    if not stat.S_ISREG(status.st_mode):
        raise PushgateError(f"{places.module}: is not a regular file", "copy the module itself there")
    check_owner(places.module, status, places.owner)
    check_folders(places.module.parent)


def check_service(places: Places, recipe: Recipe, pam: PamSettings) -> None:
    """Refuse a service that the daemon would deny because its configuration does not name it.

    Raises:
        PushgateError: listing the names.
    """
    present = [name for name in recipe.callers if (places.pam_folder / name).exists()]
    missing = [name for name in present if name not in pam.services]
    if missing:
        names = ", ".join(missing)
        hint = f"write {' and '.join(f'{name}:' for name in missing)} below pam.services, then: pushgate reload"
        raise PushgateError(f"the configuration does not name {names} under pam.services: every login is denied", hint)


def check_daemon(path: Path, owner: int) -> None:
    """Refuse a daemon that the module would not reach or not trust.

    Raises:
        PushgateError: with what is wrong.
    """
    hint = "start it: systemctl start pushgate; if it does not stay: pushgate check"
    try:
        status = path.lstat()
        if not stat.S_ISSOCK(status.st_mode):
            raise PushgateError(f"{path}: is not a socket", "name another path under pam.socket")
        check_owner(path.parent, path.parent.stat(), owner)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(SECONDS)
            connection.connect(str(path))
            _, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            if uid != owner or status.st_uid != owner:
                raise PushgateError(f"{path}: served by user {uid}, whom the module does not trust", hint)
            # With pushgate.socket it is systemd that listens, also for a daemon that cannot start.
            connection.settimeout(ANSWER_SECONDS)
            connection.sendall(PROBE)
            answer = connection.recv(len(ANSWER), socket.MSG_WAITALL)
    except OSError as error:
        reason = (error.strerror or "no answer in time").lower()
        raise PushgateError(f"{path}: no daemon answers ({reason})", hint) from None
    if answer != ANSWER:
        raise PushgateError(f"{path}: what answers there is no daemon of pushgate's", hint)


def check_console(places: Places) -> None:
    """Refuse a machine whose console already needs an approval: no way in would be left without the daemon.

    Raises:
        PushgateError: naming the line.
    """
    if not (places.pam_folder / CONSOLE).exists():
        return
    try:
        rules = read_stack(CONSOLE, places.pam_folder)
    except UnreadableStack as error:
        raise PushgateError(str(error), "correct the stack of the console first") from None
    for rule in rules:
        if rule.name == GATE:
            hint = "take that line out: the console is the way in when nobody can be asked"
            raise PushgateError(f"{rule.path}:{rule.line}: the console (login) asks for an approval, too", hint)


def warnings(places: Places, recipe: Recipe) -> list[PushgateError]:
    """Say what leaves an administrator without a way in if nobody can be asked."""
    if recipe.service == "sshd" or root_has_password(places.shadow):
        return []
    return [
        PushgateError(
            f"root has no password: while nobody can be asked, nothing but {recipe.service} leads to a root shell",
            "set one (sudo passwd root): an account that is exempt needs the daemon, too",
        )
    ]


def root_has_password(shadow: Path) -> bool:
    """Whether root can log in on the console with a password: shadow(5)."""
    try:
        lines = shadow.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    fields = next((line.split(":") for line in lines if line.startswith("root:")), ["root", "*"])
    # pam_unix takes an empty one only with nullok, and not everywhere.
    return len(fields) > 1 and fields[1] != "" and not fields[1].startswith(("!", "*"))
