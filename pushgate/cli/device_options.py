"""Options that all device commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

DEFAULT_KEY_FILE = "~/.config/pushgate/device.json"


def key_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--key FILE`` to a command."""
    option = click.option(
        "--key",
        "key_file",
        metavar="FILE",
        default=DEFAULT_KEY_FILE,
        show_default=True,
        callback=lambda _context, _option, value: Path(value).expanduser(),
        help="This device's key file.",
    )
    return option(command)


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json`` to a command."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text for people.")(command)
