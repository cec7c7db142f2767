"""End a test that hangs, so that one wait without an end cannot hold up the whole run."""

import signal
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

import pytest

SECONDS = 120.0
# A hang inside code that swallows the first failure is told again, until it lets go.
AGAIN_EVERY = 5.0


class TimeLimit:
    """A pytest plugin: set-up, call and tear-down of a test have 120 s each, or what its mark ``limit`` says."""

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None]:
        """Limit the fixtures' set-up."""
        with limited(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None]:
        """Limit the test."""
        with limited(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None]:
        """Limit the fixtures' tear-down."""
        with limited(item):
            return (yield)


@contextmanager
def limited(item: pytest.Item) -> Generator[None]:
    """Raise pytest's failure in the main thread once the item's time is over.

    The failure is no ``Exception``: code under test that catches those does not swallow it.
    """
    marker = item.get_closest_marker("limit")
    seconds = float(marker.args[0]) if marker else SECONDS

    def fail(number: int, frame: FrameType | None) -> None:
        pytest.fail(f"still running after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, fail)
    signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_EVERY)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
