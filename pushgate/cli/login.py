"""``pushgate login``: try a provider from a shell, and see each step."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushgate.cli.options import config_option
from pushgate.errors import ConfigurationError, PushgateError
from pushgate.text import clean

if TYPE_CHECKING:
    from pushgate.login import Secret
    from pushgate.sections.provider import ProviderSettings
    from pushgate.settings import Settings

FACTORS = ("push", "sms", "email", "voice", "code")


@click.command()
@click.argument("username", metavar="USER")
@click.option("--provider", "name", metavar="NAME", help="Which one of the configuration; by default the first.")
@click.option("--service", metavar="NAME", default="login", show_default=True, help="What USER is asked about.")
@click.option("--factor", type=click.Choice(FACTORS), default="push", show_default=True, help="How USER is reached.")
@click.option("--password", is_flag=True, help="Ask for USER's password, and let the provider check it first.")
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print each step as a JSON object on a line of its own.")
def login(
    username: str, name: str | None, service: str, factor: str, password: bool, config: Path, as_json: bool
) -> None:
    """Ask USER through one provider, and show each step with its second.

    Goes the way of a login at sshd: Enter waits, a code is checked, cancel gives up. It opens no door, so no audit
    record is written. Ctrl-C withdraws the question.

    Exit status 0: approved; 1: not approved.
    """
    from pushgate.policy import UNLOCK_SERVICE
    from pushgate.settings import load_settings

    if service.casefold() == UNLOCK_SERVICE:
        raise click.UsageError(f"a person who is asked about {UNLOCK_SERVICE} would think of pushgate unlock")
    try:
        settings = load_settings(config)
        chosen, section = choose_provider(config, settings, name)
        field = read_field(factor, password)
        approved = run(settings, section, chosen, (username, service, field), password, as_json)
    except ConfigurationError as error:
        raise ConfigurationError([with_sudo(problem) for problem in error.problems]) from None
    if not approved:
        sys.exit(1)


def run(
    settings: "Settings",
    section: "ProviderSettings",
    name: str,
    asked: tuple[str, str, "Secret"],
    has_password: bool,
    as_json: bool,
) -> bool:
    """Let a person log in to a service with this in the password field, and say whether that was approved."""
    import asyncio

    from pushgate.cli.login_trial import Trial, make_login
    from pushgate.clock import SystemClock
    from pushgate.daemon import set_up_logging

    set_up_logging(settings.log)
    trial = Trial(SystemClock(), settings, as_json=as_json)
    return asyncio.run(trial.run(section, name, make_login(*asked), has_password))


def choose_provider(config: Path, settings: "Settings", name: str | None) -> tuple[str, "ProviderSettings"]:
    """Return name and section of a provider; without a name of the one that is asked first.

    Raises:
        PushgateError: if there is none, or none of that name.
    """
    providers = settings.all_providers
    if not providers:
        raise PushgateError(f"{config}: provider is missing", "docs/providers/README.md helps to choose one")
    chosen = name if name is not None else settings.default_order[0]
    if chosen not in providers:
        raise PushgateError(f"{config}: no provider is called {clean(chosen, 64)}", f"it has: {', '.join(providers)}")
    return chosen, providers[chosen]


def read_field(factor: str, password: bool) -> "Secret":
    """Ask for what stands in the password field of a login, and write it as a person would: ``password,sms``.

    Raises:
        PushgateError: there is no terminal to type a password at.
        UsageError: what was typed is no code.
    """
    from pushgate.factors import read_answer
    from pushgate.login import Code, Secret

    typed = b""
    if password:
        # Neither an argument nor the environment nor a pipe: others see those, or a shell's history keeps them.
        if not sys.stdin.isatty():
            raise PushgateError("a password is typed at a terminal only", "run it in one, without a pipe")
        typed = str(click.prompt("Password", hide_input=True, err=True)).encode() + b","
    if factor != "code":
        return Secret(typed + factor.encode())
    answer = read_answer(str(click.prompt("Code", err=True)))
    if not isinstance(answer, Code):
        raise click.UsageError("a code has 6 to 9 digits")
    return Secret(typed + answer.code.value)


def with_sudo(problem: PushgateError) -> PushgateError:
    """Say what to do about a file that only the daemon's user may read."""
    unreadable = "permission denied" in problem.message and os.geteuid() != 0
    return PushgateError(problem.message, "only root may read it: sudo pushgate login" if unreadable else problem.hint)
