"""Whole logins as text: each script of this folder is played by the real desk and core on a clock of its own."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.stage import play

FOLDER = Path(__file__).parent


def scripts(folder: Path) -> Sequence[object]:
    """Return every script of a folder with its file and title."""
    found = []
    for file in sorted(folder.glob("*.txt")):
        for script in ("\n" + file.read_text()).split("\n== ")[1:]:
            title, _, lines = script.partition("\n")
            found.append(pytest.param(lines, id=f"{file.stem}: {title}"))
    return found


def titles(folder: Path) -> list[str]:
    """Return the title of every script of a folder."""
    lines = (line for file in folder.glob("*.txt") for line in file.read_text().splitlines())
    return [line for line in lines if line.startswith("==")]


@pytest.mark.parametrize("script", [*scripts(FOLDER), *scripts(FOLDER / "providers")])
async def test_login(script: str) -> None:
    """People and appliances of a script see what it says, when it says, and nothing else."""
    await play(script)


def test_titles() -> None:
    """A failing script can be understood by its title: each has a sentence of its own."""
    found = titles(FOLDER) + titles(FOLDER / "providers")
    assert [title for title in found if not title.endswith(".")] == []
    assert len(found) == len(set(found)) > 80
