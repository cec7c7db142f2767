"""The commands that list, follow and answer pending logins from a terminal."""

import asyncio
import re
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushgate.cli.device_context import PendingLogin
from pushgate.cli.device_options import json_option, key_option
from pushgate.cli.device_output import SHORT_ID, as_data, print_elsewhere, print_json, print_login, print_table
from pushgate.errors import PushgateError

if TYPE_CHECKING:
    from pushgate.cli.device_api import Answer, TerminalDevice

NUMBER = re.compile(r"[0-9]{2}", re.ASCII)

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 15.0
"""Seconds between attempts to reach an authority that is away, doubling."""


@click.command()
@key_option
@json_option
def pending(key_file: Path, as_json: bool) -> None:
    """List the logins that wait for your answer."""
    from pushgate.cli.device_api import TerminalDevice

    logins = TerminalDevice.load(key_file).pending()
    if as_json:
        print_json([as_data(login) for login in logins])
    else:
        print_table(logins)


@click.command()
@click.argument("session", metavar="[ID]", required=False)
@click.option("--number", metavar="NN", help="The number that is shown where you log in; asked for if it is needed.")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on; needs the ID.")
@key_option
@json_option
def approve(session: str | None, number: str | None, yes: bool, key_file: Path, as_json: bool) -> None:
    """Approve the login ID (its first characters are enough), or the only one that waits."""
    if yes and session is None:
        # Whatever happens to wait could be an attacker's.
        raise PushgateError("--yes needs the login's id", "list them: pushgate pending")
    answer(key_file, session, "approved", ask=not yes, as_json=as_json, number=number)


@click.command()
@click.argument("session", metavar="[ID]", required=False)
@click.option("--report", is_flag=True, help="I did not start this: also report it.")
@click.option("--yes", is_flag=True, help="Do not ask whether to go on.")
@key_option
@json_option
def deny(session: str | None, report: bool, yes: bool, key_file: Path, as_json: bool) -> None:
    """Deny the login ID (its first characters are enough), or the only one that waits."""
    decision: Answer = "denied.unknown_trigger" if report else "denied"
    answer(key_file, session, decision, ask=not yes and session is None, as_json=as_json)


@click.command()
@key_option
@json_option
def watch(key_file: Path, as_json: bool) -> None:
    """Show logins as they come and go, until Ctrl-C."""
    from pushgate.cli.device_api import TerminalDevice

    try:
        follow(TerminalDevice.load(key_file), as_json=as_json)
    except KeyboardInterrupt:
        return  # the way to end it


def follow(device: "TerminalDevice", *, as_json: bool) -> None:
    """Show what changes, reconnecting whenever the authority ends the stream or is away."""
    from pushgate.cli.device_http import UnreachableError

    known: dict[str, PendingLogin] = {}
    pause = FIRST_PAUSE
    while True:
        try:
            for _ in device.changes():
                known = show_changes(device, known, as_json=as_json)
                pause = FIRST_PAUSE
        except UnreachableError as error:
            click.echo(f"pushgate: {error.message}; trying again in {pause:.0f} s", err=True)
        asyncio.run(device.clock.sleep(pause))
        pause = min(pause * 2, LONGEST_PAUSE)


def answer(
    key_file: Path, prefix: str | None, decision: "Answer", *, ask: bool, as_json: bool, number: str | None = None
) -> None:
    """Show one login whole, ask, and send the answer to exactly what was shown.

    Raises:
        PushgateError: if it is not clear which login is meant, or the answer is not taken.
    """
    from pushgate.cli.device_api import TerminalDevice

    device = TerminalDevice.load(key_file)
    logins = device.pending()
    login = choose(logins, prefix)
    print_login(login, stderr=as_json)
    print_elsewhere(login, logins, stderr=as_json)
    verb = "Approve" if decision == "approved" else "Deny"
    if ask and not click.confirm(f"{verb} this login?", err=as_json):
        raise PushgateError("nothing was sent")
    typed = number_for(login, number, ask=ask, err=as_json) if decision == "approved" else ""
    state = device.decide(login, decision, typed)
    if as_json:
        print_json({"id": login.id, "state": state})
    else:
        click.echo(f"Login {login.id[:SHORT_ID]}: {state}.")


def number_for(login: PendingLogin, given: str | None, *, ask: bool, err: bool) -> str:
    """Return the number that goes with an approval, asking for it where that may be; empty if none is needed.

    Raises:
        PushgateError: if one is needed and missing, given and not needed, or of another form.
    """
    if not login.number_required:
        if given is not None:
            raise PushgateError("this login needs no number", "leave --number out")
        return ""
    if given is None and not ask:
        raise PushgateError("this login needs the number that is shown where you log in", "name it: --number NN")
    number = given if given is not None else str(click.prompt("Number shown where you log in", err=err))
    number = unicodedata.normalize("NFKC", number).strip()
    if not NUMBER.fullmatch(number):
        # Found here, it costs nothing; the authority would take a wrong one for the one try that there is.
        raise PushgateError("a number is two digits: nothing was sent", "try again: pushgate approve")
    return number


def choose(logins: list[PendingLogin], prefix: str | None) -> PendingLogin:
    """Return the login whose id starts with ``prefix``, or the only one.

    Raises:
        PushgateError: if none fits, or more than one.
    """
    if not logins:
        raise PushgateError("no login is waiting")
    if prefix is None and len(logins) > 1:
        raise PushgateError(f"{len(logins)} logins are waiting", "name one of them: pushgate pending lists the ids")
    matching = [login for login in logins if login.id.startswith((prefix or "").lower())]
    if not prefix and prefix is not None:
        matching = []
    if len(matching) != 1:
        problem = "more than one login has" if matching else "no waiting login has"
        raise PushgateError(f"{problem} an id that starts like this", "pushgate pending lists the ids")
    return matching[0]


def show_changes(device: "TerminalDevice", known: dict[str, PendingLogin], *, as_json: bool) -> dict[str, PendingLogin]:
    """Print what came and went since ``known`` and return what is pending now."""
    now = {login.id: login for login in device.pending()}
    for gone in known.keys() - now.keys():
        state = device.state(gone)
        if as_json:
            print_json({"event": "gone", "id": gone, "state": state})
        else:
            click.echo(f"Login {gone[:SHORT_ID]}: {state}.")
    for session, login in now.items():
        # The same id with another text is another login to the person: show it again.
        if session in known and known[session].ctx == login.ctx:
            continue
        if as_json:
            print_json({"event": "request", **as_data(login)})
        else:
            print_login(login)
    return now
