"""``pushgate offline``: codes that open while nobody can be asked; works on their file, daemon or not."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushgate.cli.options import config_option
from pushgate.cli.user import json_option, print_table
from pushgate.cli.user_codes import grouped, say
from pushgate.errors import PushgateError
from pushgate.text import clean, is_clean_name

if TYPE_CHECKING:
    from pushgate.offline.enrolment import Prepared

TRIES = 3


def check_name(_context: click.Context, _parameter: click.Parameter, name: str) -> str:
    """Refuse what no login can have as its name."""
    if not is_clean_name(name):
        raise click.BadParameter("no account has such a name")
    return name


user_argument = click.argument("username", callback=check_name)


@click.group()
def offline() -> None:
    """Prepare codes with which people log in while the provider cannot be reached."""


@offline.command()
@user_argument
@click.option("--qr", is_flag=True, help="Draw the QR code that an authenticator app reads.")
@click.option("--confirm", "code", metavar="CODE", help="Take the app's first code; - reads it from standard input.")
@config_option
@json_option
def totp(username: str, qr: bool, code: str | None, config: Path, as_json: bool) -> None:
    """Give USERNAME one-time codes from an authenticator app.

    Prints a seed, once. It opens nothing until the app's first code has shown that the app has it; an earlier seed goes
    on until then.
    """
    from pushgate.offline.enrolment import begin_totp, confirm_totp

    file = store_of(config)

    def confirm(typed: str) -> bool:
        return confirm_totp(file, username, typed, now())

    if code is None:
        seed, uri = begin_totp(file, username, now())
        if as_json:
            click.echo(json.dumps({"username": username, "active": False, "secret": seed, "uri": uri}))
            return
        show_seed(username, seed, uri, qr=qr)
        if not sys.stdin.isatty():
            click.echo(f"not active yet: pushgate offline totp {username} --confirm CODE")
            return
        confirm_by_asking(confirm)
    elif not confirm(sys.stdin.readline(256).strip() if code == "-" else code):
        raise PushgateError("this is not the code of the new seed", "wait for the app's next code and try again")
    say(as_json, {"username": username, "active": True}, f"{username} can log in with the app's codes")


@offline.command()
@user_argument
@click.option("--count", type=click.IntRange(1, 20), default=5, show_default=True, help="How many.")
@config_option
@json_option
def codes(username: str, count: int, config: Path, as_json: bool) -> None:
    """Make break-glass codes for USERNAME: each opens once. Those that are left go on.

    They are printed only now: keep them on paper, away from the machine.
    """
    from pushgate.offline.enrolment import add_codes

    made = add_codes(store_of(config), username, count, now())
    if as_json:
        click.echo(json.dumps({"username": username, "codes": made}))
        return
    click.echo(f"break-glass codes for {username}, shown only now; each opens once:")
    for code in made:
        click.echo(f"  {code}")


@offline.command("list")
@config_option
@json_option
def list_prepared(config: Path, as_json: bool) -> None:
    """List who has prepared what, without the codes themselves."""
    from pushgate.offline.enrolment import everybody

    found = everybody(store_of(config), now())
    if as_json:
        click.echo(json.dumps([entry.as_json() for entry in found]))
        return
    heads = ("user", "app", "codes left", "used", "last used", "locked")
    print_table(heads, [row_of(entry) for entry in found])


@offline.command()
@user_argument
@click.option("--totp", is_flag=True, help="Only the app's seed.")
@click.option("--codes", is_flag=True, help="Only the break-glass codes.")
@config_option
@json_option
def remove(username: str, totp: bool, codes: bool, config: Path, as_json: bool) -> None:
    """Forget what USERNAME has prepared; without an option all of it."""
    from pushgate.offline import enrolment

    everything = totp == codes
    removed = enrolment.remove(store_of(config), username, totp=totp or everything, codes=codes or everything)
    if not removed:
        raise PushgateError(f"{username} has nothing of that", "pushgate offline list shows who has what")
    say(as_json, {"username": username, "removed": True}, f"{username} cannot log in by that any more")


def store_of(config: Path) -> Path:
    """Return the file that the configuration names; makes it if it is missing.

    Raises:
        PushgateError: there is no section ``offline``, or the file cannot be made.
    """
    from pushgate.offline.database import make_database
    from pushgate.settings import load_settings

    settings = load_settings(config)
    if settings.offline is None:
        raise PushgateError(f"{config}: no section offline", "add one (docs/offline.md), then restart the daemon")
    make_database(settings.offline.file)
    return settings.offline.file


def now() -> float:
    """Return the time of day."""
    from pushgate.clock import SystemClock

    return SystemClock().wall().timestamp()


def show_seed(username: str, seed: str, uri: str, *, qr: bool) -> None:
    """Print a seed in the forms that apps take."""
    click.echo(f"seed for {username}, shown only now: {' '.join(grouped(seed))}")
    click.echo(uri)
    if qr:
        import segno

        segno.make_qr(uri, error="l").terminal(out=sys.stdout, compact=True)


def confirm_by_asking(confirm: Callable[[str], bool]) -> None:
    """Ask for the first code, a few times.

    Raises:
        PushgateError: if none was right.
    """
    for _ in range(TRIES):
        if confirm(str(click.prompt("Code that the app shows now"))):
            return
        click.echo("that is not the code of this seed")
    hint = "check the clocks of phone and machine, then: pushgate offline totp USER --confirm CODE"
    raise PushgateError("the seed is not active", hint)


def row_of(entry: "Prepared") -> tuple[str, ...]:
    """Write a line of the list."""
    locked = ", ".join(entry.locked) or "no"
    return (clean(entry.user, 64), entry.totp, str(entry.codes), str(entry.used), entry.last_used or "never", locked)
