"""What the modules of a stack are to a login: ours, a first factor, a condition, or none of these."""

from enum import Enum

from pushgate.doctor.codes import Code
from pushgate.doctor.handlers import Handler, Kind
from pushgate.pamstack import StackRule


class Role(Enum):
    """What a module decides."""

    OURS = "ours"
    FACTOR = "factor"
    """It asks for a proof; so does every module that is not known here."""
    CONDITION = "condition"
    """It looks at who or where somebody is."""
    HELPER = "helper"


OUR_MODULE = "pam_pushgate"
PYTHON_MODULE = "pam_python"
OUR_HOOK = "hook.py"

CONDITIONS = {"access", "listfile", "localuser", "rootok", "succeed_if", "time", "usertype", "wheel"}
HELPERS = {
    *("cap", "deny", "echo", "ecryptfs", "env", "faildelay", "faillock", "gnome_keyring", "group", "issue", "keyinit"),
    *("kwallet5", "loginuid", "motd", "mount", "nologin", "permit", "securetty", "selinux", "shells", "systemd"),
    *("tally", "tally2", "umask", "warn"),
}

OUR_CODES = (
    Code.SUCCESS,
    Code.SERVICE_ERR,
    Code.BUF_ERR,
    Code.AUTH_ERR,
    Code.AUTHINFO_UNAVAIL,
    Code.USER_UNKNOWN,
    Code.MAXTRIES,
    Code.CONV_ERR,
    Code.IGNORE,
    Code.ABORT,
    Code.MODULE_UNKNOWN,
)
"""What the module returns, and what libpam takes in its place where its file is missing."""
FACTOR_CODES = (Code.SUCCESS, Code.AUTH_ERR, Code.AUTHINFO_UNAVAIL, Code.USER_UNKNOWN)
HELPER_CODES = (Code.SUCCESS, Code.AUTH_ERR, Code.IGNORE)
CERTAIN = {
    "pam_permit": (Code.SUCCESS,),
    "pam_deny": (Code.AUTH_ERR,),
    "pam_env": (Code.IGNORE,),
    "pam_faildelay": (Code.IGNORE,),
}


def is_ours(rule: StackRule) -> bool:
    """Say whether a line loads pushgate: the module, or the hook under pam_python."""
    return rule.name == OUR_MODULE or is_our_hook(rule)


def is_our_hook(rule: StackRule) -> bool:
    """Say whether a line loads the hook under pam_python."""
    script = " ".join(rule.arguments.split()[:1])
    return rule.name == PYTHON_MODULE and (script.endswith(OUR_HOOK) or "pushgate" in script)


def role_of(rule: StackRule) -> Role:
    """Say what a line is to a login."""
    if is_ours(rule):
        return Role.OURS
    name = rule.name.removeprefix("pam_")
    if name in CONDITIONS:
        return Role.CONDITION
    return Role.HELPER if name in HELPERS else Role.FACTOR


def codes_of(handler: Handler) -> tuple[Code, ...]:
    """List what a module may return."""
    if handler.kind is Kind.BROKEN:
        return (Code.PERM_DENIED,)
    if handler.rule.name in CERTAIN:
        return CERTAIN[handler.rule.name]
    codes = {Role.OURS: OUR_CODES, Role.FACTOR: FACTOR_CODES}
    return codes.get(role_of(handler.rule), HELPER_CODES)
