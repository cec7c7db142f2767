"""Undoes a trial at its deadline, in a process that outlives the login which began it."""

import asyncio
import os
import signal
import sys
import syslog
from collections.abc import Callable
from pathlib import Path

from pushgate.clock import Clock, SystemClock
from pushgate.errors import PushgateError
from pushgate.pamsetup import boot, trial
from pushgate.pamsetup.boot import Moment
from pushgate.pamsetup.lock import locked
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.programs import run
from pushgate.pamsetup.trial import Trial

STEP = 1.0
RETRY, LONGEST_RETRY = 5.0, 300.0
"""Seconds until the next attempt to undo what could not be undone: a full disk has room again some day."""
RESTART_UNIT = "pushgate-pam-trial.service"
"""Undoes a trial at the start of the machine; without a trial it does nothing."""


def arm(begun: Trial, seconds: float) -> None:
    """Start the timer of a trial; it runs when this returns.

    Raises:
        PushgateError: it does not.
    """
    places = begun.places
    program = [sys.executable, "-I", "-m", "pushgate.pamsetup.timer"]
    target = [str(places.trial), begun.ident]
    if places.systemd.is_dir():
        # logind may end everything that a login has started when that login ends: systemd itself has to run it.
        unit = ["--collect", "--quiet", f"--unit=pushgate-pam-trial-{begun.ident}"]
        when = [f"--on-active={seconds:.0f}s", "--timer-property=AccuracySec=1s"]
        # After a restart that timer is gone. A machine without our unit relies on the next `pushgate pam`.
        run([places.systemctl, "enable", "--quiet", RESTART_UNIT])
        command: list[str | Path] = [places.systemd_run, *unit, *when, "--", *program, "now", *target]
    else:
        command = [*program, "detach", *target]
    done = run(command, detached=True)
    if done.returncode != 0:
        raise PushgateError("the timer that undoes the trial could not be started", "nothing has been changed")


def main(arguments: list[str]) -> int:
    """Wait for the deadline, unless it is here, and undo the trial, however long that takes; returns 0."""
    how, path, ident = arguments
    # `try` holds signals back while it changes files, and what it starts inherits that.
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    syslog.openlog("pushgate", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
    if how == "detach":
        if not detach():
            return 0
        asyncio.run(wait(Path(path), ident, SystemClock(), boot.now))
    asyncio.run(finish(Path(path), ident, SystemClock()))
    return 0


def detach() -> bool:
    """Go on in a second process that no terminal and no parent can end; True in that process."""
    if os.fork():
        return False
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    return True


async def wait(path: Path, ident: str, clock: Clock, now: Callable[[], Moment]) -> None:
    """Wait until the deadline, or until the trial is confirmed or undone otherwise."""
    while True:
        try:
            under_way = read(path, ident)
        except PushgateError:
            # `finish` says it, and goes on trying.
            return
        if under_way is None or under_way.is_over(now()):
            return
        # In short steps: the loop's clock stands still while the machine sleeps, the deadline does not.
        await clock.sleep(min(STEP, under_way.remaining(now())))


async def finish(path: Path, ident: str, clock: Clock) -> None:
    """Undo the trial, again and again until nothing is left of it: nobody may be able to log in and do it."""
    pause = RETRY
    while not undo(path, ident):
        await clock.sleep(pause)
        pause = min(2 * pause, LONGEST_RETRY)


def undo(path: Path, ident: str) -> bool:
    """Undo the trial, if it is still under way, and tell the system log; False if that failed."""
    places = Places(state=path.parent, owner=os.geteuid())
    try:
        with locked(places, wait=True):
            under_way = read(path, ident)
            if under_way is not None:
                trial.roll_back(under_way)
                syslog.syslog(syslog.LOG_WARNING, f"the trial of {under_way.service} was not confirmed: rolled back")
    except (OSError, PushgateError) as error:
        syslog.syslog(syslog.LOG_ALERT, f"{error}; it is tried again")
        return False
    return True


def read(path: Path, ident: str) -> Trial | None:
    """Read the trial of this name; None if there is none, or another."""
    found = trial.load(path, os.geteuid())
    return found if found is not None and found.ident == ident else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
