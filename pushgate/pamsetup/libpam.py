"""Lets libpam itself read a folder of stacks before it becomes the real one.

``pam_start`` says "success" to a stack with lines that it could not read or modules that it could not load: such lines
fail at the login. It only complains to the system log, so its log is read here too. Modules are loaded meanwhile, so it
happens in a process of its own.
"""

import ctypes
import os
import sys
import syslog
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pushgate.errors import PushgateError
from pushgate.pamsetup.programs import TEMPORARY, run
from pushgate.text import clean

LIBRARY = "libpam.so.0"
SUCCESS = 0
MAX_FILE = 64 * 1024


class Conversation(ctypes.Structure):
    """``struct pam_conv``; nobody is asked anything."""

    _fields_ = (("conv", ctypes.c_void_p), ("appdata_ptr", ctypes.c_void_p))


def check(service: str, folder: Path, changed: Mapping[str, bytes], module: Path | None) -> None:
    """Refuse changed files with which libpam could not start a login, or would complain about something new.

    Args:
        service: What a program asks PAM for.
        folder: ``/etc/pam.d``: what is not changed is taken from here.
        changed: The new files by name.
        module: What the changed files load; None if they load none of ours.

    Raises:
        PushgateError: with libpam's own words.
    """
    before = complaints(service, folder, {}, None)
    new = [line for line in complaints(service, folder, changed, module) if line not in before]
    if new:
        hint = "nothing has been changed; is the module built for this machine?"
        raise PushgateError(f"libpam refuses the new stack of {service}: {clean('; '.join(new), 400)}", hint)


def complaints(service: str, folder: Path, changed: Mapping[str, bytes], module: Path | None) -> list[str]:
    """Return what libpam says about a stack; nothing if it takes all of it.

    Raises:
        PushgateError: it could not be asked.
    """
    with tempfile.TemporaryDirectory(prefix="pushgate-pam-", dir=TEMPORARY) as name:
        copy = Path(name)
        for path in folder.iterdir():
            if path.is_file():
                (copy / path.name).write_bytes(path.read_bytes()[:MAX_FILE])
        for file, data in changed.items():
            (copy / file).write_bytes(data)
        program = [sys.executable, "-I", "-m", "pushgate.pamsetup.libpam", service, name]
        done = run([*program, str(module)] if module else program)
    said = done.stderr.replace(name, str(folder)).splitlines()
    if done.returncode != 0 and not said:
        said = [f"the test process ended with status {done.returncode}"]
    # In front of each line stands the name and number of the test process: "pushgate[123]: ".
    return [line.partition("]: ")[2] or line for line in said if line.strip()]


def main(arguments: list[str]) -> int:
    """Start a login as a program would, and end it: exit status 0 if libpam lets it begin."""
    service, folder, *modules = arguments
    syslog.openlog("pushgate", syslog.LOG_PERROR | syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    for module in modules:
        try:
            ctypes.CDLL(module).pam_sm_authenticate  # noqa: B018 - looks the symbol up
        except (OSError, AttributeError) as error:
            print(error, file=sys.stderr)  # noqa: T201 - what the parent reads
            return 1
    library, handle = ctypes.CDLL(LIBRARY), ctypes.c_void_p()
    # Linux-PAM >= 1.4; the name of the user decides nothing here.
    status = library.pam_start_confdir(
        os.fsencode(service), b"root", ctypes.byref(Conversation()), os.fsencode(folder), ctypes.byref(handle)
    )
    if status != SUCCESS:
        print(f"pam_start returned {status}", file=sys.stderr)  # noqa: T201
        return 1
    library.pam_end(handle, SUCCESS)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
