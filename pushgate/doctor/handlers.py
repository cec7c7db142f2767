"""A stack as libpam holds it in memory: its modules in order, with substacks as levels."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from pushgate.doctor.codes import Action, Code, actions_of
from pushgate.pamstack import (
    MAX_DEPTH,
    MAX_READS,
    RULE,
    Include,
    StackRule,
    UnreadableStack,
    parse_line,
    read_lines,
)

FOLDERS = (Path("/etc/pam.d"), Path("/usr/lib/pam.d"))
"""Where libpam looks, in this order."""
OTHER = "other"
"""The service whose lines libpam takes where a service has none."""
TYPES = ("auth", "account", "password", "session")


class Kind(Enum):
    """What a handler is."""

    MODULE = "module"
    SUBSTACK = "substack"
    """The line that opens one: jumps count it, nothing is called."""
    BROKEN = "broken"
    """A line that libpam cannot read: it stands in the stack and fails."""


@dataclass(frozen=True, slots=True)
class Handler:
    """One step of a stack."""

    kind: Kind
    rule: StackRule
    """The line; of a broken one what could be read."""
    level: int
    actions: dict[Code, Action]


class Stacks:
    """The stacks of all services."""

    def __init__(self, folders: Sequence[Path] = FOLDERS) -> None:
        self.folders = folders

    def services(self) -> list[str]:
        """List the services that have a file, and the files that others include."""
        names = {path.name for folder in self.folders if folder.is_dir() for path in folder.iterdir() if path.is_file()}
        # Neither the copies that packages and editors leave nor hidden files.
        return sorted(name for name in names if "." not in name and not name.endswith("~"))

    def find(self, service: str) -> Path:
        """Return the file of a service; that in the first folder if there is none."""
        # An absolute name stays what it is: pathlib drops the folder then.
        paths = [folder / service for folder in self.folders]
        return next((path for path in paths if path.is_file()), paths[0])

    def auth(self, service: str) -> list[Handler]:
        """List the handlers that authenticate for a service.

        Raises:
            UnreadableStack: a file is missing or cannot be read, or includes go in a circle.
        """
        reads = 0

        def read(name: str, level: int, depth: int) -> Iterator[Handler]:
            nonlocal reads
            reads += 1
            path = self.find(name)
            if depth > MAX_DEPTH or reads > MAX_READS:
                raise UnreadableStack(f"{path}: too many includes, or one that includes itself")
            for item in items(path, level):
                if isinstance(item, Handler):
                    yield item
                    continue
                if item.substack:
                    rule = StackRule(path, item.line, item.type, "substack", item.file, "")
                    yield Handler(Kind.SUBSTACK, rule, level, {})
                yield from read(item.file, level + item.substack, depth + 1)

        found = list(read(service, 0, 0))
        if not found and service != OTHER and self.find(OTHER).is_file():
            return self.auth(OTHER)
        return found


def items(path: Path, level: int) -> Iterator[Handler | Include]:
    """Read one file's lines that authenticate."""
    for number, line in read_lines(path):
        item = parse_line(path, number, line)
        if item is None or item.type not in ("", *TYPES):
            # What libpam does not know it takes for the most sensitive type.
            yield broken(path, number, line, level)
        elif isinstance(item, Include):
            if item.type in ("", "auth"):
                yield item
        elif item.type == "auth":
            found = RULE.match(line)
            assert found
            yield Handler(Kind.MODULE, item, level, actions_of(found["control"]))


def broken(path: Path, number: int, line: str, level: int) -> Handler:
    """Return what libpam makes of a line that it cannot read."""
    words = line.split()
    control = words[1] if len(words) > 1 else ""
    rule = StackRule(path, number, "auth", control, " ".join(words[2:3]), "")
    return Handler(Kind.BROKEN, rule, level, actions_of(control))
