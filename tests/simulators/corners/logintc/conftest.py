"""What the corner cases of LoginTC run against."""

from collections.abc import AsyncIterator

import pytest

from pushgate.clock import SystemClock
from tests.simulators.corners.logintc.shared import Gate
from tests.simulators.logintc_rig import rig
from tests.support.skipping import SkippingClock


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    """A gate whose time moves by its own waiting."""
    clock = SkippingClock()
    async with rig(clock) as made:
        yield Gate(made, clock)


@pytest.fixture
async def real_gate() -> AsyncIterator[Gate]:
    """A gate on the machine's own clock."""
    clock = SystemClock()
    async with rig(clock) as made:
        yield Gate(made, clock)
