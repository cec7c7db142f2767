"""All that ``pushgate doctor pam`` looks at, in the order in which it tells it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pushgate.doctor.daemon import Ask, FilesCheck, check_daemon
from pushgate.doctor.findings import Finding, found
from pushgate.doctor.machine import Machine
from pushgate.doctor.sshd import check_sshd
from pushgate.doctor.stacks import check_stacks
from pushgate.doctor.sudo import check_sudo
from pushgate.doctor.surroundings import check_confinement, check_console
from pushgate.doctor.survey import survey


@dataclass(frozen=True)
class Visit:
    """What to look at."""

    config: Path
    check_files: FilesCheck
    ask_status: Ask
    users: Sequence[str] = ()
    address: str = "192.0.2.1"


def examine(machine: Machine, visit: Visit) -> Iterator[Finding]:
    """Look at a machine; changes nothing."""
    if machine.uid != 0:
        yield found("not-root", "-", f"run by user {machine.uid}", "run it as root")
    seen = survey(machine)
    yield from check_stacks(seen, machine)
    yield from check_sshd(seen, machine, visit.users, visit.address)
    yield from check_sudo(seen, machine)
    yield from check_daemon(seen, visit.config, visit.check_files, visit.ask_status)
    yield from check_console(seen, machine)
    yield from check_confinement(machine)
