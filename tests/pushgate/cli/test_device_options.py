"""Options that all device commands share."""

from pathlib import Path

import click
from click.testing import CliRunner

from pushgate.cli.device_options import json_option, key_option


@click.command()
@key_option
@json_option
def command(key_file: Path, as_json: bool) -> None:
    """Print what the options gave."""
    click.echo(f"{key_file} {as_json}")


def test_default_key_file() -> None:
    """Without options the key is in the person's own configuration folder and the output is for people."""
    expected = Path.home() / ".config/pushgate/device.json"
    assert CliRunner().invoke(command).output == f"{expected} False\n"


def test_given_options(tmp_path: Path) -> None:
    """Another key file and JSON can be asked for."""
    result = CliRunner().invoke(command, ["--key", str(tmp_path / "key"), "--json"])
    assert result.output == f"{tmp_path}/key True\n"
