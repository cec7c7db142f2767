"""``pushgate clerk``: people are enrolled, listed and removed."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pushgate.cli.main import cli
from pushgate.errors import PushgateError
from tests.simulators.base import running
from tests.simulators.clerk import ClerkSimulator
from tests.support.clerk import ENROLLED, write_clerk_config

Run = Callable[..., Awaitable[Result]]


@pytest.fixture
async def simulator() -> AsyncIterator[ClerkSimulator]:
    """An instance of Clerk's."""
    made = ClerkSimulator()
    async with running(made):
        yield made


@pytest.fixture
def run(simulator: ClerkSimulator, private_folder: Path) -> Run:
    """Run one verb against the simulator."""
    path = write_clerk_config(private_folder, simulator.url, ENROLLED + ", frontend_url: {url}")

    async def invoke(*arguments: str) -> Result:
        # In a thread: the command has a loop of its own, while the simulator answers in ours.
        words = ["clerk", *arguments, "--config", str(path)]
        return await asyncio.to_thread(CliRunner().invoke, cli, words)

    return invoke


async def test_people_come_and_go(run: Run, simulator: ClerkSimulator) -> None:
    """An administrator enrols alice, finds her in the list, and removes her, at Clerk too."""
    assert (await run("enrol", "alice")).output == "alice is enrolled\n"
    listed = (await run("list")).output
    assert "alice" in listed
    assert "user_alice" in listed
    [entry] = json.loads((await run("list", "--json")).output)
    assert entry == {"username": "alice", "user_id": "user_alice", "session_id": simulator.active()[0].id}
    assert (await run("remove", "alice")).output == "alice is not enrolled any more\n"
    assert simulator.active() == []
    assert json.loads((await run("list", "--json")).output) == []


async def test_no_token_is_printed(run: Run, simulator: ClerkSimulator) -> None:
    """Nobody who looks over the administrator's shoulder sees a token."""
    outputs = [(await run(*words, "--json")).output for words in (("enrol", "alice"), ("list",))]
    assert not any(each.jwt in output for each in simulator.clients for output in outputs)


@pytest.mark.parametrize(
    ("words", "message"), [(("enrol", "nobody"), "cannot be enrolled"), (("remove", "bob"), "not")]
)
async def test_what_went_wrong_is_said(run: Run, words: tuple[str, ...], message: str) -> None:
    """An administrator who names somebody unknown is told so."""
    error = (await run(*words)).exception
    assert isinstance(error, PushgateError)
    assert message in error.message


async def test_another_mode_keeps_no_sessions(private_folder: Path) -> None:
    """An administrator whose mode keeps no sessions is told where to read."""
    path = write_clerk_config(private_folder, "http://127.0.0.1:1")
    words = ["clerk", "list", "--config", str(path)]
    error = (await asyncio.to_thread(CliRunner().invoke, cli, words)).exception
    assert isinstance(error, PushgateError)
    assert "reverify-enrolled" in error.message


async def test_several_that_keep_sessions_need_a_name(private_folder: Path) -> None:
    """An administrator who has two of them names one; another name is an error."""
    path = write_clerk_config(private_folder, "http://127.0.0.1:1", ENROLLED + ", frontend_url: {url}")
    section = path.read_text().partition("provider: ")[2].partition("\n")[0]
    rest = "login: {providers: [one]}\npam: {services: {sshd: {}}}\n"
    path.write_text(f"providers: {{one: {section}, two: {section}}}\n{rest}")

    async def ask(*more: str) -> Result:
        words = ["clerk", "list", "--config", str(path), *more]
        return await asyncio.to_thread(CliRunner().invoke, cli, words)

    assert (await ask("--provider", "two", "--json")).output == "[]\n"
    for more, message in (((), "several keep sessions: one, two"), (("--provider", "three"), "three is no provider")):
        error = (await ask(*more)).exception
        assert isinstance(error, PushgateError)
        assert message in error.message
