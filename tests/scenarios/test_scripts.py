"""Whole logins as text: each script of this folder is played by the real desk and core on a clock of its own."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.stage import play

FOLDER = Path(__file__).parent


def scripts() -> Sequence[object]:
    """Return every script with its file and title."""
    found = []
    for file in sorted(FOLDER.glob("*.txt")):
        for script in ("\n" + file.read_text()).split("\n== ")[1:]:
            title, _, lines = script.partition("\n")
            found.append(pytest.param(lines, id=f"{file.stem}: {title}"))
    return found


@pytest.mark.parametrize("script", scripts())
async def test_login(script: str) -> None:
    """People and appliances of a script see what it says, when it says, and nothing else."""
    await play(script)


def test_titles() -> None:
    """A failing script can be understood by its title: each has a sentence of its own."""
    titles = [line for file in FOLDER.glob("*.txt") for line in file.read_text().splitlines() if line.startswith("==")]
    assert [title for title in titles if not title.endswith(".")] == []
    assert len(titles) == len(set(titles)) > 80
