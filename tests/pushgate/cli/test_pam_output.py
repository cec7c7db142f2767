"""What ``pushgate pam`` prints."""

import asyncio
from pathlib import Path

import pytest

from pushgate.cli.pam_output import print_lines, print_next_steps, print_state, print_warnings, watch
from pushgate.clock import FakeClock
from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic, trial
from pushgate.pamsetup.boot import Moment
from pushgate.pamsetup.changes import Change
from pushgate.pamsetup.lock import make_state_folder
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.show import Service
from pushgate.pamsetup.trial import Trial
from tests.support.pam_places import places

__all__ = ["places"]


def begin(places: Places, service: str = "sudo") -> Trial:
    """Begin a trial of two minutes in which one file has changed."""
    make_state_folder(places)
    path = places.pam_folder / "sudo"
    before = atomic.read(path, places.owner)
    assert before is not None
    change = Change(path, before, before.with_text("# new\n"))
    begun = Trial("id", service, "boot", 220.0, "12:00:00 UTC", 0, 1, 1, (change,), places)
    trial.save(begun)
    change.make()
    return begun


async def watched(
    places: Places, capsys: pytest.CaptureFixture[str], *, on_terminal: bool, end: str
) -> tuple[bool, str]:
    """Watch a trial for 31 seconds, then end it."""
    clock, begun = FakeClock(), begin(places)
    start = clock.now()
    watching = asyncio.create_task(watch(begun, clock, lambda: Moment("boot", 100 + clock.now() - start), on_terminal))
    await clock.advance(31)
    assert not watching.done()
    if end == "confirmed":
        atomic.delete(places.trial)
    else:
        trial.roll_back(begun)
    await clock.advance(1)
    return await watching, capsys.readouterr().out


async def test_a_terminal_shows_each_second(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """On a terminal the time that is left is written over and over on one line, until the confirmation."""
    kept, shown = await watched(places, capsys, on_terminal=True, end="confirmed")
    assert kept
    assert shown.startswith("\r 120 s left \r 119 s left ")
    assert shown.endswith("\nsudo: confirmed, it stays\n")


async def test_a_file_gets_a_line_now_and_then(places: Places, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no terminal is, a line comes every quarter of a minute; a trial that was undone is not confirmed."""
    kept, shown = await watched(places, capsys, on_terminal=False, end="undone")
    assert (kept, shown.splitlines()) == (False, ["120 s left", "119 s left", "104 s left", "89 s left"])


@pytest.mark.parametrize(
    ("service", "command"),
    [
        ("sshd", "sudo pushgate pam confirm"),
        ("sudo", "sudo pushgate pam confirm"),
        ("su", "su -c 'pushgate pam confirm'"),
    ],
)
def test_the_next_steps_fit_the_service(
    places: Places, service: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whoever tries a service reads the command that goes through that very service."""
    print_next_steps(begin(places, service), 120)
    shown = capsys.readouterr().out
    assert f"{service} is being tried for 120 s, until 12:00:00 UTC" in shown
    assert shown.splitlines()[-1] == f"  2. run there: {command}"


def test_the_state_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """An administrator sees each service in a line, and below it what is too long for a table."""
    module = str(Path("/usr/lib/pushgate/pam_pushgate.so"))
    line = ("required", "after common-auth", "debug", module)
    found = [Service("sudo", "yes", "sudo", *line, "/b/sudo.1"), Service("su", "no", "", "", "", "", "", "")]
    print_state(found, "no", "")
    shown = capsys.readouterr().out
    assert "after common-auth" in shown
    tail = ["pushgate.conf: no", "trial: none", f"sudo loads {module} debug", "last backup of sudo: /b/sudo.1"]
    assert [line.removeprefix("sshd_config.d/") for line in shown.splitlines()[-4:]] == tail


def test_lines_and_warnings(capsys: pytest.CaptureFixture[str]) -> None:
    """What was done goes to standard output, what to beware of to standard error, each with its hint."""
    print_lines(["wrote /etc/pam.d/su"])
    print_warnings([PushgateError("root has no password", "set one")])
    shown = capsys.readouterr()
    assert shown.out == "wrote /etc/pam.d/su\n"
    assert shown.err == "pushgate: warning: root has no password\npushgate: hint: set one\n"
