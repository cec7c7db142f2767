"""``pushgate clerk``: people's sessions at Clerk for the mode ``reverify-enrolled``; daemon running or not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pushgate.cli.options import config_option
from pushgate.cli.user import json_option, print_table
from pushgate.cli.user_codes import say
from pushgate.errors import PushgateError
from pushgate.text import clean

if TYPE_CHECKING:
    from pushgate.providers.clerk_enrolment import Enrolment

provider_option = click.option("--provider", metavar="NAME", help="Which of several that keep sessions.")


@click.group()
def clerk() -> None:
    """Enrol people at Clerk, where the provider's mode is reverify-enrolled."""


@clerk.command()
@click.argument("username")
@provider_option
@config_option
@json_option
def enrol(username: str, provider: str | None, config: Path, as_json: bool) -> None:
    """Sign USERNAME in at Clerk and keep the session; one that was kept before is ended."""

    async def run() -> None:
        async with enrolment(config, provider) as made:
            await made.enrol(username)

    asyncio.run(run())
    say(as_json, {"username": username, "enrolled": True}, f"{clean(username, 64)} is enrolled")


@clerk.command("list")
@provider_option
@config_option
@json_option
def list_enrolled(provider: str | None, config: Path, as_json: bool) -> None:
    """List who is enrolled."""

    async def run() -> list[tuple[str, str, str]]:
        async with enrolment(config, provider) as made:
            return [(each.name, each.user_id, each.session_id) for each in made.store.everybody()]

    found = sorted(asyncio.run(run()))
    if as_json:
        click.echo(json.dumps([{"username": row[0], "user_id": row[1], "session_id": row[2]} for row in found]))
        return
    print_table(("user", "user id", "session"), [tuple(clean(cell, 64) for cell in row) for row in found])


@clerk.command()
@click.argument("username")
@provider_option
@config_option
@json_option
def remove(username: str, provider: str | None, config: Path, as_json: bool) -> None:
    """Remove the session of USERNAME, at Clerk and here."""

    async def run() -> bool:
        async with enrolment(config, provider) as made:
            return await made.remove(username)

    if not asyncio.run(run()):
        raise PushgateError(f"{clean(username, 64)} is not enrolled", "pushgate clerk list shows who is")
    say(as_json, {"username": username, "removed": True}, f"{clean(username, 64)} is not enrolled any more")


@asynccontextmanager
async def enrolment(config: Path, name: str | None) -> AsyncIterator["Enrolment"]:
    """Connect to what the configuration names.

    Raises:
        PushgateError: no provider, or more than one, keeps sessions at Clerk, or its files cannot be used.
    """
    from pushgate.build_clerk import build_enrolment
    from pushgate.clock import SystemClock
    from pushgate.sections.clerk import ClerkSettings
    from pushgate.settings import load_settings

    sections = load_settings(config).all_providers
    kept = {
        each: section
        for each, section in sections.items()
        if isinstance(section, ClerkSettings) and section.mode == "reverify-enrolled" and name in (None, each)
    }
    if not kept:
        named = f"{config}: no provider" if name is None else f"{config}: {clean(name, 64)} is no provider that"
        raise PushgateError(f"{named} has mode: reverify-enrolled", "docs/providers/clerk.md says when to take it")
    if len(kept) > 1:
        raise PushgateError(f"{config}: several keep sessions: {', '.join(kept)}", "name one with --provider")
    made = build_enrolment(next(iter(kept.values())), SystemClock())
    try:
        yield made
    finally:
        await made.close()
