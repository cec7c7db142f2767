"""``pushgate user totp`` and ``pushgate user bypass``: codes for people, typed at the login."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pushgate.cli.options import config_option
from pushgate.cli.user import authority, json_option, print_table, provider_option
from pushgate.errors import PushgateError
from pushgate.text import clean

if TYPE_CHECKING:
    from pushgate.cli.authority_api import AuthorityApi

TRIES = 3
DAY = 24 * 60
LAST_YEAR = 9999
"""How LoginTC writes that a code never expires."""
SHORT_ID = 8
"""Characters of a bypass code's id that people get to see and type."""


@click.command()
@click.argument("username")
@click.option("--qr", is_flag=True, help="Draw the QR code that an authenticator app reads.")
@click.option("--confirm", "code", metavar="CODE", help="Take the app's first code; - reads it from standard input.")
@click.option("--remove", is_flag=True, help="Forget the seed: the app's codes open nothing any more.")
@provider_option
@config_option
@json_option
def totp(
    username: str, qr: bool, code: str | None, remove: bool, provider: str | None, config: Path, as_json: bool
) -> None:
    """Give USERNAME one-time codes from an authenticator app.

    Prints a seed, once. It opens nothing until the app's first code has shown that the app has it; an earlier seed goes
    on until then.
    """
    if remove and (qr or code is not None):
        raise click.UsageError("--remove goes with neither --qr nor --confirm")
    with authority(config, provider) as api:
        user_id = api.require_user(username)["id"]
        if remove:
            api.remove_totp(user_id)
            say(
                as_json,
                {"username": username, "active": False},
                f"{clean(username, 64)} has no one-time codes any more",
            )
            return
        if code is None:
            seed = api.begin_totp(user_id)
            show_seed(username, seed, qr=qr, as_json=as_json)
            if as_json or not sys.stdin.isatty():
                return
            confirm_by_asking(api, user_id)
        elif not api.confirm_totp(user_id, sys.stdin.readline(256).strip() if code == "-" else code):
            raise PushgateError("this is not the code of the new seed", "wait for the app's next code and try again")
    say(as_json, {"username": username, "active": True}, f"{clean(username, 64)} can log in with the app's codes")


def show_seed(username: str, seed: dict[str, Any], *, qr: bool, as_json: bool) -> None:
    """Print a seed in the forms that apps take."""
    secret, uri = (clean(str(seed.get(key, "")), 1024) for key in ("secret", "uri"))
    if as_json:
        about = {"username": username, "active": False, "secret": secret, "uri": uri}
        click.echo(json.dumps({**about, "expires_in": seed.get("expires_in")}))
        return
    click.echo(f"seed for {clean(username, 64)}, shown only now: {' '.join(grouped(secret))}")
    click.echo(uri)
    if qr:
        import segno

        segno.make_qr(uri, error="l").terminal(out=sys.stdout, compact=True)
    if not sys.stdin.isatty():
        click.echo(f"not active yet: pushgate user totp {clean(username, 64)} --confirm CODE")


def confirm_by_asking(api: "AuthorityApi", user_id: str) -> None:
    """Ask for the first code, a few times.

    Raises:
        PushgateError: if none was right.
    """
    for _ in range(TRIES):
        if api.confirm_totp(user_id, str(click.prompt("Code that the app shows now"))):
            return
        click.echo("that is not the code of this seed")
    raise PushgateError(
        "the seed is not active", "check the clock of the phone, then: pushgate user totp --confirm CODE"
    )


def grouped(secret: str) -> list[str]:
    """Return a seed in groups of four, as people type it."""
    return [secret[at : at + 4] for at in range(0, len(secret), 4)]


@click.command()
@click.argument("username")
@click.option("--uses", type=click.IntRange(1, 1000), default=1, show_default=True, help="How often it opens.")
@click.option(
    "--minutes", type=click.IntRange(0, 366 * DAY), default=DAY, show_default=True, help="How long it opens; 0: no end."
)
@click.option("--list", "listing", is_flag=True, help="List the codes that USERNAME has, without the codes themselves.")
@click.option("--revoke", metavar="ID", help="Make the code with this ID worthless; all: every one.")
@provider_option
@config_option
@json_option
def bypass(
    username: str,
    uses: int,
    minutes: int,
    listing: bool,
    revoke: str | None,
    provider: str | None,
    config: Path,
    as_json: bool,
) -> None:
    """Make a code of nine digits with which USERNAME logs in, for example after the loss of a phone.

    Hand it over on a way that nobody listens to: it opens by itself.
    """
    if listing and revoke is not None:
        raise click.UsageError("--list and --revoke do not go together")
    with authority(config, provider) as api:
        user_id = api.require_user(username)["id"]
        if listing:
            list_codes(api.bypass_codes(user_id), as_json=as_json)
        elif revoke is not None:
            revoked = revoke_codes(api, user_id, revoke)
            say(as_json, {"username": username, "revoked": revoked}, f"revoked {len(revoked)} of {clean(username, 64)}")
        else:
            show_bypass(username, api.create_bypass_code(user_id, uses, minutes), as_json=as_json)


def show_bypass(username: str, made: dict[str, Any], *, as_json: bool) -> None:
    """Print a fresh code."""
    shown = describe(made)
    code = clean(str(made.get("code", "")), 32)
    if as_json:
        click.echo(json.dumps({"username": username, "code": code, **shown}))
        return
    until = "without end" if shown["expires"] is None else f"until {shown['expires']}"
    click.echo(f"bypass code for {clean(username, 64)}, shown only now: {code}")
    click.echo(f"opens {shown['uses']} time(s), {until}; its id is {shown['id'][:SHORT_ID]}")


def list_codes(codes: list[dict[str, Any]], *, as_json: bool) -> None:
    """Print what is known of codes."""
    shown = [describe(code) for code in codes]
    if as_json:
        click.echo(json.dumps(shown))
        return
    print_table(
        ("id", "uses left", "expires"),
        [(one["id"][:SHORT_ID], f"{one['uses']} of {one['of']}", one["expires"] or "never") for one in shown],
    )


def describe(code: dict[str, Any]) -> dict[str, Any]:
    """Return what a code's object says, in our words; ``expires`` None is never."""
    expires: str | None = clean(str(code.get("dtExpiry", "")), 40)
    try:
        moment = datetime.strptime(expires or "", "%Y-%m-%dT%H:%M:%S%z")
        expires = None if moment.year == LAST_YEAR else moment.strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        pass  # another server's spelling is shown as it is
    uses, of = (code.get(key) if isinstance(code.get(key), int) else None for key in ("usesRemaining", "usesAllowed"))
    return {"id": clean(str(code.get("id", "")), 40), "uses": uses, "of": of, "expires": expires}


def revoke_codes(api: "AuthorityApi", user_id: str, which: str) -> list[str]:
    """Revoke one code by the first characters of its id, or all; return their ids.

    Raises:
        PushgateError: if none fits, or more than one.
    """
    codes = [str(code["id"]) for code in api.bypass_codes(user_id)]
    if which != "all":
        codes = [code for code in codes if which and code.startswith(which.lower())]
        if len(codes) != 1:
            problem = "more than one code has" if codes else "no code has"
            raise PushgateError(f"{problem} an id that starts like this", "list them: pushgate user bypass USER --list")
    for code in codes:
        api.revoke_bypass_code(code)
    return codes


def say(as_json: bool, data: dict[str, Any], text: str) -> None:
    """Print a result for programs or for people."""
    click.echo(json.dumps(data) if as_json else text)
