"""``pushgate user``: people, what links their devices, and what they can prove themselves with."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pushgate.cli.options import config_option
from pushgate.errors import PushgateError
from pushgate.text import clean

if TYPE_CHECKING:
    from pushgate.cli.authority_api import AuthorityApi

json_option = click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")


@click.group()
def user() -> None:
    """Add, list and remove people."""


@user.command()
@click.argument("username")
@click.option("--name", default="", help="The person's full name.")
@click.option("--email", default="", help="The person's address; nothing is sent to it yet.")
@config_option
@json_option
def add(username: str, name: str, email: str, config: Path, as_json: bool) -> None:
    """Add USERNAME and print the code that enrols a browser or terminal."""
    with authority(config) as api:
        person = api.add_user(username, name, email)
        show_code(username, api.activation_code(person["id"]), page_of(config), as_json)


@user.command()
@click.argument("username")
@config_option
@json_option
def code(username: str, config: Path, as_json: bool) -> None:
    """Print a code that enrols one more device of USERNAME."""
    with authority(config) as api:
        show_code(username, api.activation_code(api.require_user(username)["id"]), page_of(config), as_json)


@user.command("list")
@config_option
@json_option
def list_users(config: Path, as_json: bool) -> None:
    """List everybody, and what each can log in with: device, totp, bypass."""
    with authority(config) as api:
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
@config_option
@json_option
def devices(username: str, config: Path, as_json: bool) -> None:
    """List what USERNAME can log in with: linked browsers and terminals with their fingerprints, and codes."""
    with authority(config) as api:
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
@config_option
def revoke(username: str, yes: bool, config: Path) -> None:
    """Unlink all devices of USERNAME and forget the seed of one-time codes, for example after a loss.

    A new activation code links the next device. Bypass codes stay: pushgate user bypass USERNAME --revoke all.
    """
    with authority(config) as api:
        person = api.require_user(username)
        if not yes:
            click.confirm(f"Unlink all devices of {clean(username, 64)}?", abort=True)
        api.revoke(person["id"])
    click.echo(f"unlinked all devices of {clean(username, 64)}; one-time codes are gone too, bypass codes are not")


@user.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def remove(username: str, yes: bool, config: Path) -> None:
    """Remove USERNAME with all devices and codes; pending logins of that person are denied."""
    with authority(config) as api:
        person = api.require_user(username)
        if not yes:
            click.confirm(f"Remove {clean(username, 64)} and all devices and codes?", abort=True)
        api.remove_user(person["id"])
    click.echo(f"removed {clean(username, 64)}")


@contextmanager
def authority(config: Path) -> Iterator["AuthorityApi"]:
    """Connect to the authority that the configuration's provider names."""
    from pushgate.build_provider import provider_credentials
    from pushgate.cli.authority_api import AuthorityApi
    from pushgate.sections.provider import LoginTcSettings
    from pushgate.settings import load_settings

    provider = load_settings(config).provider
    if provider is None:
        raise PushgateError(f"{config}: provider is missing", "name the authority's url and api_key_file there")
    if not isinstance(provider, LoginTcSettings):
        raise PushgateError(f"{config}: {provider.type} is no authority", "manage its people in its own console")
    key, domain = provider_credentials(provider)
    api = AuthorityApi(provider.url, key, domain, provider.ca_file)
    try:
        yield api
    finally:
        api.close()


def page_of(config: Path) -> str:
    """Return the address of the approval page, if this configuration runs it."""
    from pushgate.settings import load_settings

    section = load_settings(config).authority
    return f"http://localhost:{section.page.port}" if section else ""


def show_code(username: str, token: dict[str, Any], page: str, as_json: bool) -> None:
    """Print an activation code and where to type it."""
    word = clean(str(token.get("code", "")), 32)
    if as_json:
        click.echo(json.dumps({"username": username, "code": word, "expires_in": token.get("expires_in")}))
        return
    click.echo(f"activation code for {clean(username, 64)}: {word}")
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
