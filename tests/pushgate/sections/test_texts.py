"""The texts section: what people read."""

from pathlib import Path

import pytest

from pushgate.words import Words
from tests.support.settings import GOOD, faults, load


def test_a_text_can_be_changed(private_folder: Path) -> None:
    """An administrator who changes one text keeps the defaults of the others."""
    settings = load(private_folder, GOOD + "texts: {denied: Refusé}\n")
    assert settings.texts.words() == Words(denied="Refusé")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("denied: ''", "texts.denied: must be visible text"),
        ('denied: "a\\x1b[2J"', "texts.denied: must be visible text"),
        (f"denied: {'é' * 127}", "texts.denied: must not be longer than 253 octets in UTF-8"),
        ("number_or_code: Approve it", "texts.number_or_code: must contain {number}"),
        ("other_ways: Elsewhere", "texts.other_ways: must contain {ways}"),
        ("denyed: No", "texts.denyed: unknown key"),
    ],
)
def test_a_text_that_cannot_be_shown_is_refused(private_folder: Path, text: str, fault: str) -> None:
    """A text that is empty, hidden, too long for one attribute or without its number is named with its key."""
    assert fault in [found.split(": ", 1)[1] for found in faults(private_folder, GOOD + f"texts: {{{text}}}\n")]
