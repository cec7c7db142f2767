"""Seeds, codes and numbers go through CLI, RADIUS, core and authority at debug level; none may come out anywhere."""

import asyncio
import json
import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pyotp
import pytest

from pushgate.cli.device_api import TerminalDevice
from tests.support.gate import PUSHGATE, Gate, wait_for_question
from tests.support.radius import RadiusSender, access_request
from tests.system.test_canaries import command_lines, spellings

pytestmark = pytest.mark.system

ACCEPT, REJECT = 2, 3
GUESS = "864213"
CHOSEN, MISTYPED = "57", "93"


async def logins(gate: Gate, device: TerminalDevice, app: pyotp.TOTP, bypass: str) -> dict[str, str]:
    """Log in by right, used and wrong codes and by numbers, until codes lock; return the codes that were typed."""
    # Codes of the next steps: the first one is used up, and these stay right for as long as a busy machine may take.
    code, late = app.at(time.time() + 30), app.at(time.time() + 60)
    with RadiusSender(gate.radius_port, secret=gate.secret) as nas:
        identifiers = iter(range(1, 200))

        async def type_in(field: str) -> int:
            request = access_request("alice", field, secret=gate.secret, identifier=next(identifiers))
            return await nas.ask(request)

        assert [await type_in(code), await type_in(bypass)] == [ACCEPT, ACCEPT]
        for wrong in (code, bypass, GUESS, GUESS, GUESS):
            assert await type_in(wrong) == REJECT
        assert await type_in(late) == REJECT  # the codes are locked by now, devices are not
        for typed, expected in ((CHOSEN, ACCEPT), (MISTYPED, REJECT)):
            login = asyncio.create_task(type_in(CHOSEN))
            question = await asyncio.to_thread(wait_for_question, device)
            assert question.number_required
            with_number = asyncio.to_thread(device.decide, question, "approved", typed)
            await asyncio.gather(with_number, return_exceptions=True)
            assert await login == expected
    return {"code": code, "late code": late, "bypass code": bypass, "guess": GUESS}


def values_of(value: Any) -> set[str]:
    """Every value in a JSON value, as text; ids and times are longer than a number."""
    if isinstance(value, dict):
        return set().union(*(values_of(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(values_of(inner) for inner in value))
    return {str(value)}


async def test_no_code_seed_or_number_comes_out(private_folder: Path) -> None:
    """An administrator with every log at debug level finds no seed, code or number in logs, audit or process lists."""
    with command_lines() as processes, Gate(private_folder, timeout=20) as gate:
        device = await asyncio.to_thread(gate.enroll, "alice")
        seed = json.loads(gate.run("user", "totp", "alice", "--json"))["secret"]
        app = pyotp.TOTP(seed)
        first = app.now()
        confirmed = subprocess.run(
            [PUSHGATE, "user", "totp", "alice", "--confirm", "-", "--config", gate.config],
            input=first.encode(),
            capture_output=True,
            check=True,
        )
        bypass = json.loads(gate.run("user", "bypass", "alice", "--json"))["code"]
        secrets = await logins(gate, device, app, bypass) | {"seed": seed, "first code": first}
        printed = (
            confirmed.stdout
            + confirmed.stderr
            + b"".join(
                gate.run("user", *verb).encode()
                for verb in (
                    ("bypass", "alice", "--list"),
                    ("devices", "alice"),
                    ("list",),
                    ("devices", "alice", "--json"),
                )
            )
        )
        assert gate.stop() == 0

    texts = {"printed": printed, "command lines": b"\n".join(processes.seen)}
    texts |= {path.name: path.read_bytes() for path in private_folder.rglob("*") if path.is_file()}
    assert b"approved" in texts["audit.jsonl"]
    assert b"bad_code" in texts["audit.jsonl"]
    assert b"codes.locked" in texts["authority.db"] + texts.get("authority.db-wal", b"")
    found = [
        f"{kind} in {name}"
        for kind, secret in secrets.items()
        for name, text in texts.items()
        if any(spelling in text for spelling in spellings(secret.encode()))
    ]
    assert found == []
    for name in ("daemon.log", "audit.jsonl"):
        lines = [json.loads(line) for line in texts[name].decode().splitlines() if line.startswith("{")]
        assert len(lines) > 5
        assert values_of(lines) & {CHOSEN, MISTYPED} == set()
        assert not re.search(rf"number\W{{1,4}}({CHOSEN}|{MISTYPED})\b", texts[name].decode())
