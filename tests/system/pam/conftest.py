"""Fixtures for the tests of the PAM module."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.pam import built_module
from tests.support.pam_bench import NOBODY, Bench, private_folder


@pytest.fixture(params=[pytest.param("system", marks=pytest.mark.root), "wrapper"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    """Set up the module as root in /etc/pam.d, and as an ordinary user under pam_wrapper."""
    if request.param == "system":
        with private_folder(None) as folder:
            bench = Bench(folder, built_module(), daemon_uid=0)
            with bench.daemons:
                yield bench
        return
    other = NOBODY if os.geteuid() == 0 else None
    with private_folder(other) as folder, private_folder(other) as services, private_folder(None) as modules:
        # A copy: the tree itself may lie where an ordinary user cannot read.
        module = Path(shutil.copy(built_module(), modules))
        bench = Bench(folder, module, daemon_uid=other or os.geteuid(), as_uid=other, services=services)
        with bench.daemons:
            yield bench


@pytest.fixture
def root_bench() -> Iterator[Bench]:
    """Set up the module as root: only root can change owners."""
    with private_folder(None) as folder:
        bench = Bench(folder, built_module(), daemon_uid=0)
        with bench.daemons:
            yield bench
