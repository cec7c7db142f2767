"""What a PAM stack may not hold: a module that would ask us again, or end the worker."""

import re
from collections.abc import Iterator
from pathlib import Path

from pushgate.errors import PushgateError

FOLDER = Path("/etc/pam.d")
MAX_FILES = 64
MAX_SIZE = 64 * 1024

FORBIDDEN = {
    "pam_pushgate": "a login would wait for itself",
    "pam_python": "it would crash a process that runs Python already",
}

# Linux-PAM's pam.conf(5): type, control, module; a control in brackets holds blanks.
RULE = re.compile(r"^-?(?P<type>\w+)\s+(?P<control>\[(?:\\\]|[^\]])*\]|\S+)\s+(?P<module>\S+)")


def stack_faults(service: str, folder: Path = FOLDER) -> list[PushgateError]:
    """Say what is wrong with a stack, as far as its files and those that they include show."""
    if not (folder / service).is_file():
        hint = "docs/first-factors.md shows one; without it PAM would use the stack other"
        return [PushgateError(f"{folder / service}: there is no such PAM service", hint)]
    faults, has_auth = [], False
    seen, open_files = {folder / service}, [folder / service]
    while open_files:
        path = open_files.pop()
        try:
            lines = list(logical_lines(path))
        except OSError as error:
            reason = (error.strerror or "").lower()
            faults.append(
                PushgateError(f"{path}: cannot be read ({reason})", f"it belongs to the PAM service {service}")
            )
            continue
        for line in lines:
            included = included_file(line)
            if included is not None:
                further = folder / included
                if further not in seen and len(seen) < MAX_FILES:
                    seen.add(further)
                    open_files.append(further)
                continue
            rule = RULE.match(line)
            if rule is None:
                continue
            has_auth = has_auth or rule["type"].lower() == "auth"
            module = Path(rule["module"]).name.partition(".")[0]
            if module in FORBIDDEN:
                hint = f"name another service, whose stack does not load {module}"
                faults.append(PushgateError(f"{path}: loads {module}: {FORBIDDEN[module]}", hint))
    if not has_auth and not faults:
        faults.append(PushgateError(f"{folder / service}: has no auth line", "docs/first-factors.md shows a stack"))
    return faults


def logical_lines(path: Path) -> Iterator[str]:
    """Give lines without comments; a backslash at the end goes on in the next line.

    Raises:
        OSError: if the file cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(MAX_SIZE).decode("utf-8", "replace")
    for line in re.sub(r"\\\n", " ", text).splitlines():
        rule = line.partition("#")[0].strip()
        if rule:
            yield rule


def included_file(line: str) -> str | None:
    """Name the file that a line includes, in Linux-PAM's two spellings or Debian's."""
    if line.startswith("@include"):
        return line.removeprefix("@include").strip()
    rule = RULE.match(line)
    if rule is not None and rule["control"].lower() in ("include", "substack"):
        return rule["module"]
    return None
