"""Other programs, run with a plain environment and for a limited time."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pushgate.errors import PushgateError

SECONDS = 30
TEMPORARY = "/tmp"  # noqa: S108 - nobody can swap root's folders in there
"""For folders that root's programs read again: what TMPDIR names could be somebody else's, after su for example."""
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}
"""Whoever became root by sudo may have brought along variables of their own."""


def run(
    command: Sequence[str | Path], *, detached: bool = False, environment: Mapping[str, str] = ENVIRONMENT
) -> "subprocess.CompletedProcess[str]":
    """Run a program to its end.

    Args:
        command: Each word comes from us, none from a person.
        detached: In a session of its own, with nothing to read or to write: what it starts may go on.
        environment: Instead of ours.

    Raises:
        PushgateError: it cannot be started, or does not end.
    """
    outputs = subprocess.DEVNULL if detached else subprocess.PIPE
    try:
        return subprocess.run(  # noqa: S603 - a list of words, no shell
            command,
            stdin=subprocess.DEVNULL,
            stdout=outputs,
            stderr=outputs,
            text=True,
            errors="replace",
            env=environment,
            cwd="/",
            start_new_session=detached,
            timeout=SECONDS,
            check=False,
        )
    except OSError as error:
        raise PushgateError(f"{command[0]}: {(error.strerror or 'error').lower()}", "is it installed?") from None
    except subprocess.TimeoutExpired:
        raise PushgateError(f"{command[0]}: did not end in {SECONDS} s", "run it by hand to see why") from None
