"""Serving until a signal, and what the log looks like."""

import asyncio
import contextlib
import gc
import json
import os
import resource
import signal
from asyncio import sslproto
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from pushgate.daemon import raise_descriptor_limit, report_fault, serve, set_up_logging, settle_memory
from pushgate.sections.daemon import LogSettings
from pushgate.settings import load_settings
from tests.support.config import AUTHORITY, write_config
from tests.support.processes import wait_until


@pytest.fixture(autouse=True)
def restored_logging() -> Iterator[None]:
    """Leave structlog as it was."""
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_the_daemon_in_order(private_folder: Path, number: signal.Signals) -> None:
    """An administrator who stops the daemon gets a clean end, with its sockets gone."""
    path = write_config(private_folder, AUTHORITY)
    serving = asyncio.create_task(serve(path, load_settings(path)))
    async with asyncio.timeout(10):
        await asyncio.to_thread(wait_until, (private_folder / "authority.sock").exists, 10, "the socket")
        os.kill(os.getpid(), number)
        await serving
    assert not (private_folder / "authority.sock").exists()
    loop = asyncio.get_running_loop()
    for handled in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.remove_signal_handler(handled)


def test_json_logs_are_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    """A log collector gets one JSON object per event on standard error."""
    set_up_logging(LogSettings(level="info", format="json"))
    structlog.get_logger().info("event", user="x\n{}")
    structlog.get_logger().debug("hidden")
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert json.loads(lines[0])["user"] == "x\n{}"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_log_that_cannot_be_written_does_not_raise(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A login goes on although the disk below the log is full."""
    with Path("/dev/full").open("w", buffering=1) as full:
        monkeypatch.setattr("sys.stderr", full)
        set_up_logging(LogSettings.model_validate({"level": "info", "format": form}))
        structlog.get_logger().info("decision", accept=True)
        monkeypatch.undo()
        with pytest.raises(OSError, match="No space left"):
            full.flush()
        with contextlib.suppress(OSError):
            full.close()


def test_all_descriptors_may_be_used() -> None:
    """A daemon started with the default limit of 1024 descriptors can hold more logins than that."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, hard), hard))
    try:
        raise_descriptor_limit()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_a_lost_exception_is_reported_without_its_text() -> None:
    """An administrator learns of a fault that nobody caught, and not what was typed."""
    loop = asyncio.get_running_loop()
    context = {"message": "Task exception was never retrieved", "exception": ValueError("hunter2")}
    with structlog.testing.capture_logs() as logs:
        report_fault(loop, context)
        report_fault(loop, {"message": "socket trouble"})
    assert [entry["event"] for entry in logs] == ["unexpected_error"] * 2
    assert logs[0]["error"] == "ValueError"
    assert "hunter2" not in str(logs)


def test_the_collector_leaves_the_start_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A daemon that has started looks at what its logins make, and not again and again at all of its modules."""
    monkeypatch.setattr(sslproto.SSLProtocol, "max_size", 256 * 1024)
    before = gc.get_threshold()
    try:
        settle_memory()
        assert gc.get_freeze_count() > 10_000
        assert gc.get_threshold() == (50_000, 20, 100)
        # Each login that waits for a provider holds a TLS connection: that must not hold a quarter of a megabyte.
        assert sslproto.SSLProtocol.max_size == 16 * 1024
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
