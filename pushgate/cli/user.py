"""``pushgate user``: people and their activation codes."""

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
    """List everybody who can be asked."""
    with authority(config) as api:
        people = api.users()
    if as_json:
        click.echo(json.dumps([{key: person.get(key) for key in ("id", "username", "name")} for person in people]))
        return
    keys = ("username", "name", "id")
    print_table(keys, [tuple(clean(str(person.get(key, "")), 64) for key in keys) for person in people])


@user.command()
@click.argument("username")
@config_option
@json_option
def devices(username: str, config: Path, as_json: bool) -> None:
    """List the browsers and terminals that can answer for USERNAME, with their fingerprints."""
    with authority(config) as api:
        linked = api.devices(api.require_user(username)["id"])
    columns = ("label", "kind", "fingerprint", "created")
    found = [describe_device(device) for device in linked]
    if as_json:
        click.echo(json.dumps([dict(zip(columns, device, strict=True)) for device in found]))
    else:
        print_table(columns, found)


@user.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def revoke(username: str, yes: bool, config: Path) -> None:
    """Unlink all devices of USERNAME, for example after a loss; a new code links the next one."""
    with authority(config) as api:
        person = api.require_user(username)
        if not yes:
            click.confirm(f"Unlink all devices of {clean(username, 64)}?", abort=True)
        api.revoke(person["id"])
    click.echo(f"unlinked all devices of {clean(username, 64)}")


@user.command()
@click.argument("username")
@click.option("--yes", is_flag=True, help="Do not ask.")
@config_option
def remove(username: str, yes: bool, config: Path) -> None:
    """Remove USERNAME with all devices; pending logins of that person are denied."""
    with authority(config) as api:
        person = api.require_user(username)
        if not yes:
            click.confirm(f"Remove {clean(username, 64)} and all devices?", abort=True)
        api.remove_user(person["id"])
    click.echo(f"removed {clean(username, 64)}")


@contextmanager
def authority(config: Path) -> Iterator["AuthorityApi"]:
    """Connect to the authority that the configuration's provider names."""
    from pushgate.build_provider import provider_credentials
    from pushgate.cli.authority_api import AuthorityApi
    from pushgate.settings import load_settings

    provider = load_settings(config).provider
    if provider is None:
        raise PushgateError(f"{config}: provider is missing", "name the authority's url and api_key_file there")
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
    created = device.get("created_at")
    day = datetime.fromtimestamp(created, UTC).date().isoformat() if isinstance(created, int | float) else ""
    return (*(clean(str(device.get(key, "")), 64) for key in ("label", "kind", "fingerprint")), day)


def print_table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows for people; text from outside is never taken for markup."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
