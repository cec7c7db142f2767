"""Waiting for a task to its end."""

import asyncio

import pytest

from pushgate.tasks import finish


async def test_finish_outlasts_cancellations() -> None:
    """A caller that is cancelled twice still comes back only when the task has ended."""
    release = asyncio.Event()
    task = asyncio.create_task(release.wait())
    waiting = asyncio.create_task(finish(task))
    for _ in range(2):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    assert not waiting.done()
    release.set()
    await waiting
    assert task.done()


async def test_finish_does_not_raise_what_the_task_raised() -> None:
    """A task that failed is ended all the same."""

    async def fail() -> None:
        raise ValueError

    task = asyncio.create_task(fail())
    await finish(task)
    with pytest.raises(ValueError):
        task.result()
