"""Slots for work, in all and by client."""

import asyncio

import pytest

from radius_server.limits import Slots


async def idle() -> None:
    """Wait for ever."""
    await asyncio.Event().wait()


@pytest.mark.parametrize("limits", [(2, 9), (9, 2)], ids=["in all", "of one client"])
async def test_slots_are_bounded(limits: tuple[int, int]) -> None:
    """Two tasks fill two slots; one that is about to leave counts as gone, and one that has ended is forgotten."""
    slots = Slots(*limits)
    tasks = [asyncio.create_task(idle()) for _ in range(3)]
    slots.take("vpn", tasks[0])
    assert slots.has_room("vpn")
    slots.take("vpn", tasks[1])
    assert [slots.has_room("vpn"), slots.has_room("vpn", tasks[2]), slots.has_room("vpn", tasks[1])] == [
        False,
        False,
        True,
    ]
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    assert (slots.tasks, slots.of_client["vpn"], slots.has_room("vpn")) == ({}, 0, True)
