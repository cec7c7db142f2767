"""``pushgate user``, against a running authority."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pushgate.cli.main import cli
from pushgate.cli.user import show_code
from pushgate.errors import PushgateError
from tests.support.authority import RunningAuthority, SigningDevice, running_authority
from tests.support.config import PROVIDER, RADIUS, named, write_config


async def run(authority: RunningAuthority, folder: Path, *arguments: str) -> Result:
    """Run one verb on this authority, in a thread: it is synchronous."""
    path = write_config(
        folder,
        PROVIDER,
        RADIUS,
        url=authority.api_url.removesuffix("/api"),
        api_key=authority.api_key,
        domain_id=authority.domain_id,
    )
    return await asyncio.to_thread(CliRunner().invoke, cli, ["user", *arguments, "--config", str(path)])


async def test_adding_a_user_prints_a_code_that_enrols(private_folder: Path) -> None:
    """An administrator who adds alice gets a code, and a device that types it belongs to alice."""
    async with running_authority(private_folder) as authority:
        result = await run(authority, private_folder, "add", "alice", "--name", "Alice Example", "--json")
        answer = json.loads(result.output)
        assert answer["username"] == "alice"
        assert answer["expires_in"] > 0
        await authority.enrol_code(answer["code"])
        assert await authority.state(await authority.ask("alice")) == "pending"


async def test_adding_twice_gives_a_second_code(private_folder: Path) -> None:
    """An administrator who adds alice again gets a code for one more device and no error."""
    async with running_authority(private_folder) as authority:
        first = await run(authority, private_folder, "add", "alice")
        second = await run(authority, private_folder, "code", "alice")
        assert first.exit_code == second.exit_code == 0
        assert "activation code for alice: " in first.output
        listed = await run(authority, private_folder, "list", "--json")
        assert [person["username"] for person in json.loads(listed.output)] == ["alice"]


def test_the_code_is_not_suggested_as_an_argument(capsys: pytest.CaptureFixture[str]) -> None:
    """A person who follows what is printed types the code where the process list does not show it."""
    show_code("alice", {"code": "ABCDE12345"}, "http://localhost:8080", False)
    commands = [line for line in capsys.readouterr().out.splitlines() if line.startswith("pushgate device enroll")]
    assert len(commands) == 1
    assert "ABCDE12345" not in commands[0]


async def test_a_removed_user_is_gone(private_folder: Path) -> None:
    """An administrator who removes alice finds nobody of that name."""
    async with running_authority(private_folder) as authority:
        await run(authority, private_folder, "add", "alice")
        assert (await run(authority, private_folder, "remove", "alice", "--yes")).exit_code == 0
        missing = await run(authority, private_folder, "code", "alice")
        assert isinstance(missing.exception, PushgateError)
        assert missing.exception.message == "no user 'alice'"


async def test_devices_are_listed_with_the_fingerprint_that_they_show(private_folder: Path) -> None:
    """An administrator can compare what the new device shows with what the authority has."""
    async with running_authority(private_folder) as authority:
        added = json.loads((await run(authority, private_folder, "add", "alice", "--json")).output)
        device = SigningDevice(authority.page_url, authority.http)
        fingerprint = (await device.activate(added["code"]))["fingerprint"]
        listed = json.loads((await run(authority, private_folder, "devices", "alice", "--json")).output)
        assert [(each["label"], each["fingerprint"]) for each in listed] == [("test", fingerprint)]
        assert fingerprint in (await run(authority, private_folder, "devices", "alice")).output


async def test_a_revoked_device_answers_no_more(private_folder: Path) -> None:
    """An administrator who revokes after a loss leaves nothing that could approve."""
    async with running_authority(private_folder) as authority:
        device = await authority.enrol("alice")
        assert (await run(authority, private_folder, "revoke", "alice", "--yes")).exit_code == 0
        assert json.loads((await run(authority, private_folder, "devices", "alice", "--json")).output) == []
        assert (await device.get("/device/v1/sessions")).status == 401


async def test_removing_asks_first(private_folder: Path) -> None:
    """An administrator who does not confirm removes nobody."""
    async with running_authority(private_folder) as authority:
        await run(authority, private_folder, "add", "alice")
        assert (await run(authority, private_folder, "remove", "alice")).exit_code == 1
        assert (await run(authority, private_folder, "code", "alice")).exit_code == 0


async def test_the_table_lists_names(private_folder: Path) -> None:
    """An administrator reads names in a table."""
    async with running_authority(private_folder) as authority:
        await run(authority, private_folder, "add", "alice", "--name", "Alice Example")
        assert "alice" in (await run(authority, private_folder, "list")).output


async def test_people_of_a_provider_that_is_named(private_folder: Path) -> None:
    """An administrator with several providers chooses whose people a verb is about, by name."""
    async with running_authority(private_folder) as authority:
        elsewhere = named("elsewhere", PROVIDER.replace("{url}", "http://127.0.0.1:1"))
        phones = named("phones", PROVIDER).partition("\n")[2]
        config = write_config(
            private_folder,
            *(elsewhere, phones, RADIUS, "login: {{providers: [elsewhere, phones]}}\n"),
            url=authority.api_url.removesuffix("/api"),
            api_key=authority.api_key,
            domain_id=authority.domain_id,
        )

        async def call(*arguments: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, cli, ["user", *arguments, "--config", str(config)])

        added = await call("add", "alice", "--provider", "phones")
        assert added.exit_code == 0, added.exception
        assert "open http" not in added.output
        assert json.loads((await call("bypass", "alice", "--json", "--provider", "phones")).output)["code"]
        assert "cannot be reached" in str((await call("list")).exception)
        assert "no provider is called x" in str((await call("totp", "alice", "--provider", "x")).exception)


async def test_a_configuration_without_provider_says_so(private_folder: Path) -> None:
    """An administrator whose configuration names no provider is told what is missing."""
    path = write_config(private_folder, "authority: {{}}\n")
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["user", "list", "--config", str(path)])
    assert isinstance(result.exception, PushgateError)
    assert "provider is missing" in result.exception.message


@pytest.mark.parametrize("name", ["", "a" * 129])
async def test_an_impossible_name_is_refused_in_words(private_folder: Path, name: str) -> None:
    """An administrator who mistypes a name is told that the authority refused it."""
    async with running_authority(private_folder) as authority:
        result = await run(authority, private_folder, "add", name)
        assert isinstance(result.exception, PushgateError)
        assert "refused" in result.exception.message


async def test_a_code_that_waits_is_shown_again(private_folder: Path) -> None:
    """An administrator sees the code that waits, and an active device, without making another code."""
    async with running_authority(private_folder) as authority:
        made = json.loads((await run(authority, private_folder, "add", "alice", "--json")).output)["code"]
        assert (await run(authority, private_folder, "code", "alice", "--show")).output == (
            f"alice: activation code {made} waits\n"
        )
        await authority.enrol_code(made)
        shown = await run(authority, private_folder, "code", "alice", "--show", "--json")
        assert json.loads(shown.output) == {"username": "alice", "state": "active", "code": None}
        await run(authority, private_folder, "revoke", "alice", "--yes")
        assert "no token" in (await run(authority, private_folder, "code", "alice", "--show")).output
