"""``pushgate reload`` and ``pushgate status``."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pushgate.cli.control import reload, status
from pushgate.control import Control
from pushgate.errors import ConfigurationError, PushgateError
from tests.support.config import PROVIDER, RADIUS, write_config

CONTROL = "control: {{socket: {folder}/control.sock}}\n"
STATUS = {
    "providers": {"my_phones": {"asked": 3, "failed": 1}},
    "radius": {"ports": [1812], "open_challenges": 2, "refused": {"chap": 3, "eap": 1}, "dropped": {}},
}


@asynccontextmanager
async def daemon(folder: Path, problems: list[PushgateError] | None = None) -> AsyncIterator[Path]:
    """Answer as a daemon does; yields the path of the configuration."""

    async def answer() -> dict[str, Any]:
        if problems:
            raise ConfigurationError(problems)
        return {"needs_restart": ["radius.listen"]}

    control = Control(folder / "control.sock", answer, lambda: STATUS)
    await control.start()
    try:
        yield write_config(folder, PROVIDER, RADIUS, CONTROL)
    finally:
        await control.stop()


async def run(command: Any, config: Path, *options: str) -> Result:
    """Run a command beside the loop in which the daemon answers."""
    return await asyncio.to_thread(CliRunner().invoke, command, ["--config", str(config), *options])


async def test_a_reload_says_what_it_did(private_folder: Path) -> None:
    """An administrator who reloads is told so, and what holds only after a restart."""
    async with daemon(private_folder) as config:
        result = await run(reload, config)
    expected = "reloaded\nchanged, but holds only after a restart: radius.listen\n"
    assert (result.exit_code, result.stdout) == (0, expected)


async def test_a_refused_reload_is_an_error(private_folder: Path) -> None:
    """An administrator with a broken file gets every fault and exit status 1, as text and as JSON."""
    async with daemon(private_folder, [PushgateError("line 3: no", "write yes")]) as config:
        plain, machine = await run(reload, config), await run(reload, config, "--json")
    assert isinstance(plain.exception, ConfigurationError)
    assert [(each.message, each.hint) for each in plain.exception.problems] == [("line 3: no", "write yes")]
    assert (machine.exit_code, json.loads(machine.stdout)["ok"]) == (1, False)


async def test_the_status_is_shown(private_folder: Path) -> None:
    """An administrator reads the counters as a table, a program reads them as JSON."""
    async with daemon(private_folder) as config:
        plain, machine = await run(status, config), await run(status, config, "--json")
    assert plain.stdout.splitlines() == [
        "providers:",
        "  my_phones                    asked 3, failed 1",
        "radius:",
        "  ports                        1812",
        "  open challenges              2",
        "  refused                      chap 3, eap 1",
        "  dropped                      none",
    ]
    assert json.loads(machine.stdout) == STATUS


@pytest.mark.parametrize(
    ("parts", "message", "hint"),
    [
        ((PROVIDER, RADIUS), "names no control socket", "systemctl reload"),
        ((PROVIDER, RADIUS, CONTROL), "nobody answers", "is pushgate serve running"),
    ],
)
def test_no_daemon_is_said_so(private_folder: Path, parts: tuple[str, ...], message: str, hint: str) -> None:
    """An administrator who has no daemon, or no socket to it, is told which and what to do."""
    config = write_config(private_folder, *parts)
    result = CliRunner().invoke(reload, ["--config", str(config)])
    assert isinstance(result.exception, PushgateError)
    assert message in result.exception.message
    assert hint in result.exception.hint
