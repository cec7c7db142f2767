"""``pushgate user totp`` and ``pushgate user bypass``, against a running authority."""

import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pyotp
import pytest
from click.testing import CliRunner, Result

from pushgate.cli.main import cli
from pushgate.cli.user_codes import describe
from pushgate.errors import PushgateError
from tests.support.authority import RunningAuthority, early_in_step, running_authority
from tests.support.config import PROVIDER, RADIUS, write_config


async def run(authority: RunningAuthority, folder: Path, *arguments: str, typed: str = "") -> Result:
    """Run one verb of ``pushgate user`` on this authority, in a thread: it is synchronous."""
    path = write_config(
        folder,
        PROVIDER,
        RADIUS,
        url=authority.api_url.removesuffix("/api"),
        api_key=authority.api_key,
        domain_id=authority.domain_id,
    )
    command = ["user", *arguments, "--config", str(path)]
    return await asyncio.to_thread(CliRunner().invoke, cli, command, input=typed)


def error_of(result: Result) -> str:
    """Return the message of the error that ended a command."""
    assert isinstance(result.exception, PushgateError)
    return result.exception.message


def code_of(seed: str, steps: int = 0) -> str:
    """The code that an app shows now, or some steps away."""
    return pyotp.TOTP(seed).at(time.time() + 30 * steps)


async def devices(authority: RunningAuthority, folder: Path) -> list[dict[str, Any]]:
    """What alice can log in with."""
    return json.loads((await run(authority, folder, "devices", "alice", "--json")).output)


async def test_a_seed_is_made_confirmed_and_removed(private_folder: Path) -> None:
    """An administrator gives alice an app's codes: they open once confirmed, are listed, and can be taken away."""
    async with running_authority(private_folder) as authority:
        await early_in_step()
        await authority.add_user("alice")
        made = json.loads((await run(authority, private_folder, "totp", "alice", "--json")).output)
        seed = made["secret"]
        assert (made["username"], made["active"]) == ("alice", False)
        assert made["uri"].startswith("otpauth://totp/Example%20Org:alice?secret=")
        assert await devices(authority, private_folder) == []
        wrong = await run(authority, private_folder, "totp", "alice", "--confirm", code_of(seed, 9))
        assert error_of(wrong) == "this is not the code of the new seed"
        right = await run(authority, private_folder, "totp", "alice", "--confirm", "-", typed=f"{code_of(seed, -1)}\n")
        assert right.output == "alice can log in with the app's codes\n"
        assert [one["kind"] for one in await devices(authority, private_folder)] == ["totp"]
        listed = json.loads((await run(authority, private_folder, "list", "--json")).output)
        assert [person["factors"] for person in listed] == [["totp"]]
        assert (await authority.type_code(code_of(seed)))["state"] == "approved"
        gone = await run(authority, private_folder, "totp", "alice", "--remove", "--json")
        assert json.loads(gone.output) == {"username": "alice", "active": False}
        again = await run(authority, private_folder, "totp", "alice", "--remove")
        assert error_of(again) == "this user has no one-time codes"
        late = await run(authority, private_folder, "totp", "alice", "--confirm", "123456")
        assert error_of(late) == "no seed waits for its first code"
        assert (await authority.type_code(code_of(seed, 1)))["state"] == "denied"


async def test_a_seed_is_shown_to_people(private_folder: Path) -> None:
    """A person reads the seed in groups of four, its address, and a QR code that a camera can find."""
    async with running_authority(private_folder) as authority:
        await authority.add_user("alice")
        result = await run(authority, private_folder, "totp", "alice", "--qr")
        plain = await run(authority, private_folder, "totp", "alice")
    match = re.search(r"shown only now: (([A-Z2-7]{4} ?){8})\n(otpauth://\S+)\n", result.output)
    assert match
    assert f"secret={match[1].replace(' ', '')}" in match[3]
    # A code of version 5 or more, two rows of modules in a line, with its quiet zone.
    blocks = [line for line in result.output.splitlines() if re.fullmatch("[█▀▄ ]{40,}", line)]
    assert len(blocks) >= 20
    assert len({len(line) for line in blocks}) == 1
    assert "not active yet: pushgate user totp alice --confirm CODE" in result.output
    assert "█" not in plain.output


async def test_a_bypass_code_opens_as_often_as_it_says(private_folder: Path) -> None:
    """An administrator makes a code for two logins, sees what is left of it, and it opens twice."""
    async with running_authority(private_folder) as authority:
        await authority.add_user("alice")
        made = json.loads((await run(authority, private_folder, "bypass", "alice", "--uses", "2", "--json")).output)
        assert re.fullmatch("[0-9]{9}", made["code"])
        assert (made["username"], made["uses"], made["of"]) == ("alice", 2, 2)
        assert re.fullmatch(r"20\d\d-\d\d-\d\d \d\d:\d\d UTC", made["expires"])
        assert (await authority.type_code(made["code"], key="bypasscode"))["state"] == "approved"
        listed = json.loads((await run(authority, private_folder, "bypass", "alice", "--list", "--json")).output)
        assert listed == [{"id": made["id"], "uses": 1, "of": 2, "expires": made["expires"]}]
        assert [one["kind"] for one in await devices(authority, private_folder)] == ["bypass"]
        table = (await run(authority, private_folder, "bypass", "alice", "--list")).output
        assert made["id"][:8] in table
        assert made["code"] not in table
        assert (await authority.type_code(made["code"], key="bypasscode"))["state"] == "approved"
        assert (await authority.type_code(made["code"], key="bypasscode"))["state"] == "denied"


async def test_bypass_codes_are_revoked_by_their_id(private_folder: Path) -> None:
    """An administrator takes back one code by the first characters of its id, then all; an unclear id takes none."""
    async with running_authority(private_folder) as authority:
        await authority.add_user("alice")
        shown = (await run(authority, private_folder, "bypass", "alice", "--minutes", "0")).output
        match = re.search(
            r"shown only now: ([0-9]{9})\nopens 1 time\(s\), without end; its id is ([0-9a-f]{8})\n", shown
        )
        assert match
        for _ in range(2):
            await run(authority, private_folder, "bypass", "alice")
        for unclear, message in (("zz", "no code has"), ("", "no code has")):
            result = await run(authority, private_folder, "bypass", "alice", "--revoke", unclear)
            assert error_of(result) == f"{message} an id that starts like this"
        assert "revoked 1" in (await run(authority, private_folder, "bypass", "alice", "--revoke", match[2])).output
        assert (await authority.type_code(match[1], key="bypasscode"))["state"] == "denied"
        rest = json.loads((await run(authority, private_folder, "bypass", "alice", "--revoke", "all", "--json")).output)
        assert len(rest["revoked"]) == 2
        assert await devices(authority, private_folder) == []


async def test_losing_a_phone_leaves_bypass_codes(private_folder: Path) -> None:
    """An administrator who revokes after a loss ends devices and seed; the bypass code for that day still opens."""
    async with running_authority(private_folder) as authority:
        await authority.enrol("alice")
        await authority.enrol_totp()
        code = (await authority.bypass_code())["code"]
        assert [one["kind"] for one in await devices(authority, private_folder)] == ["cli", "totp", "bypass"]
        result = await run(authority, private_folder, "revoke", "alice", "--yes")
        assert "one-time codes are gone too, bypass codes are not" in result.output
        assert [one["kind"] for one in await devices(authority, private_folder)] == ["bypass"]
        assert (await authority.type_code(code, key="bypasscode"))["state"] == "approved"


@pytest.mark.parametrize(
    "arguments",
    [
        ["totp", "alice", "--remove", "--qr"],
        ["totp", "alice", "--remove", "--confirm", "123456"],
        ["bypass", "alice", "--list", "--revoke", "all"],
        ["bypass", "alice", "--uses", "0"],
        ["bypass", "alice", "--minutes", "527041"],
    ],
)
async def test_calls_that_mean_two_things_are_refused(private_folder: Path, arguments: list[str]) -> None:
    """A command that asks for two things at once, or for what is out of bounds, changes nothing."""
    async with running_authority(private_folder) as authority:
        await authority.add_user("alice")
        assert (await run(authority, private_folder, *arguments)).exit_code == 2
        assert await devices(authority, private_folder) == []


async def test_nobody_has_no_codes(private_folder: Path) -> None:
    """An administrator who mistypes a name is told so."""
    async with running_authority(private_folder) as authority:
        for verb in ("totp", "bypass"):
            assert error_of(await run(authority, private_folder, verb, "nobody")) == "no user 'nobody'"


@pytest.mark.parametrize(
    ("sent", "expires"),
    [
        ("2026-11-21T21:54:00+0000", "2026-11-21 21:54 UTC"),
        ("9999-12-31T23:59:59+0000", None),
        ("soon\x1b[2J", "soon\\x1b[2J"),
        (None, "None"),
    ],
)
def test_another_servers_spelling_is_shown_safely(sent: Any, expires: str | None) -> None:
    """A moment that cannot be read is shown as it came, cleaned."""
    assert describe({"id": "a", "dtExpiry": sent, "usesRemaining": "x"}) == {
        "id": "a",
        "uses": None,
        "of": None,
        "expires": expires,
    }
