"""``pushgate pam``: puts the module in front of sshd, sudo and su, tries that out, and takes it away again."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from typing_extensions import override

from pushgate.cli.options import config_option
from pushgate.durations import parse_duration
from pushgate.errors import PushgateError

if TYPE_CHECKING:
    from pushgate.pamsetup.places import Places

SHORTEST, LONGEST = 30, 15 * 60


class Duration(click.ParamType[int]):
    """Seconds, written as ``90s`` or ``2m``."""

    name = "duration"

    @override
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read it; between 30 seconds and 15 minutes."""
        if isinstance(value, int):
            return value
        try:
            seconds = int(parse_duration(value))
        except ValueError:
            seconds = 0
        if not SHORTEST <= seconds <= LONGEST:
            self.fail(f"{value!r} is no time between 30s and 15m", param, ctx)
        return seconds


def stack_options(command: Any) -> Any:
    """Add the options that say which stack is meant."""
    for option in (
        click.option(
            "--factor",
            type=click.Choice(["key", "password"]),
            default="key",
            show_default=True,
            help="sshd: what comes before the approval.",
        ),
        click.option("--without-password", is_flag=True, help="sudo: the approval instead of the password."),
        config_option,
        module_option,
    ):
        command = option(command)
    return command


module_option = click.option(
    "--module", type=click.Path(path_type=Path), help="Where the module is.  [default: /usr/lib/pushgate]"
)


class Verbs(click.Group):
    """A group whose commands tell what the system refused, with a hint."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            message = f"{error.filename or 'a file'}: {(error.strerror or 'error').lower()}"
            raise PushgateError(message, "put that right, then look: pushgate pam show") from None


@click.group(cls=Verbs)
def pam() -> None:
    """Put pushgate in front of sshd, sudo and su, and take it away again.

    Keep a root shell open in another window. docs/pam-setup.md says what is edited.
    """


@pam.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def show(as_json: bool) -> None:
    """Show what is in place for sshd, sudo and su."""
    from pushgate.cli.pam_output import print_state
    from pushgate.pamsetup import show as state
    from pushgate.pamsetup import work

    places = the_places(None)
    settle(places)
    found, drop_in, trial = state.services(places), state.drop_in(places), work.describe_trial(places)
    if as_json:
        click.echo(json.dumps({"services": state.as_json(found), "sshd_drop_in": drop_in, "trial": trial}, indent=2))
    else:
        print_state(found, drop_in, trial)


@pam.command()
@click.argument("service")
@stack_options
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
def install(
    service: str, factor: str, without_password: bool, config: Path, module: Path | None, dry_run: bool
) -> None:
    """Ask for an approval in SERVICE: sshd, sudo or su."""
    from pushgate.cli.pam_output import print_lines, print_warnings
    from pushgate.pamsetup import work

    places = the_places(module)
    settle(places)
    job = work.prepare(places, service, factor, without_password, config)
    click.echo(job.diff, nl=False)
    print_warnings(job.check())
    if not job.changes:
        click.echo(f"{service}: already installed ({job.recipe.name})")
    elif dry_run:
        click.echo("nothing has been changed (--dry-run)")
    else:
        print_lines(work.install(job))
        click.echo(f"{service}: installed. Log in a second time before you close this shell.")
        click.echo(f"to undo it: pushgate pam remove {service}")


@pam.command("try")
@click.argument("service")
@stack_options
@click.option("--for", "seconds", type=Duration(), default="120s", show_default=True, help="30s to 15m.")
@click.option("--no-wait", is_flag=True, help="Do not stay and count down.")
def try_stack(
    service: str,
    factor: str,
    without_password: bool,
    config: Path,
    module: Path | None,
    seconds: int,
    no_wait: bool,
) -> None:
    """Install for SERVICE, and undo it by itself unless you confirm it from a second login."""
    from pushgate.cli.pam_output import count_down, print_lines, print_next_steps, print_warnings
    from pushgate.pamsetup import work

    places = the_places(module)
    settle(places)
    job = work.prepare(places, service, factor, without_password, config)
    click.echo(job.diff, nl=False)
    print_warnings(job.check())
    if not job.changes:
        raise PushgateError(f"{service}: already installed", f"to try it again: pushgate pam remove {service}")
    trial, said = work.begin_trial(job, timedelta(seconds=seconds))
    print_lines(said)
    print_next_steps(trial, seconds)
    if not no_wait and not count_down(trial, sys.stdout.isatty()):
        raise PushgateError(f"the trial of {service} was not confirmed: rolled back", "pushgate pam show")


@pam.command()
def confirm() -> None:
    """Keep what is being tried; from a second login that was made since."""
    from pushgate.pamsetup import work

    places = the_places(None)
    settle(places)
    service = work.confirm(places)
    click.echo(f"{service}: confirmed, it stays. To undo it: pushgate pam remove {service}")


@pam.command()
@click.argument("service")
def remove(service: str) -> None:
    """Take the module out of SERVICE: sshd, sudo or su."""
    from pushgate.cli.pam_output import print_lines
    from pushgate.pamsetup import work

    places = the_places(None)
    settle(places)
    said, left = work.remove(places, service)
    print_lines(said)
    click.echo(f"{service}: removed" if said else f"{service}: nothing of pushgate's was in place")
    print_lines(left)


def the_places(module: Path | None) -> "Places":
    """Say where everything is on this machine.

    Raises:
        PushgateError: we may not write there.
    """
    import os

    from pushgate.pamsetup.places import Places

    if os.geteuid() != 0:
        raise PushgateError("the files of PAM and sshd are root's", "sudo pushgate pam ...")
    return Places() if module is None else Places(module=module)


def settle(places: "Places") -> None:
    """Undo a trial whose time is over before anything else is done, and say so."""
    from pushgate.pamsetup import work

    ended = work.settle(places)
    if ended:
        click.echo(f"pushgate: {ended}", err=True)
