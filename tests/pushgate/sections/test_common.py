"""Types that sections share: addresses and ports."""

from pathlib import Path

import pytest

from tests.support.settings import GOOD, faults


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('"127.0.0.1:1812"', '"localhost:1812"', "radius.listen.0"),
        ('"127.0.0.1:1812"', '"127.0.0.1"', "radius.listen.0"),
        ('"127.0.0.1:1812"', '"127.0.0.1:99999"', "radius.listen.0"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake in an address is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]
