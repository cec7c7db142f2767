"""``pushgate offline``: codes are prepared, shown once, listed and removed, on the file itself."""

import json
import re
import stat
import time
from pathlib import Path

import pyotp
import pytest
from click.testing import CliRunner, Result

from pushgate.cli.main import cli
from pushgate.errors import PushgateError
from pushgate.offline.checking import Checked, CodeCheck, Ruling
from pushgate.offline.spelling import read_code
from tests.support.config import PROVIDER, RADIUS, write_config

OFFLINE = "offline: {{file: {folder}/offline.db}}\n"


def run(folder: Path, *arguments: str, typed: str = "", config: str = OFFLINE) -> Result:
    """Run one verb of ``pushgate offline``."""
    path = write_config(folder, PROVIDER, RADIUS, config)
    return CliRunner().invoke(cli, ["offline", *arguments, "--config", str(path)], input=typed)


def answer(folder: Path, *arguments: str) -> object:
    """Run one verb for a program."""
    return json.loads(run(folder, *arguments, "--json").output)


def error_of(result: Result) -> PushgateError:
    """Return the error that ended a command; each says what to do."""
    assert isinstance(result.exception, PushgateError)
    assert result.exception.hint
    return result.exception


def check(folder: Path, user: str, typed: str) -> Checked:
    """Type a code at a login of now."""
    code = read_code(typed)
    assert code is not None
    return CodeCheck(folder / "offline.db", user, code, time.time()).run()


def test_codes_are_printed_once_and_open_once(private_folder: Path) -> None:
    """An administrator prints codes for alice's wallet; each opens, once, and no list shows them again."""
    result = run(private_folder, "codes", "alice", "--count", "2")
    first, second = re.findall(r"^  ([0-9a-z]{4}-[0-9a-z]{4}-[0-9a-z]{4})$", result.output, flags=re.MULTILINE)
    assert stat.S_IMODE((private_folder / "offline.db").stat().st_mode) == 0o600
    assert check(private_folder, "alice", first) == Checked(Ruling.RIGHT, left=1)
    assert check(private_folder, "alice", first).ruling is Ruling.USED
    for verb in (("list",), ("list", "--json")):
        shown = run(private_folder, *verb).output
        assert "alice" in shown
        assert first not in shown
        assert second not in shown


def test_five_codes_are_made_unless_told_otherwise(private_folder: Path) -> None:
    """A program gets the codes as JSON; the number has a bound."""
    made = answer(private_folder, "codes", "alice")
    assert isinstance(made, dict)
    assert len(set(made["codes"])) == 5
    assert made["username"] == "alice"
    for count in ("0", "21"):
        assert run(private_folder, "codes", "alice", "--count", count).exit_code == 2


def test_a_seed_is_made_and_confirmed(private_folder: Path) -> None:
    """An administrator gives alice an app's codes: they open once confirmed, by an argument or by standard input."""
    for confirm, typed in (("CODE", ""), ("-", "CODE\n")):
        made = answer(private_folder, "totp", "alice")
        assert isinstance(made, dict)
        app = pyotp.TOTP(made["secret"])
        assert made["active"] is False
        wrong = run(private_folder, "totp", "alice", "--confirm", app.at(time.time() + 300))
        assert "not the code" in error_of(wrong).message
        code = app.at(time.time() - 30)
        arguments = ("totp", "alice", "--confirm", confirm.replace("CODE", code))
        right = run(private_folder, *arguments, typed=typed.replace("CODE", code))
        assert right.output == "alice can log in with the app's codes\n"
        assert check(private_folder, "alice", app.at(time.time() + 30)).ruling is Ruling.RIGHT


def test_a_seed_is_shown_in_every_form_that_apps_take(private_folder: Path) -> None:
    """A person reads the seed in groups of four, its address, and a QR code that a camera can find."""
    output = run(private_folder, "totp", "alice", "--qr").output
    match = re.search(r"shown only now: (([A-Z2-7]{4} ?){8})\n(otpauth://\S+)\n", output)
    assert match
    assert f"secret={match[1].replace(' ', '')}" in match[3]
    assert len([line for line in output.splitlines() if re.fullmatch("[█▀▄ ]{40,}", line)]) >= 20
    assert "not active yet: pushgate offline totp alice --confirm CODE" in output
    assert "█" not in run(private_folder, "totp", "alice").output


def test_what_is_removed_is_gone(private_folder: Path) -> None:
    """An administrator removes the codes, the seed, or all, and is told when there was nothing."""
    for arguments, left in ((("--codes",), ("active", 0)), (("--totp",), ("none", 1)), ((), None)):
        seed = answer(private_folder, "totp", "alice")
        assert isinstance(seed, dict)
        run(private_folder, "totp", "alice", "--confirm", pyotp.TOTP(seed["secret"]).now())
        answer(private_folder, "codes", "alice", "--count", "1")
        assert "any more" in run(private_folder, "remove", "alice", *arguments).output
        listed = answer(private_folder, "list")
        assert isinstance(listed, list)
        assert [(entry["totp"], entry["codes"]) for entry in listed] == ([left] if left else [])
        run(private_folder, "remove", "alice")
    assert error_of(run(private_folder, "remove", "alice")).message == "alice has nothing of that"


@pytest.mark.parametrize("name", ["", " alice", "al\nice", "a" * 129])
def test_a_name_that_no_account_has_is_refused(private_folder: Path, name: str) -> None:
    """A command whose name holds a line end or blanks around changes nothing."""
    assert run(private_folder, "codes", name).exit_code == 2
    assert not (private_folder / "offline.db").exists()


def test_without_the_section_there_is_no_file(private_folder: Path) -> None:
    """An administrator whose configuration names no file reads what to add."""
    assert "no section offline" in error_of(run(private_folder, "codes", "alice", config="")).message


def test_a_file_that_lies_open_is_not_written(private_folder: Path) -> None:
    """An administrator is told of a file that others can read before another secret goes into it."""
    run(private_folder, "codes", "alice")
    (private_folder / "offline.db").chmod(0o644)
    for verb in (("codes", "alice"), ("totp", "alice"), ("list",), ("remove", "alice")):
        assert "chmod 600" in error_of(run(private_folder, *verb)).hint


def test_a_seed_that_nobody_made_cannot_be_confirmed(private_folder: Path) -> None:
    """An administrator who confirms the wrong name reads which command comes first."""
    assert "waits for a code" in error_of(run(private_folder, "totp", "bob", "--confirm", "123456")).message
