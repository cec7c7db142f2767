"""``pushgate user``: people, what links their devices, and what they can prove themselves with."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pushgate.cli.options import config_option
from pushgate.text import clean

if TYPE_CHECKING:
    from pushgate.cli.authority_api import AuthorityApi

json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
provider_option = click.option(
    "--provider", metavar="NAME", help="Whose people; by default those of our own authority, else the first LoginTC's."
)


@click.group()
def user() -> None:
    """Add, list and remove people."""


@user.command()
@click.argument("username")
@click.option("--name", default="", help="The person's full name.")
@click.option("--email", default="", help="The person's address; nothing is sent to it yet.")
@provider_option
@config_option
@json_option
def add(username: str, name: str, email: str, provider: str | None, config: Path, as_json: bool) -> None:
    """Add USERNAME and print the code that enrols a browser or terminal."""
    with authority(config, provider) as api:
        person = api.add_user(username, name, email)
        show_code(username, api.activation_code(person["id"]), page_of(config, provider), as_json, own=api.own)


@user.command()
@click.argument("username")
@click.option("--show", is_flag=True, help="Make no code: say whether one waits, and which.")
@provider_option
@config_option
@json_option
def code(username: str, show: bool, provider: str | None, config: Path, as_json: bool) -> None:
    """Print a code that enrols one more device of USERNAME."""
    with authority(config, provider) as api:
        user_id = api.require_user(username)["id"]
        if show:
            show_token(username, api.token(user_id), as_json)
        else:
            show_code(username, api.activation_code(user_id), page_of(config, provider), as_json, own=api.own)


@user.command("list")
@provider_option
@config_option
@json_option
def list_users(provider: str | None, config: Path, as_json: bool) -> None:
    """List everybody, and what each can log in with: device, totp, bypass."""
    with authority(config, provider) as api:
        people = api.users()
    if as_json:
        keys = ("id", "username", "name", "factors")
        click.echo(json.dumps([{key: person.get(key) for key in keys} for person in people]))
        return
    rows = [[person.get("username"), person.get("name"), factors(person), person.get("id")] for person in people]
    shown = [tuple(clean(str(value or ""), 64) for value in row) for row in rows]
    print_table(("username", "name", "factors", "id"), shown)


@user.command()
@click.argument("username")
@provider_option
@config_option
@json_option
def devices(username: str, provider: str | None, config: Path, as_json: bool) -> None:
    """List what USERNAME can log in with: linked browsers and terminals with their fingerprints, and codes."""
    with authority(config, provider) as api:
        user_id = api.require_user(username)["id"]
        found = [describe_device(device) for device in api.devices(user_id)]
        found += describe_codes(api.totp_since(user_id), len(api.bypass_codes(user_id)))
    columns = ("label", "kind", "fingerprint", "created")
    if as_json:
        click.echo(json.dumps([dict(zip(columns, device, strict=True)) for device in found]))
    else:
        print_table(columns, found)


@user.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@provider_option
@config_option
def revoke(username: str, yes: bool, provider: str | None, config: Path) -> None:
    """Unlink all devices of USERNAME and forget the seed of one-time codes, for example after a loss.

    A new activation code links the next device. Bypass codes stay: pushgate user bypass USERNAME --revoke all.
    """
    with authority(config, provider) as api:
        person = api.require_user(username)
        if not yes:
            click.confirm(f"Unlink all devices of {clean(username, 64)}?", abort=True)
        api.revoke(person["id"])
        done = "unlinked all devices of {}; one-time codes are gone too, bypass codes are not"
        if not api.own:
            done = "revoked the token of {}; hardware tokens and bypass codes are not revoked by that"
    click.echo(done.format(clean(username, 64)))


@user.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@provider_option
@config_option
def remove(username: str, yes: bool, provider: str | None, config: Path) -> None:
    """Remove USERNAME with all devices and codes; pending logins of that person are denied."""
    with authority(config, provider) as api:
        person = api.require_user(username)
        if not yes:
            click.confirm(f"Remove {clean(username, 64)} and all devices and codes?", abort=True)
        api.remove_user(person["id"])
        rest = "" if api.own else " from this domain; LoginTC's panel removes the user altogether"
    click.echo(f"removed {clean(username, 64)}{rest}")


@contextmanager
def authority(config: Path, name: str | None) -> Iterator["AuthorityApi"]:
    """Connect to the authority, or to LoginTC, whose people are meant.

    Raises:
        PushgateError: there is none, or the provider of that name has people of its own.
    """
    from pushgate.build_provider import provider_credentials
    from pushgate.cli.authority_api import AuthorityApi
    from pushgate.cli.user_provider import provider_of_people
    from pushgate.settings import load_settings

    provider = provider_of_people(config, load_settings(config), name)
    key, domain = provider_credentials(provider)
    api = AuthorityApi(provider.url, key, domain, provider.ca_file)
    try:
        yield api
    finally:
        api.close()


def page_of(config: Path, provider: str | None) -> str:
    """Return the address of the approval page, if this configuration runs it for the provider's people."""
    from pushgate.cli.user_provider import is_ours, provider_of_people
    from pushgate.settings import load_settings

    settings = load_settings(config)
    if settings.authority is None or not is_ours(provider_of_people(config, settings, provider), settings):
        return ""
    return f"http://localhost:{settings.authority.page.port}"


def show_token(username: str, token: dict[str, Any] | None, as_json: bool) -> None:
    """Print whether a user has something linked, and the code that waits to be used."""
    state = clean(str((token or {}).get("state", "none")), 32)
    word = clean(str((token or {}).get("code", "")), 32)
    if as_json:
        click.echo(json.dumps({"username": username, "state": state, "code": word or None}))
        return
    shown = {"none": "no token, and no code that waits", "active": "an active token, and no code that waits"}
    click.echo(f"{clean(username, 64)}: {f'activation code {word} waits' if word else shown.get(state, state)}")


def show_code(username: str, token: dict[str, Any], page: str, as_json: bool, *, own: bool = True) -> None:
    """Print an activation code and where to type it."""
    word = clean(str(token.get("code", "")), 32)
    if as_json:
        click.echo(json.dumps({"username": username, "code": word, "expires_in": token.get("expires_in")}))
        return
    click.echo(f"activation code for {clean(username, 64)}: {word}")
    if not own:
        click.echo("it is typed into LoginTC's app")
        return
    if page:
        click.echo(f"open {page}/e#{word} in a browser on this machine, or")
        click.echo(f"pushgate device enroll --server {page}   (it asks for the code)")
    click.echo(f"afterwards compare the fingerprint that it shows: pushgate user devices {clean(username, 64)}")


def describe_device(device: dict[str, Any]) -> tuple[str, ...]:
    """Return label, kind, fingerprint and day of linking, cleaned."""
    return (
        *(clean(str(device.get(key, "")), 64) for key in ("label", "kind", "fingerprint")),
        day(device.get("created_at")),
    )


def describe_codes(totp_since: float | None, bypass_codes: int) -> list[tuple[str, ...]]:
    """Return a line for one-time codes and one for bypass codes, where there are any, in the form of a device's."""
    lines: list[tuple[str, ...]] = []
    if totp_since is not None:
        lines.append(("codes of an app", "totp", "", day(totp_since)))
    if bypass_codes:
        lines.append((f"{bypass_codes} bypass code(s)", "bypass", "", ""))
    return lines


def factors(person: dict[str, Any]) -> str:
    """Return what a person can log in with, in one text; another server may not say."""
    named = person.get("factors")
    return ", ".join(str(factor) for factor in named) if isinstance(named, list) else ""


def day(moment: Any) -> str:
    """Return the day of a moment in unix seconds; nothing for anything else."""
    return datetime.fromtimestamp(moment, UTC).date().isoformat() if isinstance(moment, int | float) else ""


def print_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows for people; text from outside is never taken for markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
