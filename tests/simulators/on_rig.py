"""A rig in a loop and on a clock of its own, for what the port promises beside whole logins."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from pushgate.login import Login
from pushgate.outcome import NeedsCode, Outcome, Pending
from tests.simulators.elsewhere import trusting
from tests.simulators.jumping import JumpingClock, run
from tests.simulators.person import TIMEOUT
from tests.simulators.play import tasks_left
from tests.simulators.rig import Rig
from tests.simulators.rigs import RIGS, MakeRig
from tests.simulators.tap import ASKS

EACH_RIG = pytest.mark.parametrize("make", [each.make for each in RIGS], ids=[each.kind.name for each in RIGS])
LAST_LOOK = 0.5
MANY = 50


def on_rig(make: MakeRig, play: Callable[[Rig], Awaitable[None]]) -> None:
    """Play on a rig, in a loop and on a clock of its own; nothing may go on afterwards."""
    clock = JumpingClock()

    async def whole() -> None:
        async with make(clock) as rig:
            await play(rig)
        await asyncio.sleep(0)
        assert tasks_left() == []

    with trusting():
        run(clock, whole)


def open_questions(rig: Rig) -> int:
    """How many questions are open that a withdrawal should have closed."""
    entry = next(each for each in RIGS if each.kind.name == rig.name)
    return rig.leftovers() if entry.withdraws else 0


def asked(rig: Rig) -> int:
    """How often somebody was asked."""
    return sum(rig.simulator.ledger.counts[word] for word in ASKS)


async def begin(rig: Rig, login: Login | None = None) -> Pending | NeedsCode:
    """Begin a question that is out."""
    login = login or await rig.login()
    outcome = await rig.provider.begin(login, rig.clock.now() + TIMEOUT)
    assert isinstance(outcome, Pending | NeedsCode), outcome
    return outcome


async def answer(rig: Rig, begun: Pending | NeedsCode, code: str = "") -> Outcome:
    """Wait for the device, or hand in a code."""
    deadline = rig.clock.now() + TIMEOUT
    if isinstance(begun, Pending) and not code:
        return await rig.provider.wait(begun.handle, deadline)
    return await rig.provider.submit(begun.handle, code, deadline)
