"""One thing that was found, as people and programs read it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pushgate.doctor.catalogue import CATALOGUE, Level
from pushgate.errors import PushgateError
from pushgate.text import clean


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is as it should be, or is not."""

    id: str
    level: Level
    where: str
    """A file and a line, a file, or a program."""
    message: str
    hint: str = ""

    @property
    def why(self) -> str:
        """Why it matters, in one sentence."""
        return CATALOGUE[self.id].why

    def as_json(self) -> dict[str, Any]:
        """Return what ``--json`` prints."""
        shown = {"id": self.id, "level": str(self.level), "where": self.where, "message": self.message}
        return shown if self.level is Level.OK else {**shown, "why": self.why, "hint": self.hint}


def found(identity: str, where: object, message: str, hint: str = "") -> Finding:
    """Make a finding of what is wrong, or worth knowing."""
    return Finding(
        identity, CATALOGUE[identity].level, clean(str(where), 1024), clean(message, 1024), clean(hint, 1024)
    )


def located(identity: str, problem: PushgateError) -> Finding:
    """Make a finding of a problem whose message begins with the place."""
    where, _, message = problem.message.partition(": ")
    return found(identity, where, message or where, problem.hint)


def fine(identity: str, where: object, message: str) -> Finding:
    """Make a finding of what was looked at and is right."""
    return Finding(identity, Level.OK, clean(str(where), 1024), clean(message, 1024))


def count(findings: Sequence[Finding], level: Level) -> int:
    """Count the findings of a level."""
    return sum(finding.level is level for finding in findings)
