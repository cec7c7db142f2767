"""What has to be true of a stack with our line in it, read as libpam reads it."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from pushgate.doctor.catalogue import Level
from pushgate.doctor.machine import Machine
from pushgate.doctor.stacks import check_ways
from pushgate.doctor.survey import survey
from pushgate.errors import PushgateError
from pushgate.pamsetup.programs import TEMPORARY
from pushgate.pamsetup.recipes import Recipe
from pushgate.pamstack import StackRule, UnreadableStack, logical_lines, parse_line, read_stack

GATE = "pam_pushgate"
PYTHON, HOOK = "pam_python", "pushgate/hook.py"


def check(recipe: Recipe, service: str, folder: Path, changed: Mapping[str, bytes]) -> list[PushgateError]:
    """Refuse changed files in which not every login would come to the module, as a required one.

    Args:
        recipe: The stack that they hold.
        service: What a program asks PAM for.
        folder: ``/etc/pam.d``: what is not changed is taken from here.
        changed: The new files by name.

    Returns: what the administrator should know, each with what to do.

    Raises:
        PushgateError: naming file and line.
    """
    for file, data in changed.items():
        for number, line in logical_lines(data.decode("utf-8", "replace")):
            if parse_line(folder / file, number, line) is None:
                raise PushgateError(f"{folder / file}:{number}: is no line of PAM", "correct it first")
    with tempfile.TemporaryDirectory(prefix="pushgate-pam-", dir=TEMPORARY) as name:
        copy = Path(name)
        for path in folder.iterdir():
            if path.is_file():
                (copy / path.name).write_bytes(changed.get(path.name) or path.read_bytes())
        try:
            check_rules(recipe, service, copy)
            notes = look_for_ways(service, copy)
        except PushgateError as error:
            raise PushgateError(error.message.replace(name, str(folder)), error.hint) from None
    return [PushgateError(note.message.replace(name, str(folder)), note.hint) for note in notes]


def check_rules(recipe: Recipe, service: str, folder: Path) -> None:
    """Refuse a stack that is not the recipe's, because something in its file is read otherwise than it looks.

    Raises:
        PushgateError: saying what is missing.
    """
    try:
        everything = read_stack(service, folder)
    except UnreadableStack as error:
        raise PushgateError(str(error), "correct the stack first") from None
    rules = [rule for rule in everything if rule.type == "auth"]
    for rule in everything:
        if rule.name == PYTHON and (recipe.service != "sshd" or HOOK in rule.arguments):
            hint = "take that line out: an interpreter in a setuid program is the caller's to lead astray"
            if recipe.service == "sshd":
                hint = "take that line out: it is the same module in Python, and would ask a second time"
            raise PushgateError(f"{rule.path}:{rule.line}: loads pam_python", hint)
    gates = [at for at, rule in enumerate(rules) if rule.name == GATE]
    if len(gates) != 1 or rules[gates[0]].control != "required":
        hint = "nothing has been changed; is a line continued by a backslash, or included twice?"
        raise PushgateError(f"{folder / service}: would load the module {len(gates)} times", hint)
    before = rules[: gates[0]]
    if recipe.keeps_password and not any(rule.path.name == "common-auth" for rule in before):
        hint = "is the line before '@include common-auth' continued by a backslash?"
        raise PushgateError(f"{folder / service}: would ask for no password", hint)
    if recipe.needs_rootok and not any(is_rootok(rule) for rule in before):
        hint = "begin the file with: auth sufficient pam_rootok.so"
        raise PushgateError(f"{folder / service}: root itself would be asked, and could be locked out", hint)


def look_for_ways(service: str, folder: Path) -> list[PushgateError]:
    """Follow every way through a stack, as the doctor does, and refuse one that lets somebody in unasked.

    Raises:
        PushgateError: naming the line.
    """
    seen = survey(Machine(pam_folders=(folder,)))
    if service not in seen.ways:
        raise PushgateError(seen.unreadable.get(service, f"{folder / service}: cannot be followed"), "simplify it")
    notes = []
    for finding in check_ways(service, seen.ways[service]):
        told = PushgateError(f"{finding.where}: {finding.message}", finding.hint)
        if finding.level is Level.ERROR:
            raise told
        if finding.level is Level.WARNING:
            notes.append(told)
    return notes


def is_rootok(rule: StackRule) -> bool:
    """Whether a rule lets root in at once."""
    return rule.name == "pam_rootok" and rule.control == "sufficient"
