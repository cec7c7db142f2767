"""All stacks of a machine, read once: which load pushgate, and which cannot be read."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pushgate.doctor.handlers import OTHER, Handler, Kind, Stacks
from pushgate.doctor.machine import Machine
from pushgate.doctor.modules import is_ours
from pushgate.doctor.ways import Ways
from pushgate.pamstack import StackRule, UnreadableStack

SHARED = frozenset((OTHER, "fingerprint-auth", "password-auth", "postlogin", "smartcard-auth", "system-auth"))
"""Files that many services include, or that stand in for many, beside Debian's common-*."""


def is_shared(service: str) -> bool:
    """Say whether a file is there for many services."""
    return service in SHARED or service.startswith("common-")


@dataclass
class Survey:
    """What the stacks are."""

    stacks: dict[str, Sequence[Handler]] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    ways: dict[str, Ways] = field(default_factory=dict)
    """Of each service that loads pushgate."""

    def loads(self, service: str) -> bool:
        """Say whether a service asks for an approval."""
        return service in self.ways

    def rules(self, service: str) -> list[StackRule]:
        """List the lines of a service that load a module."""
        return [handler.rule for handler in self.stacks.get(service, ()) if handler.kind is Kind.MODULE]

    @property
    def ours(self) -> list[StackRule]:
        """List each line that loads pushgate once, also of files that only others include."""
        lines = {
            (rule.path, rule.line): rule for service in self.stacks for rule in self.rules(service) if is_ours(rule)
        }
        return [lines[place] for place in sorted(lines)]


def survey(machine: Machine) -> Survey:
    """Read every stack of a machine."""
    stacks, result = Stacks(machine.stack_folders), Survey()
    for service in stacks.services():
        try:
            stack = stacks.auth(service)
            result.stacks[service] = stack
            if not is_shared(service) and any(is_ours(rule) for rule in result.rules(service)):
                result.ways[service] = Ways.of(stack)
        except UnreadableStack as fault:
            result.unreadable[service] = str(fault)
    return result
