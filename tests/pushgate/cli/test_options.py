"""Options that commands share."""

import click
import pytest
from click.testing import CliRunner

from pushgate.cli.options import config_option


@click.command()
@config_option
def show(config: str) -> None:
    """Print the path."""
    click.echo(config)


def test_the_configuration_file_has_a_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """An administrator may name the file by option or environment; otherwise it is the one in /etc."""
    assert CliRunner().invoke(show).output == "/etc/pushgate/pushgate.yaml\n"
    monkeypatch.setenv("PUSHGATE_CONFIG", "/a")
    assert CliRunner().invoke(show).output == "/a\n"
    assert CliRunner().invoke(show, ["-c", "/b"]).output == "/b\n"
