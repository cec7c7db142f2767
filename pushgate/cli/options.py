"""Options that several commands share."""

from pathlib import Path

import click

config_option = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    default=Path("/etc/pushgate/pushgate.yaml"),
    show_default=True,
    envvar="PUSHGATE_CONFIG",
    help="The configuration file.",
)
