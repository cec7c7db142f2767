"""``pushgate serve`` before it serves."""

from pathlib import Path

import pytest

from pushgate.cli.serve import serve
from pushgate.errors import ConfigurationError
from tests.support.config import write_config


def test_a_broken_configuration_does_not_start(private_folder: Path) -> None:
    """A daemon with a misspelt key does not start with a default instead."""
    path = write_config(private_folder, "radus: {{}}\n")
    with pytest.raises(ConfigurationError):
        serve.main(["--config", str(path)], standalone_mode=False)


def test_a_missing_configuration_does_not_start(private_folder: Path) -> None:
    """A daemon without its file does not start with defaults."""
    with pytest.raises(ConfigurationError):
        serve.main(["--config", str(private_folder / "none.yaml")], standalone_mode=False)
