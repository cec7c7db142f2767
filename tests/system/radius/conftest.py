"""Fixtures for the tests of real RADIUS clients."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.netns import Machines, three_machines


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """An empty folder of mode 0700 for all tests of a file, with a path short enough for a unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    """A person's machine, an appliance and the server, for all tests of a file."""
    with three_machines() as made:
        yield made
