"""What has to be true of a stack with our line in it, read as libpam reads it."""

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from pushgate.errors import PushgateError
from pushgate.pamsetup.recipes import Recipe
from pushgate.pamstack import StackRule, UnreadableStack, logical_lines, parse_line, read_stack

GATE = "pam_pushgate"
BYPASS_BY_ROOT = "pam_rootok"
JUMP = re.compile(r"\bsuccess=(\w+)")


def check(recipe: Recipe, service: str, folder: Path, changed: Mapping[str, bytes]) -> None:
    """Refuse changed files in which not every login would come to the module, as a required one.

    Raises:
        PushgateError: naming file and line.
    """
    for file, data in changed.items():
        for number, line in logical_lines(data.decode("utf-8", "replace")):
            if parse_line(folder / file, number, line) is None:
                raise PushgateError(f"{folder / file}:{number}: is no line of PAM", "correct it first")
    rules = auth_rules(service, folder, changed)
    gates = [at for at, rule in enumerate(rules) if rule.name == GATE]
    if len(gates) != 1 or rules[gates[0]].control != "required":
        hint = "nothing has been changed; is a line continued by a backslash, or included twice?"
        raise PushgateError(f"{folder / service}: would load the module {len(gates)} times", hint)
    (gate,) = gates
    for at, rule in enumerate(rules[:gate]):
        if rule.name != BYPASS_BY_ROOT and skips(rule, at, gate):
            hint = "remove that line, or put the module in front of it by hand (docs/pam.md)"
            raise PushgateError(f"{rule.path}:{rule.line}: {rule.name} lets people in without an approval", hint)
    if recipe.keeps_password and not any(rule.path.name == "common-auth" for rule in rules[:gate]):
        hint = "is the line before '@include common-auth' continued by a backslash?"
        raise PushgateError(f"{folder / service}: would ask for no password", hint)
    if recipe.needs_rootok and not any(is_rootok(rule) for rule in rules[:gate]):
        hint = "begin the file with: auth sufficient pam_rootok.so"
        raise PushgateError(f"{folder / service}: root itself would be asked, and could be locked out", hint)


def auth_rules(service: str, folder: Path, changed: Mapping[str, bytes]) -> list[StackRule]:
    """List the rules by which a service lets people in, as they will be; paths are those of the real folder.

    Raises:
        PushgateError: a file of it cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="pushgate-pam-") as name:
        copy = Path(name)
        for path in folder.iterdir():
            if path.is_file():
                (copy / path.name).write_bytes(changed.get(path.name) or path.read_bytes())
        try:
            rules = read_stack(service, copy)
        except UnreadableStack as error:
            message = str(error).replace(name, str(folder))
            raise PushgateError(message, "correct the stack first") from None
    auth = [rule for rule in rules if rule.type == "auth"]
    return [StackRule(folder / r.path.name, r.line, r.type, r.control, r.module, r.arguments, r.substack) for r in auth]


def skips(rule: StackRule, at: int, gate: int) -> bool:
    """Whether the success of a rule ends the stack before the gate, or jumps over it."""
    if rule.control == "sufficient":
        return not rule.substack
    found = JUMP.search(rule.control)
    if found is None:
        return False
    if found[1].isdigit():
        return at + int(found[1]) >= gate
    return found[1] == "done" and not rule.substack


def is_rootok(rule: StackRule) -> bool:
    """Whether a rule lets root in at once."""
    return rule.name == BYPASS_BY_ROOT and rule.control == "sufficient"
