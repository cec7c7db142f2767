"""What the corner cases of Clerk run against."""

from collections.abc import AsyncIterator

import pytest

from pushgate.clock import FakeClock
from tests.simulators.clerk_rig import ClerkRig, ClerkTicketRig, clerk_rig


@pytest.fixture
async def bapi(fake_clock: FakeClock) -> AsyncIterator[ClerkRig]:
    """Mode ``bapi``; time stands still."""
    async with clerk_rig(ClerkRig, fake_clock) as made:
        yield made


@pytest.fixture
async def ticket(fake_clock: FakeClock) -> AsyncIterator[ClerkTicketRig]:
    """Mode ``reverify-ticket``; time stands still."""
    async with clerk_rig(ClerkTicketRig, fake_clock) as made:
        yield made
