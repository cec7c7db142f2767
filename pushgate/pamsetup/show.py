"""What is in place, as a value that people and programs can be shown."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pushgate.errors import PushgateError
from pushgate.pamsetup import edit, sshd
from pushgate.pamsetup.changes import backups
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.verify import GATE
from pushgate.pamstack import StackRule, UnreadableStack, read_stack

SERVICES = ("sshd", "sudo", "sudo-i", "su")


@dataclass(frozen=True, slots=True)
class Service:
    """One service and our line in it."""

    service: str
    installed: str
    """``no``, ``yes``, ``by hand``, or why that cannot be told."""
    stack: str
    """Which of the tested ones."""
    control: str
    position: str
    """``after`` common-auth, ``before`` it, or ``instead`` of it."""
    options: str
    module: str
    last_backup: str


def services(places: Places) -> list[Service]:
    """Look at each service that pushgate can stand in front of."""
    return [look_at(places, service) for service in SERVICES]


def look_at(places: Places, service: str) -> Service:
    """Look at one service."""
    path = places.pam_folder / service
    if not path.exists():
        return Service(service, "no such service", "", "", "", "", "", "")
    try:
        name = edit.recipe_name(path.read_text(encoding="utf-8", errors="surrogateescape"), path)
        rules = [rule for rule in read_stack(service, places.pam_folder) if rule.type == "auth"]
    except (UnreadableStack, PushgateError, OSError) as error:
        return Service(service, f"cannot be read: {error}", "", "", "", "", "", "")
    gate = next((rule for rule in rules if rule.name == GATE), None)
    kept = backups(places.backups, service) if places.backups.is_dir() else []
    last = str(kept[-1]) if kept else ""
    if gate is None:
        return Service(service, "no", name or "", "", "", "", "", last)
    found = "by hand" if name is None else "yes"
    return Service(service, found, name or "", gate.control, position(rules, gate), gate.arguments, module(gate), last)


def position(rules: list[StackRule], gate: StackRule) -> str:
    """Say where our line stands relative to what Debian's common-auth asks."""
    at = rules.index(gate)
    if any(rule.path.name == "common-auth" for rule in rules[:at]):
        return "after common-auth"
    if any(rule.path.name == "common-auth" for rule in rules[at:]):
        return "before common-auth"
    return "instead of common-auth"


def module(gate: StackRule) -> str:
    """Return the module's path, and whether it is there."""
    path = Path(gate.module)
    return gate.module if not path.is_absolute() or path.is_file() else f"{gate.module} (missing)"


def drop_in(places: Places) -> str:
    """Say whether our part of sshd's configuration is there."""
    try:
        text = places.drop_in.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "no"
    except OSError as error:
        return f"cannot be read: {(error.strerror or 'error').lower()}"
    return "yes" if text.startswith(sshd.HEADER) else "by hand"


def as_json(found: list[Service]) -> list[dict[str, Any]]:
    """Return the same for programs."""
    return [asdict(service) for service in found]
