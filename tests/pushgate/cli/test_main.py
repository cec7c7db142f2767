"""The command itself: verbs, help, errors with hints."""

from pathlib import Path

import pytest

from pushgate import __version__
from pushgate.cli.main import cli, main
from tests.support.config import PROVIDER, RADIUS, write_config


def run(*arguments: str) -> int:
    """Run a command and return its exit status."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return int(caught.value.code or 0)


def test_every_verb_has_a_help_text(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer who asks any verb for help gets a sentence and the options."""
    for verb in cli.commands:
        assert run(verb, "--help") == 0
        assert "Usage: pushgate" in capsys.readouterr().out
    assert all(command.help for command in cli.commands.values())


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator who asks for the version gets it."""
    assert run("--version") == 0
    assert __version__ in capsys.readouterr().out


def test_a_wrong_call_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    """A script that calls an unknown verb sees exit status 2."""
    assert run("opensesame") == 2
    assert "No such command" in capsys.readouterr().err


def test_every_problem_is_printed_with_its_hint(private_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator with two faulty keys sees two errors and two hints, and exit status 1."""
    path = write_config(private_folder, PROVIDER, RADIUS, "fail_mode: safe\nlogin: {{timeout: 0}}\n")
    assert run("check", "--config", str(path)) == 1
    error = capsys.readouterr().err
    assert error.count("pushgate: error: ") == 2
    assert error.count("pushgate: hint: ") == 2
    assert f"{path}:11: fail_mode: unknown key" in error
