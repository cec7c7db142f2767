"""The lines that load pushgate: their options and their file."""

from collections.abc import Iterator
from pathlib import Path

from pushgate.doctor.findings import Finding, fine, found
from pushgate.doctor.machine import Machine, write_fault
from pushgate.doctor.modules import is_our_hook
from pushgate.pamstack import StackRule

MODULE_FOLDERS = ("/lib/*/security", "/usr/lib/*/security", "/lib/security", "/lib64/security", "/usr/lib64/security")
"""Where libpam looks for a module without a folder, which depends on how it was built."""
DEFAULT_SOCKET = Path("/run/pushgate/pam.sock")
DEFAULT_SECONDS = 75
VALUED = ("socket", "timeout", "daemon_uid")
MAX_SECONDS = 3600


def place(rule: StackRule) -> str:
    """Name a line as people look for it."""
    return f"{rule.path}:{rule.line}"


def options_of(rule: StackRule) -> list[str]:
    """List the options of one of our lines; of the hook's without the script."""
    words = rule.arguments.split()
    return words[1:] if is_our_hook(rule) else words


def option(rule: StackRule, name: str) -> str | None:
    """Return the value of an option; the last one holds, as in the module."""
    values = [word.partition("=")[2] for word in options_of(rule) if word.startswith(f"{name}=")]
    return values[-1] if values else None


def seconds(rule: StackRule) -> int:
    """Return how long the module waits in all."""
    value = option(rule, "timeout") or ""
    return int(value) if is_number(value, MAX_SECONDS) else DEFAULT_SECONDS


def socket_of(rule: StackRule) -> Path:
    """Return where the module looks for the daemon."""
    return Path(option(rule, "socket") or DEFAULT_SOCKET)


def is_number(value: str, limit: int) -> bool:
    """Say whether the module would take a value for a number."""
    return value.isascii() and value.isdigit() and len(value) <= 10 and int(value) <= limit


def check_line(rule: StackRule, machine: Machine) -> Iterator[Finding]:
    """Check the options of one of our lines, and what it loads."""
    faults = list(option_faults(rule))
    yield from faults
    if not faults:
        yield fine("module-option", place(rule), "the module knows its options")
    yield from check_file(rule, machine)


def option_faults(rule: StackRule) -> Iterator[Finding]:
    """Find options that the module would refuse, and those that are for tests."""
    for word in options_of(rule):
        name, _, value = word.partition("=")
        right = {
            "socket": value.startswith("/"),
            "timeout": is_number(value, MAX_SECONDS) and int(value or 0) > 0,
            "daemon_uid": is_number(value, 2**32 - 2),
        }
        if word != "debug" and not right.get(name, False):
            hint = "pam_pushgate(8) has the options that it takes"
            yield found("module-option", place(rule), f"{word}: the module does not know it", hint)
        elif name == "daemon_uid" and int(value) != 0:
            yield found("module-daemon-uid", place(rule), f"trusts a daemon of user {value}", f"remove {word}")


def check_file(rule: StackRule, machine: Machine) -> Iterator[Finding]:
    """Check the files that a line loads: the module, and the script under pam_python."""
    path = module_path(rule, machine)
    if path is None:
        yield found("module-missing", place(rule), f"{rule.module}: no such file", "install the module there")
        return
    paths = [path]
    if is_our_hook(rule):
        script = Path(rule.arguments.split()[0])
        paths.append(machine.at(script) if script.is_absolute() else script)
    for file in paths:
        fault = write_fault(file)
        if fault is not None:
            yield found("module-file", place(rule), fault.message, fault.hint)
        else:
            yield fine("module-file", place(rule), f"only root can write {file}")


def module_path(rule: StackRule, machine: Machine) -> Path | None:
    """Find the file of a module."""
    if rule.module.startswith("/"):
        path = machine.at(rule.module)
        return path if path.is_file() else None
    paths = (path / rule.module for pattern in MODULE_FOLDERS for path in machine.root.glob(pattern.lstrip("/")))
    return next((path for path in paths if path.is_file()), None)
