"""What the device commands print: tables for people, JSON for programs; every text from outside is cleaned."""

import json
from typing import TYPE_CHECKING, Any

import click

from pushgate.cli.device_context import PendingLogin, rows
from pushgate.text import clean

if TYPE_CHECKING:
    from rich.console import Console

    from pushgate.cli.device_api import TerminalDevice

SHORT_ID = 8
"""Characters of a session id that people get to see and type."""


def console(*, stderr: bool = False) -> "Console":
    """Return a console that takes text literally: no markup, no emoji, no highlighting."""
    from rich.console import Console

    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def print_json(value: Any) -> None:
    """Print one JSON value on one line, in ASCII: no terminal can be steered with it."""
    click.echo(json.dumps(value))


def print_device(device: "TerminalDevice", *, as_json: bool) -> None:
    """Show whom a device answers for."""
    shown = {
        "user": device.user,
        "domain": device.domain,
        "server": device.server,
        "label": device.label,
        "device_id": device.device_id,
        "fingerprint": device.fingerprint,
    }
    if as_json:
        print_json(shown)
        return
    click.echo(f"This terminal answers for {clean(device.user)} at {clean(device.domain)} ({clean(device.server)}).")
    click.echo(f"Fingerprint: {device.fingerprint}   (the same must be shown where the code came from)")


def as_data(login: PendingLogin) -> dict[str, Any]:
    """Return a login for ``--json``."""
    return {
        "id": login.id,
        "expires_in": round(login.expires_in, 1),
        "waiting": len(login.waiting),
        "number_required": login.number_required,
        "context": login.context,
    }


def print_table(logins: list[PendingLogin]) -> None:
    """Show one line for each login."""
    from rich.table import Table
    from rich.text import Text

    if not logins:
        click.echo("No login is waiting.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("ID", "Account", "Service", "Host", "From", "Left"):
        table.add_column(name, overflow="fold")
    for login in logins:
        shown = dict(rows(login.context))
        account = " → ".join(filter(None, (shown.get("Who"), shown.get("Account"))))
        cells = (account, shown.get("Service", ""), shown.get("Host", ""), shown["From"], f"{login.expires_in:.0f} s")
        table.add_row(login.id[:SHORT_ID], *(Text(cell) for cell in cells))
    console().print(table)


def print_elsewhere(login: PendingLogin, logins: list[PendingLogin], *, stderr: bool = False) -> None:
    """Warn of other logins to the same service: they come from other addresses and are answered by themselves."""
    service = login.context.get("service")
    alike = [other for other in logins if other.id != login.id and other.context.get("service") == service]
    if alike:
        origins = ", ".join(dict(rows(other.context))["From"] for other in alike)
        click.echo(f"Careful: another login to {clean(str(service), 64)} waits, from {origins}.", err=stderr)


def print_login(login: PendingLogin, *, stderr: bool = False) -> None:
    """Show everything that the authority says about a login, and so everything that an answer signs."""
    from rich.panel import Panel
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(overflow="fold", style="bold")
    table.add_column(overflow="fold")
    for label, value in rows(login.context):
        table.add_row(Text(label), Text(value))
    title = Text(f"Login {login.id[:SHORT_ID]}, {login.expires_in:.0f} s left")
    console(stderr=stderr).print(Panel(table, title=title, title_align="left"))
    if login.number_required:
        click.echo("To approve it you need the number that is shown where you log in.", err=stderr)
    if login.waiting:
        origins = ", ".join(clean(origin, 64) or "address unknown" for origin in login.waiting)
        click.echo(f"Behind it {len(login.waiting)} more of the same kind: from {origins}.", err=stderr)
