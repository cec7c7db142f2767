"""``pushgate check``."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pushgate.cli.check import check
from pushgate.errors import ConfigurationError
from tests.support.config import AUTHORITY, PROVIDER, RADIUS, write_config


def faults(path: Path) -> list[str]:
    """The faults that the command finds."""
    with pytest.raises(ConfigurationError) as caught:
        check.main(["--config", str(path)], standalone_mode=False)
    return [problem.message.rpartition("/")[2] for problem in caught.value.problems]


def test_a_good_configuration_is_said_to_be_ok(private_folder: Path) -> None:
    """An administrator with a complete configuration is told which parts it runs."""
    path = write_config(private_folder, PROVIDER, RADIUS)
    result = CliRunner().invoke(check, ["--config", str(path)])
    assert (result.exit_code, result.output) == (0, f"{path}: ok, runs radius\n")


def test_every_file_is_tried(private_folder: Path) -> None:
    """An administrator with three unusable files hears of all three at once."""
    path = write_config(private_folder, PROVIDER, RADIUS)
    (private_folder / "radius.secret").unlink()
    (private_folder / "api.key").chmod(0o644)
    (private_folder / "domain.id").write_text("not/an/id")
    assert faults(path) == [
        "radius.secret: cannot be read (no such file or directory)",
        "api.key: readable by others than its owner (mode 0644)",
        "domain.id: holds other characters than letters and digits",
    ]


def test_a_secret_out_of_a_manual_is_refused(private_folder: Path) -> None:
    """A RADIUS secret that everybody knows is a fault."""
    path = write_config(private_folder, PROVIDER, RADIUS, radius_secret="testing123")
    assert faults(path) == ["radius.secret: holds a secret out of a manual"]


def test_files_that_the_authority_will_make_may_be_missing(private_folder: Path) -> None:
    """A first check before the first start does not complain about the authority's own files."""
    path = write_config(private_folder, PROVIDER, RADIUS, AUTHORITY)
    (private_folder / "api.key").unlink()
    (private_folder / "domain.id").unlink()
    assert CliRunner().invoke(check, ["--config", str(path)]).exit_code == 0


def test_json_lists_the_problems(private_folder: Path) -> None:
    """A script gets an object with every problem and exit status 1."""
    path = write_config(private_folder, PROVIDER, RADIUS, "x: 1\n")
    result = CliRunner().invoke(check, ["--json", "--config", str(path)])
    assert result.exit_code == 1
    answer = json.loads(result.output)
    assert (answer["ok"], len(answer["problems"])) == (False, 1)
