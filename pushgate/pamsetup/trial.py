"""A trial: a stack that is undone at its deadline unless somebody confirms it from a login that it let in."""

import json
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

from pushgate.clock import SystemClock
from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic, edit, setup
from pushgate.pamsetup.atomic import Content
from pushgate.pamsetup.boot import Moment
from pushgate.pamsetup.changes import Change, back_up
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.session import LoginSession, NoProcess, login_session, started_by

MAX_SIZE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Trial:
    """What is being tried, until when, and how it is undone."""

    ident: str
    service: str
    boot: str
    deadline: float
    """Seconds of that boot."""
    ends: str
    """The same for people."""
    live_since: int
    """Clock ticks of that boot."""
    session_pid: int
    session_start: int
    changes: tuple[Change, ...]
    places: Places

    def is_over(self, now: Moment) -> bool:
        """Whether it is past its deadline; a restart of the machine ends it, too."""
        return now.boot != self.boot or now.seconds >= self.deadline

    def remaining(self, now: Moment) -> float:
        """Return the seconds to the deadline."""
        return 0.0 if self.is_over(now) else self.deadline - now.seconds


def begin(
    places: Places, service: str, changes: Sequence[Change], now: Moment, seconds: float, ends: datetime, pid: int
) -> Trial:
    """Write down how everything is undone, before anything is done.

    Args:
        places: Where everything is.
        service: What is tried.
        changes: What will be changed.
        now: The moment.
        seconds: How long it has.
        ends: The deadline as people write it.
        pid: The process that asks for it: it says which login is the first.
    """
    session = session_of(places, pid)
    trial = Trial(
        ident=secrets.token_hex(8),
        service=service,
        boot=now.boot,
        deadline=now.seconds + seconds,
        ends=f"{ends:%Y-%m-%d %H:%M:%S} UTC",
        live_since=now.ticks,
        session_pid=session.pid,
        session_start=session.start_time,
        changes=tuple(changes),
        places=places,
    )
    save(trial)
    return trial


def go_live(trial: Trial, now: Moment) -> Trial:
    """Note that everything is in place: only logins from now on show that it works."""
    live = replace(trial, live_since=now.ticks)
    save(live)
    return live


def confirm(places: Places, trial: Trial, pid: int) -> None:
    """End a trial so that everything stays; only from a login that was made since it began.

    Raises:
        PushgateError: this login does not show that a new one works.
    """
    session = session_of(places, pid)
    hint = {
        "sshd": "open a second terminal, log in with ssh, and run there: sudo pushgate pam confirm",
        "sudo": "log in a second time, and run there: sudo pushgate pam confirm",
        "su": "log in a second time, and run there: su -c 'pushgate pam confirm'",
    }[trial.service]
    if session.is_same(trial.session_pid, trial.session_start):
        raise PushgateError("this is the login that began the trial: it does not show that a new one works", hint)
    if session.start_time < trial.live_since:
        raise PushgateError("this login is older than the trial: it does not show that a new one works", hint)
    if trial.service == "sshd":
        if not session.through_ssh:
            raise PushgateError("this login did not come through ssh", hint)
    elif not started_through(places, trial, pid):
        raise PushgateError(f"this command did not come through {trial.service}", hint)
    atomic.delete(places.trial)


def roll_back(trial: Trial) -> list[str]:
    """Undo everything, and end the trial; what somebody has edited beside our lines meanwhile stays.

    Raises:
        PushgateError: something could not be undone; the trial stays, and the next run tries again.
    """
    said: list[str] = []
    failed: list[str] = []
    for change in reversed(trial.changes):
        if failed and change.path == trial.places.drop_in:
            # While PAM's file asks for the approval alone, sshd has to go on asking for the key.
            not_undone(trial, failed)
        try:
            if undo(change, trial.places):
                said.append(f"restored {change.path}")
        except (OSError, PushgateError) as error:
            failed.append(f"{change.path}: {reason(error)}")
    if any(change.path == trial.places.drop_in for change in trial.changes):
        try:
            said.append(setup.reload_sshd(trial.places))
        except (OSError, PushgateError) as error:
            failed.append(f"sshd: {reason(error)}")
    if failed:
        not_undone(trial, failed)
    atomic.delete(trial.places.trial)
    return said


def reason(error: OSError | PushgateError) -> str:
    """Say why, in the words of the other errors."""
    return error.message if isinstance(error, PushgateError) else (error.strerror or "error").lower()


def not_undone(trial: Trial, failed: Sequence[str]) -> NoReturn:
    """Say what is left of a trial.

    Raises:
        PushgateError: always.
    """
    hint = f"put it right by hand, then: pushgate pam remove {trial.service}"
    raise PushgateError(f"the trial of {trial.service} could not be undone: {'; '.join(failed)}", hint)


def undo(change: Change, places: Places) -> bool:
    """Undo one change, and say whether there was anything to undo."""
    back = Change(change.path, change.after, change.before)
    try:
        current = atomic.read(change.path, places.owner)
    except PushgateError:
        # A link, or a file that others may write: whatever was put there, what was there before comes back.
        back.make()
        return True
    if current == change.before:
        return False
    if current is not None and change.before is not None and current != change.after:
        try:
            after = current.with_text(edit.remove(current.text, change.path))
        except PushgateError:
            # Somebody has torn our marks apart: a way in matters more than that edit, of which a copy is kept.
            after = change.before
            with suppress(OSError):
                back_up(Change(change.path, current, after), places.backups, SystemClock().wall())
        Change(change.path, current, after).make()
        return after != current
    back.make()
    return True


def save(trial: Trial) -> None:
    """Write a trial down."""
    data = {field.name: getattr(trial, field.name) for field in fields(trial)}
    data["changes"] = [change.to_json() for change in trial.changes]
    data["places"] = trial.places.to_json()
    owner = trial.places
    content = Content(json.dumps(data).encode(), 0o600, owner.owner, owner.state.stat().st_gid)
    atomic.write(trial.places.trial, content)


def load(path: Path, owner: int) -> Trial | None:
    """Read the trial that is under way; None if there is none.

    Raises:
        PushgateError: it cannot be read.
    """
    content = atomic.read(path, owner, MAX_SIZE)
    if content is None:
        return None
    try:
        data: dict[str, Any] = json.loads(content.data)
        changes = tuple(Change.from_json(change) for change in data["changes"])
        return Trial(**{**data, "changes": changes, "places": Places.from_json(data["places"])})
    except (ValueError, KeyError, TypeError):
        hint = "look at the files in /etc/pam.d, take pushgate's lines out by hand, and delete this file"
        raise PushgateError(f"{path}: is no trial", hint) from None


def session_of(places: Places, pid: int) -> LoginSession:
    """Find the login of a process.

    Raises:
        PushgateError: it cannot be told.
    """
    try:
        return login_session(pid, places.proc)
    except NoProcess as error:
        raise PushgateError(f"cannot tell which login this is: {error}", "run it from a shell of your own") from None


def started_through(places: Places, trial: Trial, pid: int) -> bool:
    """Whether a process became root by a new run of the program that is tried."""
    try:
        return started_by(pid, frozenset({trial.service}), trial.live_since, places.proc)
    except NoProcess:
        return False
