"""A PAM worker without PAM: the user name says what it does."""

import os
import subprocess
import sys
import time
from typing import BinaryIO

from pushgate.firstfactor.pam_frames import READY, frame, pack_answer, read_frame, unpack_question
from pushgate.firstfactor.pam_process import ENVIRONMENT
from tests.support.project import ROOT

COMMAND = (sys.executable, "-m", "tests.support.stand_in_worker")
"""As a worker is started, but with the tests in its path."""


def worker_environment() -> dict[str, str]:
    """What a stand-in inherits."""
    return {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}


def main() -> None:
    """Answer questions."""
    questions, answers = sys.stdin.buffer, sys.stdout.buffer
    greeting = os.environ.get("GREETING", "").encode() or READY
    answers.write(frame(greeting))
    answers.flush()
    while (payload := read_frame(questions)) is not None:
        act(*unpack_question(payload), answers)
        answers.flush()


def act(mark: bytes, user: bytes, password: bytes, answers: BinaryIO) -> None:
    """Do what the user name says."""
    match user:
        case b"hang":
            time.sleep(60)
        case b"family":
            # As pam_exec does: a program in a session of its own.
            subprocess.run(["sleep", password.decode()], start_new_session=True, check=False)
        case b"die":
            os._exit(3)
        case b"flood":
            answers.write(b"\xff" * 8)
        case b"half":
            answers.write(b"\0\0\0\4\0")
            answers.flush()
            os._exit(0)
        case b"chatter":
            answers.write(frame(b"yes, of course"))
        case b"pid":
            answers.write(frame(pack_answer(mark, os.getpid())))
        case b"twice":
            # As a module whose forked child comes back from PAM too.
            answers.write(2 * frame(pack_answer(mark, 0)))
        case _:
            answers.write(frame(pack_answer(mark, 0 if password == b"right" else 7)))


if __name__ == "__main__":
    main()
