"""Fixtures for the tests of real RADIUS clients."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def module_folder() -> Iterator[Path]:
    """An empty folder of mode 0700 for all tests of a file, with a path short enough for a unix socket."""
    folder = Path(tempfile.mkdtemp(prefix="pushgate-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
