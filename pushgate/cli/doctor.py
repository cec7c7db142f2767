"""``pushgate doctor``: what is wrong with this machine, as far as logins are concerned."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushgate.cli.control import call_daemon
from pushgate.cli.options import config_option
from pushgate.errors import PushgateError

if TYPE_CHECKING:
    from pushgate.doctor.findings import Finding
    from pushgate.settings import Settings

folder_type = click.Path(path_type=Path, exists=True, file_okay=False, resolve_path=True)
file_type = click.Path(path_type=Path, exists=True, dir_okay=False, resolve_path=True)


@click.group()
def doctor() -> None:
    """Look for what lets people in unasked, or keeps them out."""


@doctor.command()
@config_option
@click.option("--user", "users", multiple=True, metavar="NAME", help="Look at sshd for this person too; repeatable.")
@click.option("--address", default="192.0.2.1", show_default=True, help="Where that person comes from.")
@click.option("--pam-folder", type=folder_type, help="Read the stacks here, not in /etc/pam.d.")
@click.option("--sshd-config", type=file_type, help="Read sshd's configuration here.")
@click.option("--sudoers", type=file_type, help="Read sudo's rules here.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def pam(
    config: Path,
    users: tuple[str, ...],
    address: str,
    pam_folder: Path | None,
    sshd_config: Path | None,
    sudoers: Path | None,
    as_json: bool,
) -> None:
    """Check stacks, sshd, sudo and the daemon; exit status 1 if there are errors. Changes nothing."""
    from dataclasses import replace

    from pushgate.doctor.catalogue import Level
    from pushgate.doctor.findings import count
    from pushgate.doctor.machine import Machine
    from pushgate.doctor.pam import Visit, examine

    machine = Machine()
    machine = replace(
        machine,
        pam_folders=(pam_folder,) if pam_folder is not None else machine.pam_folders,
        sshd_config=sshd_config or machine.sshd_config,
        sudoers=sudoers or machine.sudoers,
    )
    visit = Visit(config.absolute(), files_faults, lambda: call_daemon(config, "GET", "/status"), users, address)
    findings = list(examine(machine, visit))
    errors = count(findings, Level.ERROR)
    if as_json:
        numbers = {"errors": errors, "warnings": count(findings, Level.WARNING)}
        shown = [finding.as_json() for finding in findings]
        click.echo(json.dumps({"ok": not errors, **numbers, "findings": shown}, indent=2))
    else:
        show(findings)
    raise SystemExit(1 if errors else 0)


def files_faults(settings: "Settings") -> Sequence[PushgateError]:
    """Try the files that a configuration names, as ``pushgate check`` does."""
    from pushgate.build import check_files
    from pushgate.clock import SystemClock
    from pushgate.daemon import set_up_logging

    set_up_logging(settings.log)  # to standard error: standard output is ours
    return check_files(settings, SystemClock())


def show(findings: "Sequence[Finding]") -> None:
    """Print findings for people, the gravest first."""
    from pushgate.doctor.catalogue import Level
    from pushgate.doctor.findings import count

    for level in (Level.ERROR, Level.WARNING, Level.OK):
        for finding in findings:
            if finding.level is level:
                click.echo(f"{level:<7}  {finding.id}: {finding.where}: {finding.message}")
                if level is not Level.OK:
                    click.echo(f"         why: {finding.why}")
                    click.echo(f"         hint: {finding.hint}")
    click.echo(", ".join(f"{level}: {count(findings, level)}" for level in Level))
