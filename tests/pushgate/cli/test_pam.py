"""``pushgate pam``; on a machine's real paths it runs in tests/system/test_pam_setup.py."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from pushgate.cli import pam as verbs
from pushgate.cli.pam import Duration, pam, the_places
from pushgate.errors import PushgateError
from pushgate.pamsetup import boot, timer, work
from pushgate.pamsetup import trial as trials
from pushgate.pamsetup.places import Places
from tests.support.config import PROVIDER, write_config
from tests.support.pam_places import add_login, answering, contents, own_places

PAM = """\
pam:
  socket: {folder}/pam.sock
  services: {{sshd: , sudo: , sudo-i: , su: , su-l: }}
"""


@pytest.fixture
def places(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Places]:
    """A machine's files, a configuration, a daemon that listens, and a login in which we are."""
    own = replace(own_places(private_folder), proc=str(private_folder / "proc"))
    add_login(Path(own.proc), 50, pid=os.getpid())
    monkeypatch.setattr(verbs, "the_places", lambda _: own)
    monkeypatch.setattr(work.begin_trial, "__defaults__", (lambda _, __: None,))
    write_config(private_folder, PROVIDER, PAM)
    with answering(private_folder / "pam.sock"):
        yield own


def run(places: Places, *arguments: str) -> Result:
    """Run one verb."""
    config = ["--config", str(places.module.with_name("pushgate.yaml"))] if arguments[0] in ("install", "try") else []
    return CliRunner().invoke(pam, [*arguments, *config])


@pytest.mark.parametrize(("text", "seconds"), [("30s", 30), ("120s", 120), ("2m", 120), ("15m", 900), ("90", 90)])
def test_a_time_is_read(text: str, seconds: int) -> None:
    """A trial lasts as long as it says, in seconds or minutes."""
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["29s", "16m", "901s", "0m", "", "-30s", "1h", "99999m", "30 s", "\u0663\u0660s"])
def test_another_time_is_refused(text: str) -> None:
    """A trial too short to log in, or so long that it is forgotten, is a wrong call."""
    with pytest.raises(click.UsageError, match="no time between 30s and 15m"):
        Duration().convert(text, None, None)


def test_dry_run_changes_nothing(places: Places) -> None:
    """An administrator sees the difference, and nothing has changed."""
    before = contents(places)
    result = run(places, "install", "sudo", "--dry-run")
    assert result.exit_code == 0
    assert f"+auth required {places.module} socket=" in result.stdout
    assert result.stdout.endswith("nothing has been changed (--dry-run)\n")
    assert contents(places) == before


def test_install_show_remove(places: Places) -> None:
    """A stack goes in, is shown, goes in no second time, and comes out without a trace."""
    before = contents(places)
    assert run(places, "install", "sshd", "--factor", "password").stdout.endswith("pushgate pam remove sshd\n")
    assert run(places, "install", "sshd", "--factor", "password").stdout == "sshd: already installed (sshd-password)\n"
    shown = run(places, "show").stdout
    assert "sshd-password" in shown
    assert "sshd_config.d/pushgate.conf: yes\ntrial: none\n" in shown
    facts = json.loads(run(places, "show", "--json").stdout)
    assert (facts["services"][0]["position"], facts["sshd_drop_in"], facts["trial"]) == ("after common-auth", "yes", "")
    assert "sshd: removed\n" in run(places, "remove", "sshd").stdout
    assert "sshd: nothing of pushgate's was in place\n" in run(places, "remove", "sshd").stdout
    assert contents(places) == before


def test_sudo_without_a_password(places: Places) -> None:
    """On demand the approval takes the place of the password."""
    assert run(places, "install", "sudo", "--without-password").exit_code == 0
    assert "#pushgate# @include common-auth" in (places.pam_folder / "sudo").read_text()


def test_a_warning_goes_to_standard_error(places: Places) -> None:
    """An administrator without a root password is warned with what to do, before anything changes."""
    places.shadow.write_text("root:*:1::::::\n")
    result = run(places, "install", "su", "--dry-run")
    assert "warning: root has no password" in result.stderr
    assert "hint: set one (sudo passwd root)" in result.stderr


def test_a_trial_says_what_to_do(places: Places) -> None:
    """Whoever begins a trial reads until when it lasts and what to run where."""
    result = run(places, "try", "sshd", "--for", "2m", "--no-wait")
    assert result.exit_code == 0, result.output
    assert "sshd is being tried for 120 s, until 20" in result.stdout
    assert "log in with ssh" in result.stdout
    assert "sudo pushgate pam confirm" in result.stdout
    assert "trial: sshd, until 20" in run(places, "show").stdout


def test_what_is_in_place_is_not_tried(places: Places) -> None:
    """A trial of what is installed would undo nothing: refused."""
    run(places, "install", "su")
    result = run(places, "try", "su")
    assert isinstance(result.exception, PushgateError)
    assert result.exception.hint == "to try it again: pushgate pam remove su"


def test_a_trial_is_confirmed(places: Places) -> None:
    """From a new login, what was tried stays."""
    run(places, "try", "sudo", "--no-wait")
    assert "the login that began the trial" in str(run(places, "confirm").exception)
    Path(places.proc).rename(Path(places.proc).with_name("before"))
    add_login(Path(places.proc), boot.now().ticks + 100, pid=os.getpid())
    assert run(places, "confirm").stdout == "sudo: confirmed, it stays. To undo it: pushgate pam remove sudo\n"


def test_every_verb_undoes_a_forgotten_trial_first(places: Places) -> None:
    """A trial whose time is over is undone by whatever is run next, which says so."""
    before = contents(places)
    run(places, "try", "sudo", "--no-wait")
    begun = trials.load(places.trial, places.owner)
    assert begun is not None
    trials.save(replace(begun, boot="an earlier boot"))
    result = run(places, "show")
    assert "pushgate: the trial of sudo ended at" in result.stderr
    assert contents(places) == before


def test_a_trial_that_runs_out_while_it_is_watched(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever stays and confirms nothing hears that everything is as before, and the command fails."""
    monkeypatch.setattr(verbs, "SHORTEST", 1)
    monkeypatch.setattr(work.begin_trial, "__defaults__", (timer.arm,))
    before = contents(places)
    result = run(places, "try", "sudo", "--for", "1s")
    assert str(result.exception) == "the trial of sudo was not confirmed: rolled back"
    assert contents(places) == before


def test_nobody_but_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else is told to use sudo."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(PushgateError) as caught:
        the_places(None)
    assert caught.value.hint == "sudo pushgate pam ..."


def test_the_module_can_be_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module at another place is written into the stack from there."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert the_places(Path("/opt/m.so")).module == Path("/opt/m.so")
    assert the_places(None) == Places()


def test_what_the_system_refuses_has_a_hint(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk is an error like any other: what is wrong, and what to do."""

    def fail(_: Places) -> str:
        raise OSError(28, "No space left on device", "/var/lib/pushgate/pam")

    monkeypatch.setattr(work, "settle", fail)
    result = run(places, "show")
    assert isinstance(result.exception, PushgateError)
    assert result.exception.message == "/var/lib/pushgate/pam: no space left on device"
    assert result.exception.hint
