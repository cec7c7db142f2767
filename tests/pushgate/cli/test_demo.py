"""The demo's parts; the whole is run by the system tests."""

import asyncio
from pathlib import Path

import pytest

from pushgate.cli.demo import wait_with_progress, write_configuration
from pushgate.clock import FakeClock
from pushgate.errors import PushgateError


def test_the_configuration_is_private_and_valid(private_folder: Path) -> None:
    """A newcomer's demo writes a configuration that the real loader accepts, with a fresh secret."""
    settings, secret = write_configuration(private_folder, 60)
    assert settings.radius is not None
    assert len(secret) == 32
    assert (private_folder / "radius.secret").stat().st_mode & 0o777 == 0o600


async def test_progress_counts_down_and_gives_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A newcomer sees the seconds that are left, and an error if no reply ever comes."""
    clock = FakeClock()
    waiting = asyncio.create_task(wait_with_progress(asyncio.Queue(), 20, clock))
    await clock.advance(26)
    with pytest.raises(PushgateError, match="no reply"):
        await waiting
    shown = capsys.readouterr().out
    assert [f"{left} s left" in shown for left in (20, 10, 0)] == [True] * 3


async def test_a_reply_ends_the_progress() -> None:
    """A newcomer whose reply has come waits no longer."""
    replies: asyncio.Queue[bytes] = asyncio.Queue()
    replies.put_nowait(b"reply")
    assert await wait_with_progress(replies, 20, FakeClock()) == b"reply"
