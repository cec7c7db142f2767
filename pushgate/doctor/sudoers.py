"""sudo's rules, as its own ``cvtsudoers`` reads them, and the lines that they come from."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from pushgate.doctor.machine import Machine
from pushgate.errors import PushgateError

INCLUDE = re.compile(r"^\s*[@#](?P<kind>include|includedir)\s+\"?(?P<path>[^\"\s]+)")
MAX_INCLUDES = 16


@dataclass(frozen=True, slots=True)
class Unasked:
    """A rule by which somebody runs commands without PAM."""

    who: str
    commands: tuple[str, ...]

    @property
    def everything(self) -> bool:
        """Whether it holds for every command."""
        return "ALL" in self.commands


@dataclass(frozen=True)
class Sudoers:
    """What is of interest here."""

    defaults: Sequence[tuple[str, str | bool]]
    """Name and value of each default, also of those that hold only for some."""
    unasked: Sequence[Unasked]
    lines: Sequence[tuple[str, str]] = field(default=())
    """Place and text of each line that is no comment."""
    path: str = "/etc/sudoers"

    def where(self, *words: str) -> str:
        """Name the first line that holds all these words."""
        return next((place for place, text in self.lines if all(word in text for word in words)), self.path)

    def values(self, name: str) -> list[str | bool]:
        """List the values of a default."""
        return [value for key, value in self.defaults if key == name]


def read_sudoers(machine: Machine) -> Sudoers:
    """Read the rules.

    Raises:
        PushgateError: sudo's own tool is missing, or cannot read them.
    """
    output = machine.run(["cvtsudoers", "-e", "-f", "json", str(machine.at(machine.sudoers))])
    if output is None:
        raise PushgateError("cvtsudoers is not installed", "it belongs to sudo 1.8.23 and later")
    try:
        data = json.loads(output.text)
        if output.status != 0 or not isinstance(data, dict):
            raise ValueError
        lines = list(sudoers_lines(machine, str(machine.sudoers)))
        return Sudoers(list(defaults_of(data)), list(unasked_of(data)), lines, str(machine.sudoers))
    except (ValueError, TypeError, AttributeError):
        last = output.complaints.strip().splitlines()[-1:]
        raise PushgateError(f"cvtsudoers: {' '.join(last) or 'says nothing'}", "visudo -c says more") from None


def defaults_of(data: dict[str, Any]) -> Iterator[tuple[str, str | bool]]:
    """List every default; one of a list has its words in one value."""
    for entry in data.get("Defaults", []):
        for option in entry.get("Options", []):
            for name, value in option.items():
                yield name, value if isinstance(value, str | bool) else json.dumps(value)


def unasked_of(data: dict[str, Any]) -> Iterator[Unasked]:
    """List the rules with NOPASSWD; root needs none."""
    for spec in data.get("User_Specs", []):
        names = [name for user in spec.get("User_List", []) for name in names_of(user)]
        who = ", ".join(name for name in names if name != "root")
        for rule in spec.get("Cmnd_Specs", []):
            if who and {"authenticate": False} in rule.get("Options", []):
                commands = tuple(str(command.get("command", "")) for command in rule.get("Commands", []))
                yield Unasked(who, commands)


def names_of(user: dict[str, Any]) -> Iterator[str]:
    """Write a user or group as sudoers does."""
    signs = {"usergroup": "%", "netgroup": "+"}
    for kind, name in user.items():
        if kind != "negated":
            yield signs.get(kind, "") + str(name)


def sudoers_lines(machine: Machine, path: str, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Read a file of sudo's and those that it includes."""
    text = machine.read(path)
    if text is None or depth > MAX_INCLUDES:
        return
    for number, line in enumerate(text.splitlines(), 1):
        include = INCLUDE.match(line)
        if include is None:
            if line.strip() and not line.lstrip().startswith("#"):
                yield f"{path}:{number}", line
            continue
        for file in included(machine, path, include["kind"], include["path"]):
            yield from sudoers_lines(machine, file, depth + 1)


def included(machine: Machine, base: str, kind: str, target: str) -> list[str]:
    """List the files that an include means, in sudo's order."""
    path = target if target.startswith("/") else f"{base.rpartition('/')[0]}/{target}"
    if kind == "include":
        return [path]
    folder = machine.at(path)
    files = folder.iterdir() if folder.is_dir() else iter(())
    # sudo leaves out names with a dot, and those that end in a tilde.
    return sorted(f"{path}/{file.name}" for file in files if "." not in file.name and not file.name.endswith("~"))
