"""What the device commands print."""

import json

import pytest

from pushgate.cli.device_context import read_pending
from pushgate.cli.device_output import as_data, print_device, print_json, print_login, print_table
from tests.support.devices import DEVICE_ID, SESSION_ID, context, linked_device, session

HOSTILE = "\x1b]0;owned\x07[bold red]:warning:\u202e <b>"
VISIBLE = "\\x1b]0;owned\\x07[bold red]:warning:\\u202e <b>"


@pytest.fixture(autouse=True)
def wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make lines wide enough not to be folded."""
    monkeypatch.setenv("COLUMNS", "200")


def test_login_is_shown_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Everything in ctx is shown, hostile text as text: no escape, markup or emoji comes to life."""
    ctx = json.dumps(
        context(service="sudo", command=HOSTILE, extra=HOSTILE, attributes=[{"key": HOSTILE, "value": "v"}])
    )
    print_login(read_pending(session(ctx=ctx)))
    output = capsys.readouterr().out
    assert [output.count(VISIBLE), output.count("\x1b"), output.count("\u202e")] == [3, 0, 0]
    for value in ("auth.example.org", "alice", "sudo", "web1", "203.0.113.7", "2026-11-21 21:53:20 UTC", "57 s left"):
        assert value in output


def test_queue_behind_a_login_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A person learns that more logins wait, and from where."""
    print_login(read_pending(session(waiting={"count": 2, "from": ["198.51.100.1", ""]})), stderr=True)
    assert "Behind it 2 more of the same kind: from 198.51.100.1, address unknown." in capsys.readouterr().err


def test_table(capsys: pytest.CaptureFixture[str]) -> None:
    """The list shows one line for each login, with as much of the id as one has to type."""
    ctx = json.dumps(context(account="root", host=HOSTILE))
    print_table([read_pending(session(ctx=ctx))])
    heading, line = capsys.readouterr().out.splitlines()
    assert heading.split() == ["ID", "Account", "Service", "Host", "From", "Left"]
    assert line.split()[:5] == [SESSION_ID[:8], "alice", "→", "root", "sshd"]
    assert VISIBLE in line


def test_empty_table(capsys: pytest.CaptureFixture[str]) -> None:
    """An empty list is said to be empty."""
    print_table([])
    assert capsys.readouterr().out == "No login is waiting.\n"


def test_data() -> None:
    """A program gets the id, the seconds left and the parsed ctx."""
    assert as_data(read_pending(session())) == {
        "id": SESSION_ID,
        "expires_in": 57.3,
        "waiting": 0,
        "number_required": False,
        "context": context(),
    }


def test_json_is_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    """JSON on a terminal holds no control character of the text that it carries."""
    print_json({"host": HOSTILE})
    output = capsys.readouterr().out
    assert json.loads(output) == {"host": HOSTILE}
    assert output.isascii()
    assert output.removesuffix("\n").isprintable()


def test_device(capsys: pytest.CaptureFixture[str]) -> None:
    """A device is shown with its person and its fingerprint."""
    device = linked_device("http://localhost:8080")
    print_device(device, as_json=False)
    assert capsys.readouterr().out.splitlines() == [
        "This terminal answers for alice at default (http://localhost:8080).",
        f"Fingerprint: {device.fingerprint}   (the same must be shown where the code came from)",
    ]
    print_device(device, as_json=True)
    assert json.loads(capsys.readouterr().out) == {
        "user": "alice",
        "domain": "default",
        "server": "http://localhost:8080",
        "label": "test",
        "device_id": DEVICE_ID,
        "fingerprint": device.fingerprint,
    }
