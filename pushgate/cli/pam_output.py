"""What ``pushgate pam`` prints."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from pushgate.clock import Clock, SystemClock
from pushgate.errors import PushgateError

if TYPE_CHECKING:
    from pushgate.pamsetup.boot import Moment
    from pushgate.pamsetup.show import Service
    from pushgate.pamsetup.trial import Trial

STEPS = {
    "sshd": ("open a second terminal and log in with ssh: it asks for an approval now", "sudo pushgate pam confirm"),
    "sudo": ("open a second terminal and log in there", "sudo pushgate pam confirm"),
    "su": ("open a second terminal and log in there", "su -c 'pushgate pam confirm'"),
}
EVERY = 15
"""Seconds between two lines of a count-down that no terminal shows."""


def print_state(services: "Sequence[Service]", drop_in: str, trial: str) -> None:
    """Print what is in place as a table."""
    from pushgate.cli.user import print_table

    columns = ("service", "installed", "stack", "control", "position")
    rows: list[tuple[str, ...]] = [
        (each.service, each.installed, each.stack, each.control, each.position) for each in services
    ]
    print_table(columns, rows)
    click.echo(f"sshd_config.d/pushgate.conf: {drop_in}")
    click.echo(f"trial: {trial or 'none'}")
    for each in services:
        if each.module:
            click.echo(f"{each.service} loads {each.module} {each.options}".rstrip())
    for each in services:
        if each.last_backup:
            click.echo(f"last backup of {each.service}: {each.last_backup}")


def print_lines(lines: Sequence[str]) -> None:
    """Print what was done."""
    for line in lines:
        click.echo(line)


def print_warnings(warnings: Sequence[PushgateError]) -> None:
    """Print what the administrator should know, each with what to do."""
    for warning in warnings:
        click.echo(f"pushgate: warning: {warning.message}", err=True)
        click.echo(f"pushgate: hint: {warning.hint}", err=True)


def print_next_steps(trial: "Trial", seconds: int) -> None:
    """Say what to do now, and until when."""
    login, command = STEPS[trial.service]
    click.echo(f"\n{trial.service} is being tried for {seconds} s, until {trial.ends}; then it is undone by itself.")
    click.echo("To keep it:")
    click.echo(f"  1. leave this shell open, {login}")
    click.echo(f"  2. run there: {command}")


def count_down(trial: "Trial", on_terminal: bool) -> bool:
    """Show the time that is left; True if the trial was confirmed."""
    from pushgate.pamsetup import boot

    try:
        return asyncio.run(watch(trial, SystemClock(), boot.now, on_terminal))
    except KeyboardInterrupt:
        click.echo(f"\nthe trial goes on without this. To undo it now: pushgate pam remove {trial.service}")
        return True


async def watch(trial: "Trial", clock: Clock, now: "Callable[[], Moment]", on_terminal: bool) -> bool:
    """Follow a trial to its end; True if everything stays."""
    from pushgate.pamsetup import work

    shown = -1
    while work.is_under_way(trial):
        left = int(trial.remaining(now()))
        if on_terminal:
            click.echo(f"\r{left:4} s left ", nl=False)
        elif left // EVERY != shown:
            shown = left // EVERY
            click.echo(f"{left} s left")
        await clock.sleep(1.0)
    if on_terminal:
        click.echo("")
    kept = work.is_in_place(trial)
    if kept:
        click.echo(f"{trial.service}: confirmed, it stays")
    return kept
