"""The commands that link a terminal, show it and remove it."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pushgate.cli.device import device
from pushgate.cli.device_api import TerminalDevice
from pushgate.errors import PushgateError
from tests.support.devices import ActivationAnswer, fake_now, linked_device
from tests.support.ports import free_port
from tests.support.scripted_authority import scripted_authority

CODE = "d2mfr24k8r"


def run(*arguments: str, typed: str = "") -> Result:
    """Run one command of the group."""
    return CliRunner().invoke(device, arguments, input=typed)


def error_of(result: Result) -> PushgateError:
    """Return the error that ended a command."""
    assert isinstance(result.exception, PushgateError)
    return result.exception


@pytest.mark.parametrize(("arguments", "typed"), [((CODE,), ""), ((), "D2MF-R24K-8R\n")], ids=["argument", "input"])
def test_enroll(private_folder: Path, arguments: tuple[str, ...], typed: str) -> None:
    """A code as argument or on standard input links the terminal, which prints its fingerprint."""
    path = private_folder / "device.json"
    with scripted_authority() as authority:
        authority.answers.append(ActivationAnswer(authority))
        result = run(
            "enroll", "--server", authority.address, "--label", "L", "--key", str(path), *arguments, typed=typed
        )
        assert (authority.asked[0].json()["code"], authority.asked[0].json()["label"]) == (CODE, "L")
    assert (result.exit_code, result.exception) == (0, None)
    assert f"Fingerprint: {TerminalDevice.load(path).fingerprint} " in result.output
    assert CODE not in result.output


def test_enroll_as_json(private_folder: Path) -> None:
    """A program gets the device as JSON; without a label it is named after the machine."""
    path = private_folder / "device.json"
    with scripted_authority() as authority:
        authority.answers.append(ActivationAnswer(authority))
        result = run("enroll", "--server", authority.address, "--key", str(path), "--json", CODE)
    assert json.loads(result.output)["fingerprint"] == TerminalDevice.load(path).fingerprint
    assert json.loads(result.output)["label"].startswith("terminal on ")


def test_enroll_without_code(private_folder: Path) -> None:
    """No code, no device."""
    assert error_of(run("enroll", "--key", str(private_folder / "k"))).message == "no activation code was given"


def test_enroll_twice(private_folder: Path) -> None:
    """A terminal that is linked already keeps its key, and the code is not spent."""
    path = private_folder / "device.json"
    linked_device("http://localhost:8080").save(path)
    before = path.read_bytes()
    with scripted_authority() as authority:
        result = run("enroll", "--server", authority.address, "--key", str(path), CODE)
        assert authority.asked == []
    assert "linked already" in error_of(result).message
    assert path.read_bytes() == before


def test_enroll_where_others_may_write(private_folder: Path) -> None:
    """A key is not put where somebody else could swap it, and the code is not spent."""
    folder = private_folder / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with scripted_authority() as authority:
        result = run("enroll", "--server", authority.address, "--key", str(folder / "key"), CODE)
        assert authority.asked == []
    assert "writable by others" in error_of(result).message


def test_enroll_where_nothing_can_be_written(private_folder: Path) -> None:
    """A folder that cannot be made is found out before the code is spent."""
    (private_folder / "file").touch()
    result = run("enroll", "--key", str(private_folder / "file" / "key"), CODE)
    assert "cannot be written" in error_of(result).message


def test_refused_code_leaves_no_key(private_folder: Path) -> None:
    """A refused code leaves no file behind and is not repeated."""
    with scripted_authority() as authority:
        authority.then(404)
        result = run("enroll", "--server", authority.address, "--key", str(private_folder / "key"), CODE)
    assert error_of(result).message == "the activation code is not accepted"
    assert CODE not in result.output
    assert list(private_folder.iterdir()) == []


def test_show(private_folder: Path) -> None:
    """A linked terminal shows whom it answers for."""
    path = private_folder / "device.json"
    linked_device("http://localhost:8080").save(path)
    assert run("show", "--key", str(path)).output.startswith("This terminal answers for alice at default")


def test_remove(private_folder: Path) -> None:
    """A removed terminal is unlinked at the authority and its key is deleted."""
    path = private_folder / "device.json"
    with scripted_authority() as authority:
        linked_device(authority.address).save(path)
        authority.then(200)
        result = run("remove", "--key", str(path))
        assert authority.asked[0].method == "DELETE"
    assert result.output == "This terminal is no longer linked.\n"
    assert list(private_folder.iterdir()) == []


def test_remove_what_was_removed_elsewhere(private_folder: Path) -> None:
    """A terminal that the authority has forgotten already only deletes its key."""
    path = private_folder / "device.json"
    with scripted_authority() as authority:
        linked_device(authority.address).save(path)
        authority.then(401, {"now": fake_now()})
        authority.then(401, {"now": fake_now()})
        result = run("remove", "--json", "--key", str(path))
    assert json.loads(result.output)["removed"] is True
    assert not path.exists()


def test_remove_while_the_authority_is_away(private_folder: Path) -> None:
    """A key that may still be linked is kept, unless the person insists."""
    path = private_folder / "device.json"
    linked_device(f"http://127.0.0.1:{free_port()}").save(path)
    assert "cannot be reached" in error_of(run("remove", "--key", str(path))).message
    assert path.exists()
    result = run("remove", "--forget", "--key", str(path))
    assert "the authority was not told" in result.output
    assert not path.exists()
