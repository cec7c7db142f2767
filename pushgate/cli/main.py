"""The command ``pushgate``: finds the verb, prints errors with their hint."""

import sys
from collections.abc import Sequence

import click

from pushgate import __version__
from pushgate.cli.check import check
from pushgate.cli.clerk import clerk
from pushgate.cli.control import reload, status
from pushgate.cli.demo import demo
from pushgate.cli.device import approve, deny, device, pending, watch
from pushgate.cli.doctor import doctor
from pushgate.cli.login import login
from pushgate.cli.offline import offline
from pushgate.cli.pam import pam
from pushgate.cli.serve import serve
from pushgate.cli.unlock import unlock
from pushgate.cli.user import user
from pushgate.cli.user_codes import bypass, totp
from pushgate.errors import ConfigurationError, PushgateError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="pushgate")
def cli() -> None:
    """Put a person's approval in front of SSH, sudo and VPN logins."""


ABOUT_PEOPLE = (user, offline, clerk, device, pending, watch, approve, deny)
for command in (serve, check, reload, status, doctor, pam, unlock, login, demo, *ABOUT_PEOPLE):
    cli.add_command(command)
for command in (totp, bypass):
    user.add_command(command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; exit status 0: done, 1: it went wrong, 2: it was called wrongly."""
    try:
        cli.main(args=list(arguments) if arguments is not None else None, prog_name="pushgate")
    except ConfigurationError as error:
        for problem in error.problems:
            complain(problem)
        sys.exit(1)
    except PushgateError as error:
        complain(error)
        sys.exit(1)


def complain(error: PushgateError) -> None:
    """Print what is wrong, then what to do."""
    click.echo(f"pushgate: error: {error.message}", err=True)
    if error.hint:
        click.echo(f"pushgate: hint: {error.hint}", err=True)
