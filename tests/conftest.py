"""What holds for every test: which ones run, how long each has, and the fixtures that all may use."""

import logging
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from pushgate.clock import FakeClock
from tests.support import ports
from tests.support.no_skip import NEEDS_ROOT, STRICT, NoSkip
from tests.support.time_limit import TimeLimit
from tests.support.traces import LeavesNothing

# The same examples in each run, and no limit of time: a busy machine must not fail a test.
hypothesis.settings.register_profile("pushgate", deadline=None, derandomize=True)
hypothesis.settings.load_profile("pushgate")

SOAK_TESTS = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--soak``."""
    parser.addoption("--soak", action="store_true", help="run the tests marked soak, and only those")


def pytest_configure(config: pytest.Config) -> None:
    """Register our plugins."""
    # Ignored under nohup, and handed on to what tests start and end by it.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    config.pluginmanager.register(TimeLimit(), "time_limit")
    no_skip = NoSkip.from_environment()
    if no_skip is not None:
        config.pluginmanager.register(no_skip, "no_skip")
        if no_skip.mode == STRICT:
            config.pluginmanager.register(LeavesNothing(), "leaves_nothing")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep soak tests and all others apart; skip what needs root for everybody else."""
    wanted = bool(config.getoption("--soak"))
    total = len(items)
    # `make soak` is another command, not a selection out of this one: so they do not count as deselected.
    items[:] = [item for item in items if (item.get_closest_marker("soak") is not None) == wanted]
    config.stash[SOAK_TESTS] = 0 if wanted else total - len(items)
    if os.geteuid() != 0:
        for item in items:
            if item.get_closest_marker("root") is not None:
                item.add_marker(pytest.mark.skip(reason=NEEDS_ROOT))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Name the command for the tests that were left to it; pytest's own ``-ra`` lists what was skipped and why."""
    if config.stash.get(SOAK_TESTS, 0):
        terminalreporter.line(f"{config.stash[SOAK_TESTS]} soak tests are left to `make soak`")


@pytest.fixture(autouse=True)
def quiet_loop() -> Iterator[None]:
    """Fail a test in which asyncio reports a lost exception or a task that nobody waited for."""
    complaints: list[str] = []
    handler = logging.Handler(logging.ERROR)
    handler.emit = lambda record: complaints.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("asyncio")
    logger.addHandler(handler)
    yield
    logger.removeHandler(handler)
    assert complaints == []


@pytest.fixture
def fake_clock() -> FakeClock:
    """A clock that only the test moves."""
    return FakeClock()


@pytest.fixture
def free_port() -> int:
    """A port on 127.0.0.1 that is free for TCP and UDP; for more than one see ``tests.support.ports``."""
    return ports.free_port()


@pytest.fixture
def private_folder() -> Iterator[Path]:
    """An empty folder of mode 0700, with a path short enough for a unix socket (107 bytes).

    pytest's own ``tmp_path`` is too long for sockets.
    """
    folder = Path(tempfile.mkdtemp(prefix="pushgate-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
