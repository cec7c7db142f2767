"""First factor none."""

import pytest

from pushgate.firstfactor.none import accepts
from pushgate.login import Secret


@pytest.mark.parametrize(
    ("typed", "accepted"),
    [(None, True), (b"", True), (b"push", True), (b"Push", True), (b" ", False), (b"push\x00", False), (b"1", False)],
)
def test_only_nothing_and_the_word_push_are_accepted(typed: bytes | None, accepted: bool) -> None:
    """A person may leave the field empty or type push, and nothing else."""
    assert accepts(None if typed is None else Secret(typed)) == accepted
