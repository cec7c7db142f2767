"""A request of the module, and what the kernel knows of its sender, as a login."""

import enum
import socket

from pam_module.accounts import Accounts
from pam_module.origin import SSH_PROGRAMS, origin_of_process, origin_of_rhost, origin_without_connections
from pam_module.processes import Process
from pam_module.protocol import MAX_VALUE, Request
from pushgate.login import Login, Origin, OriginSource
from pushgate.text import clean, is_clean_name

MAX_COMMAND = 512


class Host(enum.Enum):
    """The kind of program that has loaded the module; told by its executable, never by the service's name."""

    SSHD = "sshd"
    SUDO = "sudo"
    SU = "su"
    OTHER = "other"

    @classmethod
    def of(cls, process: Process) -> "Host":
        """Recognise the program."""
        if process.program in SSH_PROGRAMS:
            return cls.SSHD
        return {"sudo": cls.SUDO, "su": cls.SU}.get(process.program, cls.OTHER)

    @property
    def local(self) -> bool:
        """Whether its caller is already logged in to this machine."""
        return self in (Host.SUDO, Host.SU)


def login_at_once(request: Request, process: Process, accounts: Accounts) -> Login | None:
    """Make the login as far as that needs no long reading; None where it does. ``accounts`` must answer at once."""
    origin = quick_origin(request, process)
    return login_from(origin, request, process, accounts) if origin else None


def login_of(request: Request, process: Process, accounts: Accounts) -> Login:
    """Make the login; blocks as long as its accounts do, and as the machine's table of connections is long."""
    origin = quick_origin(request, process) or origin_of_process(process)
    return login_from(origin, request, process, accounts)


def login_from(origin: Origin, request: Request, process: Process, accounts: Accounts) -> Login:
    """Put together what is known."""
    host = Host.of(process)
    # Bytes that are not UTF-8 become lone surrogates: no clean name has those, so it stays nobody's name.
    target = request.user.decode("utf-8", "surrogateescape")
    user, known = _person(host, target, process, accounts)
    return Login(
        user=user,
        service=text(request.service),
        host=socket.gethostname(),
        origin=origin,
        account=target if target != user else "",
        tty=text(request.tty),
        # Another program could put anything there: only sudo knows what it is about to run.
        command=shown_command(request.command) if host is Host.SUDO else "",
        known=known,
    )


def quick_origin(request: Request, process: Process) -> Origin | None:
    """Say where the person comes from; None if only the machine's table of connections can tell."""
    host = Host.of(process)
    if request.rhost and not host.local:
        return origin_of_rhost(request.rhost)
    # Nobody sits at sshd: without an rhost its client is unknown, not local.
    return Origin(None, OriginSource.UNKNOWN) if host is Host.SSHD else origin_without_connections(process)


def shown_command(value: bytes) -> str:
    """Clean a command and cut it visibly, also where the module has cut it: the worst may stand in what is missing."""
    rest = "…" if len(value) >= MAX_VALUE else ""
    return clean(text(value) + rest, MAX_COMMAND)


def text(value: bytes) -> str:
    """Decode an item of PAM that is only shown."""
    return value.decode("utf-8", "replace")


def _person(host: Host, target: str, process: Process, accounts: Accounts) -> tuple[str, bool]:
    """Say who is asked, and whether the host knows that account and the target's.

    sudo asks its caller; su asks its caller if that one wants to become root, otherwise the target, whose account it
    is. The caller is the real user id, not PAM_RUSER.
    """
    target_uid = accounts.uid_of(target) if is_clean_name(target) else None
    if host is Host.SUDO or (host is Host.SU and target_uid == 0):
        caller = accounts.name_of(process.uids[0])
        if caller is None:
            return f"uid {process.uids[0]}", False
        return caller, is_clean_name(caller) and target_uid is not None
    return target, target_uid is not None
