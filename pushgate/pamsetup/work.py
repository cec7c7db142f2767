"""The verbs of ``pushgate pam``, each under the lock."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from pushgate.clock import SystemClock
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.pamsetup import atomic, boot, requirements, setup, sshd, timer
from pushgate.pamsetup import trial as trials
from pushgate.pamsetup.boot import Moment
from pushgate.pamsetup.changes import Change, diffs
from pushgate.pamsetup.lock import locked
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.recipes import Recipe, choose, the_service
from pushgate.pamsetup.trial import Trial
from pushgate.sections.pam import PamSettings
from pushgate.settings import load_settings


@dataclass(frozen=True, slots=True)
class Job:
    """A stack that is to be put in place."""

    places: Places
    recipe: Recipe
    pam: PamSettings
    wait: int
    """Seconds that the module waits."""
    changes: tuple[Change, ...]

    @property
    def diff(self) -> str:
        """What would change."""
        return diffs(self.changes)

    def check(self) -> list[PushgateError]:
        """Find out whether it would work, if there is anything to do; returns what the administrator should know.

        Raises:
            PushgateError: with everything that is missing, or with what libpam or sshd would not take.
        """
        if not self.changes:
            return []
        found = list(requirements.faults(self.places, self.recipe, self.pam))
        if found:
            raise ConfigurationError(found)
        warnings = setup.check_plan(self.places, self.recipe, self.changes, self.wait)
        warnings += requirements.warnings(self.places, self.recipe)
        if self.recipe.service == "sshd":
            warnings += sshd.notes(self.places, allow_root=self.pam.services["sshd"].allow_root)
        return warnings


def prepare(places: Places, service: str, factor: str, without_password: bool, config: Path) -> Job:
    """Work out what has to change for a stack, without changing anything.

    Raises:
        PushgateError: it is not one of ours, the configuration has no PAM, or a file cannot be changed.
    """
    recipe = choose(service, factor=factor, without_password=without_password)
    settings = load_settings(config)
    pam, wait = settings.pam, requirements.module_waits(settings.login.timeout)
    if pam is None:
        raise PushgateError(f"{config}: has no section pam", f"add it, with {service} below pam.services")
    changes = setup.plan_install(places, recipe, requirements.module_options(pam, wait))
    return Job(places, recipe, pam, wait, tuple(changes))


def install(job: Job) -> list[str]:
    """Put a stack in place, and say what was done.

    Raises:
        PushgateError: it failed, and nothing is left of it; or a trial is under way.
    """
    with locked(job.places):
        refuse_during_trial(job.places)
        return setup.apply(job.places, job.recipe, fresh(job), SystemClock().wall())


def begin_trial(
    job: Job, length: timedelta, arm: Callable[[Trial, float], None] = timer.arm
) -> tuple[Trial, list[str]]:
    """Put a stack in place for a while; what undoes it is armed before anything changes.

    Raises:
        PushgateError: it failed, and nothing is left of it; or another trial is under way.
    """
    places, seconds, wall = job.places, length.total_seconds(), SystemClock().wall()
    with locked(places):
        refuse_during_trial(places)
        changes = fresh(job)
        begun = trials.begin(places, job.recipe.service, changes, boot.now(), seconds, wall + length, os.getpid())
        try:
            arm(begun, seconds)
            said = setup.apply(places, job.recipe, changes, wall)
            return trials.go_live(begun, boot.now()), said
        except BaseException:
            # If all is undone, the timer has nothing to do. Otherwise it is the next to try.
            if not any(has_changed(change, places) for change in changes):
                atomic.delete(places.trial)
            raise


def confirm(places: Places) -> str:
    """Keep what is being tried; returns the service.

    Raises:
        PushgateError: no trial is under way, or this login does not show that a new one works.
    """
    with locked(places):
        found = trials.load(places.trial, places.owner)
        if found is None:
            raise PushgateError("no trial is under way", "begin one: pushgate pam try sshd; see: pushgate pam show")
        trials.confirm(places, found, os.getpid())
        return found.service


def remove(places: Places, service: str) -> tuple[list[str], list[str]]:
    """Take a stack out; returns what was done, and what is left.

    Raises:
        PushgateError: it failed, and everything is as it was.
    """
    service = the_service(service)
    with locked(places):
        under_way = trials.load(places.trial, places.owner)
        if under_way is not None and under_way.service == service:
            said = trials.roll_back(under_way)
        else:
            changes = setup.plan_remove(places, service)
            setup.check_plan(places, None, changes)
            said = setup.apply(places, None, changes, SystemClock().wall())
    left = [f"left: {places.backups} (what the files were)"] if places.backups.is_dir() else []
    return said, [
        *left,
        *(f"left: {path}: loads the module in a line written by hand" for path in by_hand(places, service)),
    ]


def settle(places: Places, now: Moment | None = None) -> str:
    """Undo a trial whose time is over, and say so; nothing if there is none.

    Raises:
        PushgateError: it could not be undone.
    """
    if not places.trial.exists():
        return ""
    with locked(places, wait=True):
        found = trials.load(places.trial, places.owner)
        if found is None or not found.is_over(now or boot.now()):
            return ""
        trials.roll_back(found)
        return f"the trial of {found.service} ended at {found.ends} unconfirmed: rolled back"


def describe_trial(places: Places) -> str:
    """Say what is being tried; nothing if nothing is."""
    found = trials.load(places.trial, places.owner) if places.trial.exists() else None
    return f"{found.service}, until {found.ends}" if found else ""


def is_under_way(trial: Trial) -> bool:
    """Whether a trial has neither been confirmed nor undone."""
    found = trials.load(trial.places.trial, trial.places.owner)
    return found is not None and found.ident == trial.ident


def is_in_place(trial: Trial) -> bool:
    """Whether what was tried is still there."""
    return all(has_changed(change, trial.places) for change in trial.changes)


def has_changed(change: Change, places: Places) -> bool:
    """Whether a file is another than before."""
    return atomic.read(change.path, places.owner) != change.before


def fresh(job: Job) -> list[Change]:
    """Refuse files that have been changed since the administrator was shown what would change.

    Raises:
        PushgateError: naming one.
    """
    for change in job.changes:
        if has_changed(change, job.places):
            raise PushgateError(f"{change.path}: somebody has changed it just now", "run this again")
    return list(job.changes)


def refuse_during_trial(places: Places) -> None:
    """Refuse to change files while what they are is not settled.

    Raises:
        PushgateError: a trial is under way.
    """
    found = trials.load(places.trial, places.owner)
    if found is not None:
        hint = f"pushgate pam confirm, or pushgate pam remove {found.service}"
        raise PushgateError(f"a trial of {found.service} is under way until {found.ends}", hint)


def by_hand(places: Places, service: str) -> list[Path]:
    """List the service's files that load the module in lines which are not ours."""
    paths = [places.pam_folder / name for name in (("sudo", "sudo-i") if service == "sudo" else (service,))]
    return [path for path in paths if path.is_file() and loads_module(path)]


def loads_module(path: Path) -> bool:
    """Whether a file names the module outside of comments."""
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return any("pam_pushgate" in line.partition("#")[0] for line in lines)
