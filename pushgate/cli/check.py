"""``pushgate check``: say everything that is wrong with a configuration, without running it."""

import json
from pathlib import Path

import click

from pushgate.cli.options import config_option
from pushgate.errors import ConfigurationError


@click.command()
@config_option
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def check(config: Path, as_json: bool) -> None:
    """Check the configuration and every file that it names; all faults at once."""
    from pushgate.build import check_files
    from pushgate.clock import SystemClock
    from pushgate.daemon import set_up_logging
    from pushgate.settings import load_settings

    try:
        settings = load_settings(config)
        set_up_logging(settings.log)  # what the daemon would warn about goes to standard error
        problems = check_files(settings, SystemClock())
    except ConfigurationError as error:
        problems = error.problems
    if as_json:
        faults = [{"message": problem.message, "hint": problem.hint} for problem in problems]
        click.echo(json.dumps({"file": str(config), "ok": not faults, "problems": faults}, indent=2))
        raise SystemExit(1 if faults else 0)
    if problems:
        raise ConfigurationError(problems)
    parts = [name for name in ("authority", "pam", "radius") if getattr(settings, name) is not None]
    click.echo(f"{config}: ok, runs {', '.join(parts)}")
