"""A worker process: checks one password after the other by PAM, until its standard input ends.

PAM has no time-out, cannot be cancelled, and loads foreign code: so it runs here, where it can be killed, and never
in the daemon. A password comes through a pipe alone, never by the command line or the environment.
"""

import ctypes
import os
import resource
import signal
import sys
from typing import BinaryIO

from pushgate.firstfactor.pam_frames import READY, frame, pack_answer, read_frame, unpack_question

PR_SET_PDEATHSIG, PR_SET_DUMPABLE = 1, 4
PAM_SYSTEM_ERR = 4


def main() -> None:
    """Serve the PAM service that the command line names."""
    service = sys.argv[1]
    forbid_dumps()
    questions, answers = take_pipes()
    try:
        # Here and not above: it runs other programs to find libpam, which the daemon shall not.
        from pam import PamAuthenticator

        PamAuthenticator()
    except Exception as error:  # noqa: BLE001 - the daemon logs it
        say(answers, f"{type(error).__name__}: {error}".encode()[:200])
        return
    say(answers, READY)
    while (payload := read_frame(questions)) is not None:
        mark, user, password = unpack_question(payload)
        say(answers, pack_answer(mark, check(PamAuthenticator, service, user, password)))


def check(authenticator: type, service: str, user: bytes, password: bytes) -> int:
    """Authenticate, and ask whether the account may log in now; returns PAM's code, 0 for yes to both."""
    pam = authenticator()
    try:
        # Credentials are for sessions: setting them here would only wake modules that have nothing to do.
        if pam.authenticate(user, password, service, resetcreds=False):
            return 0
    except Exception:  # noqa: BLE001 - the library's texts may quote what was typed
        return PAM_SYSTEM_ERR
    return int(pam.code) or PAM_SYSTEM_ERR


def forbid_dumps() -> None:
    """Keep passwords out of core files, and end with the daemon."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = ctypes.CDLL(None).prctl
    # core(5): the limit does not hold where core files go to a program.
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes to the daemon away from where PAM modules and their programs would read and write."""
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nothing, standard)
    os.close(nothing)
    return questions, answers


def say(answers: BinaryIO, payload: bytes) -> None:
    """Write one frame."""
    answers.write(frame(payload))


if __name__ == "__main__":
    main()
