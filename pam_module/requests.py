"""A request of the module, and what the kernel knows of its sender, as a login."""

import base64
import binascii
import enum
import hashlib
import socket
from dataclasses import dataclass

from pam_module.accounts import Accounts
from pam_module.options import ServiceOptions
from pam_module.origin import origin_of_process, origin_of_rhost, origin_without_connections
from pam_module.processes import Process, session_of
from pam_module.protocol import MAX_VALUE, Request
from pam_module.sshd import SSH_PROGRAMS
from pam_module.sudo import target_account
from pushgate.login import Login, Origin, OriginSource
from pushgate.text import CUT, clean, is_clean_name

MAX_COMMAND = 512
MAX_KEYS = 4
"""sshd can be told to want several keys after each other."""


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


@dataclass(frozen=True, slots=True)
class Identified:
    """A login, and the process that it comes from."""

    login: Login
    process: Process
    host: Host
    options: ServiceOptions
    may_know: bool
    """Who is asked has called the program, and is logged in already: see ``Conversation.may_know``."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who is asked."""

    name: str
    known: bool
    """The machine has this account, and that of the target."""
    is_caller: bool
    """It is who has called the program, and logged in before."""


def login_at_once(request: Request, process: Process, options: ServiceOptions, accounts: Accounts) -> Identified | None:
    """Make the login as far as that needs no long reading; None where it does. ``accounts`` must answer at once."""
    origin = None if options.reads_groups else quick_origin(request, process)
    return login_from(origin, request, process, options, accounts) if origin else None


def login_of(request: Request, process: Process, options: ServiceOptions, accounts: Accounts) -> Identified:
    """Make the login; blocks as long as its accounts do, and as the machine's table of connections is long."""
    origin = quick_origin(request, process) or origin_of_process(process)
    return login_from(origin, request, process, options, accounts)


def login_from(
    origin: Origin, request: Request, process: Process, options: ServiceOptions, accounts: Accounts
) -> Identified:
    """Put together what is known."""
    host = Host.of(process)
    # Bytes that are not UTF-8 become lone surrogates: no clean name has those, so it stays nobody's name.
    target = request.user.decode("utf-8", "surrogateescape")
    target_uid = accounts.uid_of(target) if is_clean_name(target) else None
    person = person_asked(host, target, target_uid, process, options, accounts)
    account = account_of(host, target, person, process)
    # In what is cut off another account could stand: an approval of that is remembered for nothing.
    reads_session = options.reads_session and host.local and not account.endswith(CUT)
    login = Login(
        user=person.name,
        service=text(request.service),
        host=socket.gethostname(),
        origin=origin,
        account=account,
        tty=text(request.tty),
        # Another program could put anything there: only sudo knows what it is about to run.
        command=shown_command(request.command) if host is Host.SUDO else "",
        key=fingerprints(request.ssh_auth_info) if host is Host.SSHD else "",
        session=session_of(process) if reads_session else "",
        groups=accounts.groups_of(person.name) if options.reads_groups and person.known else frozenset(),
        known=person.known,
        permitted=host is not Host.SSHD or target_uid != 0 or options.allow_root,
    )
    return Identified(login, process, host, options, may_know=host.local and person.is_caller)


def account_of(host: Host, target: str, person: Person, process: Process) -> str:
    """Name the account that the person becomes; empty where it is the person's own, or sudo's default."""
    if host is Host.SUDO and target == person.name:
        # sudo names its caller to PAM, unless it is set to ask for the target's password.
        return target_account(process)
    return target if target != person.name else ""


def quick_origin(request: Request, process: Process) -> Origin | None:
    """Say where the person comes from; None if only the machine's table of connections can tell."""
    host = Host.of(process)
    if request.rhost and not host.local:
        return origin_of_rhost(request.rhost)
    # Nobody sits at sshd: without an rhost its client is unknown, not local.
    return Origin(None, OriginSource.UNKNOWN) if host is Host.SSHD else origin_without_connections(process)


def shown_command(value: bytes) -> str:
    """Clean a command and cut it visibly, also where the module has cut it: the worst may stand in what is missing."""
    rest = CUT if len(value) >= MAX_VALUE else ""
    return clean(text(value) + rest, MAX_COMMAND)


def text(value: bytes) -> str:
    """Decode an item of PAM that is only shown."""
    return value.decode("utf-8", "replace")


def fingerprints(auth_info: bytes) -> str:
    """Return the fingerprints of the keys that sshd has checked, as ``ssh-keygen -l`` prints them.

    Args:
        auth_info: SSH_AUTH_INFO_0: a line for each method, as in ``publickey ssh-ed25519 AAAA...``.
    """
    lines = [line.split(b" ") for line in auth_info.split(b"\n")]
    blobs = [line[2] for line in lines if len(line) == 3 and line[0] == b"publickey"]
    try:
        digests = [hashlib.sha256(base64.b64decode(blob, validate=True)).digest() for blob in blobs[:MAX_KEYS]]
    except binascii.Error:
        return ""
    return " ".join("SHA256:" + base64.b64encode(digest).decode("ascii").rstrip("=") for digest in digests)


def person_asked(
    host: Host,
    target: str,
    target_uid: int | None,
    process: Process,
    options: ServiceOptions,
    accounts: Accounts,
) -> Person:
    """Say who is asked, and whether the machine knows that account and the target's.

    By default sudo asks its caller; su asks its caller if that one wants to become root, otherwise the target, whose
    account it is. The caller is the real user id, not PAM_RUSER.
    """
    caller = accounts.name_of(process.uids[0]) if host.local else None
    asks_caller = host.local and (
        options.asked == "caller" or (options.asked == "auto" and (host is Host.SUDO or target_uid == 0))
    )
    if not asks_caller:
        return Person(target, target_uid is not None, is_caller=caller == target)
    if caller is None:
        return Person(f"uid {process.uids[0]}", known=False, is_caller=True)
    return Person(caller, is_clean_name(caller) and target_uid is not None, is_caller=True)
