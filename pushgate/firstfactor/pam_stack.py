"""What a PAM stack may not hold: a module that would ask us again, or end the worker."""

from pathlib import Path

from pushgate.errors import PushgateError
from pushgate.pamstack import FOLDER, UnreadableStack, read_stack

FORBIDDEN = {
    "pam_pushgate": "a login would wait for itself",
    "pam_python": "it would crash a process that runs Python already",
}


def stack_faults(service: str, folder: Path = FOLDER) -> list[PushgateError]:
    """Say what is wrong with a stack, as far as its files and those that they include show."""
    if not (folder / service).is_file():
        hint = "docs/first-factors.md shows one; without it PAM would use the stack other"
        return [PushgateError(f"{folder / service}: there is no such PAM service", hint)]
    try:
        rules = read_stack(service, folder)
    except UnreadableStack as error:
        return [PushgateError(str(error), f"it belongs to the PAM service {service}")]
    faults = [
        PushgateError(
            f"{rule.path}: loads {rule.name}: {FORBIDDEN[rule.name]}",
            f"name another service, whose stack does not load {rule.name}",
        )
        for rule in rules
        if rule.name in FORBIDDEN
    ]
    if not faults and not any(rule.type == "auth" for rule in rules):
        faults.append(PushgateError(f"{folder / service}: has no auth line", "docs/first-factors.md shows a stack"))
    return faults
