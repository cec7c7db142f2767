"""PAM's own files: what a service's stack holds, in the order in which libpam reads it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

FOLDER = Path("/etc/pam.d")
MAX_DEPTH = 16
"""libpam's own limit (PAM_SUBSTACK_MAX_LEVEL)."""
MAX_READS = 256
MAX_SIZE = 64 * 1024

# Linux-PAM's pam.conf(5): type, control, module, arguments; a control in brackets holds blanks and needs none behind.
RULE = re.compile(
    r"^-?(?P<type>\w+)\s+(?P<control>\[(?:\\\]|[^\]])*\]|[^\s\[]\S*(?=\s))\s*(?P<module>\S+)\s*(?P<arguments>.*)$"
)


@dataclass(frozen=True, slots=True)
class StackRule:
    """One line of a stack that loads a module."""

    path: Path
    line: int
    """Counted from 1; of a line that a backslash continues, its first."""
    type: str
    """``auth``, ``account``, ``password`` or ``session``."""
    control: str
    """As it is written, in lower case: ``required``, or ``[success=1 default=ignore]``."""
    module: str
    """As it is written: a name, or an absolute path."""
    arguments: str
    substack: bool = False
    """Read by way of ``substack``: there, ``die`` and ``done`` end that stack alone."""

    @property
    def name(self) -> str:
        """The module's name without folder and ending: ``pam_unix``."""
        return Path(self.module).name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Include:
    """One line of a stack that names another file."""

    path: Path
    line: int
    type: str
    """``auth`` and so on; empty for Debian's ``@include``, which takes the lines of every type."""
    file: str
    substack: bool = False


class UnreadableStack(Exception):  # noqa: N818 - a fact about the machine, not a fault of ours
    """A file of a stack cannot be read, or the stack is too large; the text says which file, and why."""


def read_stack(service: str, folder: Path = FOLDER) -> list[StackRule]:
    """List what a service loads, included files in the place where they are included.

    Raises:
        UnreadableStack: a file is missing or cannot be read, or includes go in a circle.
    """
    reads = 0

    def read(file: str, wanted: str, depth: int, *, substack: bool) -> Iterator[StackRule]:
        nonlocal reads
        reads += 1
        if depth > MAX_DEPTH or reads > MAX_READS:
            raise UnreadableStack(f"{folder / file}: too many includes, or one that includes itself")
        for item in parse_file(folder / file):
            if wanted and item.type not in ("", wanted):
                continue
            if isinstance(item, Include):
                yield from read(item.file, item.type or wanted, depth + 1, substack=substack or item.substack)
            else:
                yield replace(item, substack=substack)

    return list(read(service, "", 0, substack=False))


def parse_file(path: Path) -> list[StackRule | Include]:
    """Read one file; a line that is none of PAM's is left out, as it stops libpam itself.

    Raises:
        UnreadableStack: it cannot be read.
    """
    found = (parse_line(path, number, line) for number, line in read_lines(path))
    return [item for item in found if item is not None]


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give number and text of each line of a file that is not empty, without comments.

    Raises:
        UnreadableStack: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_SIZE).decode("utf-8", "replace")
    except OSError as error:
        raise UnreadableStack(f"{path}: {(error.strerror or 'error').lower()}") from None
    return logical_lines(text)


def parse_line(path: Path, number: int, line: str) -> StackRule | Include | None:
    """Read one line without its comment; None if it is no rule."""
    if line.removeprefix("-").startswith("@include"):
        return Include(path, number, "", " ".join(line.split()[1:2]))
    rule = RULE.match(line)
    if rule is None:
        return None
    kind, control = rule["type"].lower(), rule["control"].lower()
    if control in ("include", "substack"):
        return Include(path, number, kind, rule["module"], substack=control == "substack")
    return StackRule(path, number, kind, control, rule["module"], rule["arguments"])


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Give number and text of each line that is not empty, without comments; a backslash at its end goes on."""
    start, parts = 0, list[str]()
    for number, line in enumerate(text.split("\n"), 1):
        start = start if parts else number
        # Linux-PAM: a comment ends where the line does, also behind a backslash.
        goes_on = line.endswith("\\") and "#" not in line
        parts.append(line.removesuffix("\\") if goes_on else line.partition("#")[0])
        if not goes_on:
            whole, parts = " ".join(parts).strip(), []
            if whole:
                yield start, whole
    if parts and (whole := " ".join(parts).strip()):
        yield start, whole
