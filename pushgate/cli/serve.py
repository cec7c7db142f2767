"""``pushgate serve``: run the daemon."""

import asyncio
from pathlib import Path

import click

from pushgate.cli.options import config_option


@click.command()
@config_option
def serve(config: Path) -> None:
    """Run every part that the configuration names, until SIGTERM or Ctrl-C."""
    from pushgate import daemon
    from pushgate.settings import load_settings

    settings = load_settings(config)
    daemon.set_up_logging(settings.log)
    asyncio.run(daemon.serve(config, settings))
