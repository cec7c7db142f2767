"""Whole PAM logins as text: each script of this folder is played by the real connection and core."""

from pathlib import Path

import pytest

from tests.scenarios.test_scripts import scripts, titles
from tests.support.stage_pam import play_pam

FOLDER = Path(__file__).parent


@pytest.mark.parametrize("script", [*scripts(FOLDER), *scripts(FOLDER / "providers")])
async def test_login(script: str) -> None:
    """People and login programs of a script see what it says, when it says, and nothing else."""
    await play_pam(script)


def test_titles() -> None:
    """A failing script can be understood by its title: each has a sentence of its own."""
    found = titles(FOLDER) + titles(FOLDER / "providers")
    assert [title for title in found if not title.endswith(".")] == []
    assert len(found) == len(set(found)) > 20
