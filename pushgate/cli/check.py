"""``pushgate check``: say everything that is wrong with a configuration, without running it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pushgate.cli.options import config_option
from pushgate.errors import ConfigurationError

SHOWN_PEOPLE = 3
"""More names would push the providers out of sight; --json has all."""


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check(config: Path, as_json: bool) -> None:
    """Check the configuration and every file that it names; all faults at once."""
    from pushgate.build import check_files
    from pushgate.build_routes import build_routes, shown_routes
    from pushgate.clock import SystemClock
    from pushgate.daemon import set_up_logging
    from pushgate.settings import load_settings

    routes: list[dict[str, Any]] = []
    try:
        settings = load_settings(config)
        set_up_logging(settings.log)  # what the daemon would warn about goes to standard error
        routes = shown_routes(build_routes(settings))
        problems = check_files(settings, SystemClock())
    except ConfigurationError as error:
        problems = error.problems
    if as_json:
        faults = [{"message": problem.message, "hint": problem.hint} for problem in problems]
        click.echo(json.dumps({"file": str(config), "ok": not faults, "problems": faults, "routes": routes}, indent=2))
        raise SystemExit(1 if faults else 0)
    if problems:
        raise ConfigurationError(problems)
    parts = [name for name in ("authority", "pam", "radius") if getattr(settings, name) is not None]
    click.echo(f"{config}: ok, runs {', '.join(parts)}")
    if routes:
        click.echo("who is asked, in this order:")
    for route in routes:
        click.echo(f"  {route['service']:<16} {people_of(route):<24} {', '.join(route['order'])}")


def people_of(route: Mapping[str, Any]) -> str:
    """Name the people of a route; groups with an @, as files of groups do."""
    people = [*route["users"], *(f"@{group}" for group in route["groups"])]
    return ", ".join(people[:SHOWN_PEOPLE]) + (", ..." if len(people) > SHOWN_PEOPLE else "") if people else "everybody"
