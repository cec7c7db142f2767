"""The machine's real su with a PAM service of a test: the name of su's service is fixed, so su sees another file."""

from collections.abc import Mapping
from pathlib import Path

import pexpect

from tests.support.users import User


def su(
    service: Path, caller: User, *arguments: str, environment: Mapping[str, str] | None = None
) -> "pexpect.spawn[str]":
    """Start su as a user, in a terminal and a view of the file system of its own; its terminal is the result.

    Args:
        service: The file that takes the place of /etc/pam.d/su.
        caller: Who starts it.
        arguments: Its arguments.
        environment: The caller's variables. Needs root.
    """
    mount = 'mount --bind "$1" /etc/pam.d/su && uid="$2" && shift 2 && exec setpriv --reuid "$uid" --clear-groups "$@"'
    variables = [f"{key}={value}" for key, value in (environment or {}).items()]
    words = ["sh", "-c", mount, "sh", str(service), str(caller.uid), "env", *variables, "su", *arguments]
    return pexpect.spawn("unshare", ["--mount", *words], timeout=20, encoding="utf-8", cwd="/")
