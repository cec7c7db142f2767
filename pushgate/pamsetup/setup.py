"""Puts a stack in place and takes it out again: what changes, whether that works, and in which order."""

from collections.abc import Sequence
from datetime import datetime

from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic, edit, libpam, sshd, verify
from pushgate.pamsetup.atomic import Content
from pushgate.pamsetup.changes import Change, all_or_nothing, back_up
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.recipes import Recipe


def plan_install(places: Places, recipe: Recipe, options: tuple[str, ...]) -> list[Change]:
    """List what has to change for a stack; nothing if it is in place.

    sshd's own file comes first: until PAM's follows, a login needs more than before, and never the approval alone.

    Raises:
        PushgateError: a file cannot be changed.
    """
    changes = [plan_drop_in(places, recipe)] if recipe.service == "sshd" else []
    line = recipe.module_line(places.module, options)
    for name in recipe.files:
        path = places.pam_folder / name
        before = atomic.read(path, places.owner)
        if before is not None:
            after = before.with_text(edit.insert(before.text, recipe, line, path))
            changes.append(Change(path, before, after))
        elif name == recipe.files[0]:
            raise PushgateError(f"{path}: is not there", f"install the package of {recipe.service} first")
    return [change for change in changes if change.before != change.after]


def plan_drop_in(places: Places, recipe: Recipe) -> Change:
    """Say what our part of sshd's configuration becomes.

    Raises:
        PushgateError: there is one that is not ours.
    """
    path = places.drop_in
    before = atomic.read(path, places.owner)
    if before is not None and not before.text.startswith(sshd.HEADER):
        raise PushgateError(f"{path}: is there already, and was written by hand", "move it away, and run this again")
    # 0644 like the others there: it holds no secret. Root's group has the number 0 as root has.
    new = before or Content(b"", 0o644, places.owner, places.ssh_folder.stat().st_gid)
    return Change(path, before, new.with_text(sshd.drop_in(recipe)))


def plan_remove(places: Places, service: str) -> list[Change]:
    """List what has to change to take a stack out; nothing if it is not in place.

    PAM's files come first here: again a login needs more meanwhile, and not less.

    Raises:
        PushgateError: a file cannot be changed.
    """
    changes = []
    for name in ("sudo", "sudo-i") if service == "sudo" else (service,):
        path = places.pam_folder / name
        before = atomic.read(path, places.owner)
        if before is not None and edit.find(before.text, path):
            changes.append(Change(path, before, before.with_text(edit.remove(before.text, path))))
    if service == "sshd" and places.drop_in.parent.is_dir():
        before = atomic.read(places.drop_in, places.owner)
        if before is not None and before.text.startswith(sshd.HEADER):
            changes.append(Change(places.drop_in, before, None))
    return changes


def check_plan(places: Places, recipe: Recipe | None, changes: Sequence[Change], wait: int = 0) -> list[PushgateError]:
    """Try the new files out beside the real ones.

    Args:
        places: Where the real ones are.
        recipe: The stack that they are to hold; None if it is taken out.
        changes: What changes.
        wait: How many seconds the module waits.

    Returns: what the administrator should know, each with what to do.

    Raises:
        PushgateError: libpam or sshd would not take them, or people would get in past the module.
    """
    changed = {
        change.path.name: change.after.data
        for change in changes
        if change.after is not None and change.path.parent == places.pam_folder
    }
    # What includes a changed file is another service: su - is su-l.
    notes: list[PushgateError] = []
    callers = [name for name in (recipe.callers if recipe else ()) if (places.pam_folder / name).is_file()]
    for service in dict.fromkeys((*changed, *callers)):
        libpam.check(service, places.pam_folder, changed, places.module if recipe else None)
        if recipe:
            notes += verify.check(recipe, service, places.pam_folder, changed)
    if recipe and recipe.service == "sshd":
        sshd.check_configuration(places, None)
        sshd.check_grace_time(places, wait)
    return notes


def apply(places: Places, recipe: Recipe | None, changes: Sequence[Change], moment: datetime) -> list[str]:
    """Make the changes, all or none, and say what was done.

    Raises:
        PushgateError: one of them failed; what had been done is undone.
    """
    said = []
    with all_or_nothing() as steps:
        for change in changes:
            back_up(change, places.backups, moment)
            if change.path == places.drop_in:
                steps.on_failure("reloading sshd", lambda: reload_sshd(places))
            steps.on_failure(str(change.path), change.undo)
            change.make()
            said.append(f"{'deleted' if change.after is None else 'wrote'} {change.path}")
            if change.path == places.drop_in:
                sshd.check_configuration(places, recipe)
                said.append(sshd.reload(places))
                said += sshd.startups(places) if recipe else []
    return said


def reload_sshd(places: Places) -> str:
    """Let sshd read its files again, if it takes them: one that it refuses would end it.

    Raises:
        PushgateError: it refuses them, or does not take the signal.
    """
    sshd.check_configuration(places, None)
    return sshd.reload(places)
