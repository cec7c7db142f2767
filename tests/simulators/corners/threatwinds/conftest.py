"""What the corner cases of ThreatWinds run against."""

from collections.abc import AsyncIterator

import pytest

from pushgate.clock import FakeClock
from tests.simulators.threatwinds_rig import ThreatWindsRig, rig


@pytest.fixture
async def real() -> AsyncIterator[ThreatWindsRig]:
    """Provider and simulator on the real clock."""
    async with rig() as made:
        yield made


@pytest.fixture
async def fake() -> AsyncIterator[ThreatWindsRig]:
    """Provider and simulator on a clock that jumps."""
    async with rig(FakeClock()) as made:
        yield made
