"""The commands that list, follow and answer logins."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pushgate.cli.device import approve, deny, pending, watch
from pushgate.cli.device_answer import choose, follow, show_changes
from pushgate.cli.device_context import read_pending
from pushgate.cli.device_messages import decision_message
from pushgate.clock import FakeClock
from pushgate.errors import PushgateError
from tests.support.devices import DEVICE_ID, NONCE, SESSION_ID, context, fake_now, linked_device, session, verify
from tests.support.scripted_authority import ScriptedAuthority, scripted_authority

OTHER_ID = "0" * 40


def key_file(folder: Path, authority: ScriptedAuthority) -> str:
    """Store a device linked to the scripted authority."""
    linked_device(authority.address).save(folder / "device.json")
    return str(folder / "device.json")


def error_of(result: Result) -> PushgateError:
    """Return the error that ended a command."""
    assert isinstance(result.exception, PushgateError)
    return result.exception


def test_pending(private_folder: Path) -> None:
    """The list of logins is printed as a table and as JSON."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [session()]})
        assert SESSION_ID[:8] in CliRunner().invoke(pending, ["--key", key]).output
        authority.then(200, {"sessions": [session()]})
        output = CliRunner().invoke(pending, ["--json", "--key", key]).output
    assert json.loads(output) == [
        {"id": SESSION_ID, "expires_in": 57.3, "waiting": 0, "number_required": False, "context": context()}
    ]


def test_approve_the_only_one(private_folder: Path) -> None:
    """With one login waiting no id is needed: it is shown whole, and a y approves exactly what was shown."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [session()]})
        authority.then(200, {"id": SESSION_ID, "state": "approved"})
        result = CliRunner().invoke(approve, ["--key", key], input="y\n")
        sent = authority.asked[1].json()
    assert result.exit_code == 0
    assert "203.0.113.7 (as the service reports it)" in result.output
    assert result.output.endswith(f"Login {SESSION_ID[:8]}: approved.\n")
    point = linked_point(private_folder)
    verify(point, sent["sig"], decision_message(SESSION_ID, DEVICE_ID, "approved", NONCE, session()["ctx"]))


def linked_point(folder: Path) -> bytes:
    """Return the public key of the stored device."""
    from pushgate.cli.device_api import TerminalDevice

    return TerminalDevice.load(folder / "device.json").key.point()


@pytest.mark.parametrize("typed", ["n\n", "\n", ""])
def test_approve_takes_only_yes(private_folder: Path, typed: str) -> None:
    """Without a clear yes nothing is sent."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [session()]})
        result = CliRunner().invoke(approve, ["--key", key, SESSION_ID[:4]], input=typed)
        assert [asked.method for asked in authority.asked] == ["GET"]
    assert result.exit_code == 1


def test_approve_as_json(private_folder: Path) -> None:
    """A program that insists gets only JSON on standard output; what was signed goes to standard error."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [session()]})
        authority.then(200, {"id": SESSION_ID, "state": "approved"})
        result = CliRunner().invoke(approve, ["--json", "--yes", "--key", key, SESSION_ID])
    assert json.loads(result.stdout) == {"id": SESSION_ID, "state": "approved"}
    assert "203.0.113.7" in result.stderr


def needing_number() -> dict[str, Any]:
    """Return a session that needs a number."""
    return session(ctx=json.dumps(context(number_required=True)), number_required=True)


@pytest.mark.parametrize(
    ("arguments", "typed"),
    [
        ([], "y\n07\n"),
        (["--number", "07"], "y\n"),
        (["--yes", "--number", "07", SESSION_ID], ""),
        ([], "y\n \uff10\uff17 \n"),
    ],
)
def test_approve_with_a_number(private_folder: Path, arguments: list[str], typed: str) -> None:
    """A number is named or asked for, and is signed and sent with the approval."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [needing_number()]})
        authority.then(200, {"id": SESSION_ID, "state": "approved"})
        result = CliRunner().invoke(approve, ["--key", key, *arguments], input=typed)
        sent = authority.asked[1].json()
    assert result.exit_code == 0
    assert "you need the number that is shown where you log in" in result.output
    assert sent["number"] == "07"
    ctx = needing_number()["ctx"]
    point = linked_point(private_folder)
    verify(point, sent["sig"], decision_message(SESSION_ID, DEVICE_ID, "approved", NONCE, ctx, "07"))


@pytest.mark.parametrize(
    ("needs", "arguments", "typed", "message"),
    [
        (True, ["--yes", SESSION_ID], "", "this login needs the number that is shown where you log in"),
        (True, [], "y\n7\n", "a number is two digits: nothing was sent"),
        (True, ["--number", "0x7"], "y\n", "a number is two digits: nothing was sent"),
        (False, ["--number", "07"], "y\n", "this login needs no number"),
    ],
)
def test_number_that_is_missing_or_of_no_form(
    private_folder: Path, needs: bool, arguments: list[str], typed: str, message: str
) -> None:
    """A slip of the fingers is caught here: the authority takes a wrong number for the one try."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [needing_number() if needs else session()]})
        result = CliRunner().invoke(approve, ["--key", key, *arguments], input=typed)
        assert [asked.method for asked in authority.asked] == ["GET"]
    assert error_of(result).message == message


def test_number_that_only_ctx_asks_for(private_folder: Path) -> None:
    """An authority whose wrapping denies what the signed text says does not get an approval without number."""
    lying = {**needing_number(), "number_required": False}
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [lying]})
        result = CliRunner().invoke(approve, ["--key", key, "--yes", SESSION_ID])
    assert "needs the number" in error_of(result).message


def test_wrong_number(private_folder: Path) -> None:
    """A person whose number was wrong is told that the login is denied."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [needing_number()]})
        authority.then(200, {"id": SESSION_ID, "state": "denied", "reason": "wrong_number"})
        result = CliRunner().invoke(approve, ["--key", key, "--number", "07"], input="y\n")
    assert error_of(result).message == "that is not the number of this login: it is denied now"


def test_approve_unclear(private_folder: Path) -> None:
    """With two logins waiting an approval without an id is refused."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [session(), session(OTHER_ID)]})
        result = CliRunner().invoke(approve, ["--key", key])
        assert [asked.method for asked in authority.asked] == ["GET"]
    assert error_of(result).message == "2 logins are waiting"


def test_login_from_elsewhere_is_warned_of(private_folder: Path) -> None:
    """A person who answers one login hears of another one to the same service, and of where it comes from."""
    elsewhere = session(OTHER_ID, ctx=json.dumps(context(ip="198.51.100.9")))
    other = session("1" * 40, ctx=json.dumps(context(service="sudo", ip="192.0.2.1")))
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [elsewhere, session(), other]})
        authority.then(200, {"id": SESSION_ID, "state": "approved"})
        result = CliRunner().invoke(approve, ["--key", key, SESSION_ID], input="y\n")
    warning = "Careful: another login to sshd waits, from 198.51.100.9 (as the service reports it)."
    assert warning in result.output
    assert "192.0.2.1" not in result.output


def test_approve_blindly(private_folder: Path) -> None:
    """A script that would approve whatever waits is refused before anything is asked for."""
    with scripted_authority() as authority:
        result = CliRunner().invoke(approve, ["--yes", "--key", key_file(private_folder, authority)])
        assert authority.asked == []
    assert error_of(result).message == "--yes needs the login's id"


def test_login_that_cannot_be_shown_is_not_approved(private_folder: Path) -> None:
    """A ctx with a key that stands there twice is refused, even with --yes."""
    ctx = json.dumps(context())[:-1] + ',"host":"web2"}'
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [session(ctx=ctx)]})
        result = CliRunner().invoke(approve, ["--yes", "--key", key, SESSION_ID])
        assert [asked.method for asked in authority.asked] == ["GET"]
    assert "cannot be shown safely" in error_of(result).message


@pytest.mark.parametrize(
    ("arguments", "typed", "decision"),
    [
        ([SESSION_ID[:6]], "", "denied"),
        ([SESSION_ID[:6].upper(), "--report"], "", "denied.unknown_trigger"),
        ([], "y\n", "denied"),
        (["--yes", "--report"], "", "denied.unknown_trigger"),
    ],
)
def test_deny(private_folder: Path, arguments: list[str], typed: str, decision: str) -> None:
    """A login that is named is denied at once, one that is not after a question; a report is another decision."""
    with scripted_authority() as authority:
        key = key_file(private_folder, authority)
        authority.then(200, {"sessions": [session()]})
        authority.then(200, {"id": SESSION_ID, "state": "denied"})
        result = CliRunner().invoke(deny, ["--key", key, *arguments], input=typed)
        assert authority.asked[1].json()["decision"] == decision
    assert result.output.endswith(f"Login {SESSION_ID[:8]}: denied.\n")


@pytest.mark.parametrize(
    ("prefix", "chosen"), [("a", "a1"), ("b1", "b1"), ("b", None), ("c", None), ("", None), (None, None)]
)
def test_choice(prefix: str | None, chosen: str | None) -> None:
    """The first characters of an id name a login if they fit exactly one."""
    logins = [read_pending(session(identity)) for identity in ("a1", "b1", "b2")]
    if chosen is None:
        with pytest.raises(PushgateError):
            choose(logins, prefix)
    else:
        assert choose(logins, prefix).id == chosen


def test_choice_of_none() -> None:
    """Where nothing waits there is nothing to choose."""
    with pytest.raises(PushgateError, match="no login is waiting"):
        choose([], None)


def test_changes_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A login that comes is shown whole, one that stays is not shown again, one that goes is shown with its end."""
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(200, {"sessions": [session()]})
        known = show_changes(device, {}, as_json=False)
        assert "203.0.113.7" in capsys.readouterr().out
        authority.then(200, {"sessions": [session(expires_in=40)]})
        known = show_changes(device, known, as_json=False)
        assert capsys.readouterr().out == ""
        authority.then(200, {"sessions": [session(ctx=json.dumps(context(host="web2")))]})
        known = show_changes(device, known, as_json=False)
        assert "web2" in capsys.readouterr().out
        authority.then(200, {"sessions": []})
        authority.then(200, {"state": "expired"})
        assert show_changes(device, known, as_json=False) == {}
        assert capsys.readouterr().out == f"Login {SESSION_ID[:8]}: expired.\n"


def test_changes_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    """A program gets one line of JSON for each change."""
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        authority.then(200, {"sessions": [session()]})
        known = show_changes(device, {}, as_json=True)
        authority.then(200, {"sessions": []})
        authority.then(200, {"state": "cancelled"})
        show_changes(device, known, as_json=True)
    came, went = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (came["event"], came["id"], came["context"]) == ("request", SESSION_ID, context())
    assert went == {"event": "gone", "id": SESSION_ID, "state": "cancelled"}


class CountingClock(FakeClock):
    """A clock whose sleepers wake at once, and which remembers how long they wanted to sleep."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Note it."""
        self.slept.append(seconds)


def test_watch_comes_back_until_the_device_is_unlinked(capsys: pytest.CaptureFixture[str]) -> None:
    """A watcher reconnects, ever more slowly while the authority is away, and stops when it is not linked any more."""
    with scripted_authority() as authority:
        device = linked_device(authority.address)
        device.clock = clock = CountingClock()
        for _ in range(6):
            authority.then(503)
        authority.then(200, b": ka\n\n")
        authority.then(200, {"sessions": [session()]})
        authority.then(401, {"now": fake_now()})
        authority.then(401, {"now": fake_now()})
        with pytest.raises(PushgateError, match="not linked"):
            follow(device, as_json=False)
    assert clock.slept == [1, 2, 4, 8, 15, 15, 1]
    output = capsys.readouterr()
    assert "203.0.113.7" in output.out
    assert output.err.count("trying again") == 6


def test_watch_ends_with_ctrl_c(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C is the normal end of a watcher."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pushgate.cli.device_answer.follow", interrupted)
    with scripted_authority() as authority:
        result = CliRunner().invoke(watch, ["--key", key_file(private_folder, authority)])
    assert (result.exit_code, result.output) == (0, "")
