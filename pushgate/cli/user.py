"""``pushgate user``: people and their activation codes."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
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
@click.option("--email", default="")
@config_option
@json_option
def add(username: str, name: str, email: str, config: Path, as_json: bool) -> None:
    """Add USERNAME and print the code that enrols a browser or phone."""
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
    from rich.console import Console
    from rich.table import Table

    table = Table("user", "name", "id")
    for person in people:
        table.add_row(*(clean(str(person.get(key, "")), 64) for key in ("username", "name", "id")))
    Console().print(table)


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
    from pushgate.build import provider_credentials
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
        click.echo(f"pushgate device enroll --server {page} {word}")
