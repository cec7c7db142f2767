"""A trial: what begins it, confirms it and undoes it."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic, setup, sshd, trial
from pushgate.pamsetup.boot import Moment
from pushgate.pamsetup.lock import make_state_folder
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.trial import Trial
from tests.support.pam_places import add_login, add_process, contents, own_places, recipe

HZ = os.sysconf("SC_CLK_TCK")
BEGAN = Moment("this-boot", 100.0)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIRST, LATER = 50 * HZ, 200 * HZ
"""Logins that began before the trial and after it."""


@pytest.fixture
def places(private_folder: Path) -> Places:
    """A machine's files, and a /proc with the login that begins the trial."""
    own = replace(own_places(private_folder), proc=str(private_folder / "proc"))
    add_login(Path(own.proc), FIRST)
    make_state_folder(own)
    return own


def begin(places: Places, name: str) -> Trial:
    """Begin a trial of two minutes, and put everything in place."""
    changes = setup.plan_install(places, recipe(name), ())
    begun = trial.begin(places, recipe(name).service, changes, BEGAN, 120, NOON, FIRST + 3)
    setup.apply(places, recipe(name), changes, NOON)
    return trial.go_live(begun, Moment("this-boot", 101.0))


def under_way(places: Places) -> Trial | None:
    """Read the trial that is under way."""
    return trial.load(places.trial, places.owner)


@pytest.mark.parametrize("name", ["sshd-key", "sudo", "su"])
def test_an_unconfirmed_trial_leaves_no_trace(places: Places, name: str) -> None:
    """Rolled back, every byte is as before, and no trial is under way."""
    before = contents(places)
    begun = begin(places, name)
    assert contents(places) != before
    assert under_way(places) == begun
    assert trial.roll_back(begun)[0].startswith("restored ")
    assert contents(places) == before
    assert under_way(places) is None


def test_it_is_written_down_before_anything_changes(places: Places) -> None:
    """What undoes it lies there, readable for root alone, while every file is still as before."""
    before = contents(places)
    changes = setup.plan_install(places, recipe("sudo"), ())
    begun = trial.begin(places, "sudo", changes, BEGAN, 120, NOON, FIRST + 3)
    assert contents(places) == before
    assert places.trial.stat().st_mode & 0o777 == 0o600
    assert under_way(places) == begun
    assert trial.roll_back(begun) == []
    assert contents(places) == before


def test_it_is_over_at_its_deadline_or_with_the_boot(places: Places) -> None:
    """A trial ends at its deadline, and a restart of the machine ends it at once."""
    begun = begin(places, "sudo")
    assert not begun.is_over(Moment("this-boot", 219.9))
    assert begun.remaining(Moment("this-boot", 219.0)) == 1.0
    assert begun.is_over(Moment("this-boot", 220.0))
    assert begun.is_over(Moment("next-boot", 10.0))
    assert begun.remaining(Moment("next-boot", 10.0)) == 0.0
    assert begun.ends == "2026-01-01 12:00:00 UTC"


@pytest.mark.parametrize(
    ("name", "program"), [("sshd-key", "/usr/bin/sudo"), ("sudo", "/usr/bin/sudo"), ("su", "/usr/bin/su")]
)
def test_a_new_login_confirms(places: Places, name: str, program: str) -> None:
    """A login that began after everything was in place ends the trial, and everything stays."""
    begun = begin(places, name)
    installed = contents(places)
    trial.confirm(places, begun, add_login(Path(places.proc), LATER, program=program))
    assert under_way(places) is None
    assert contents(places) == installed


def refused(places: Places, begun: Trial, pid: int, reason: str) -> None:
    """Try to confirm, and look why not; the trial goes on."""
    with pytest.raises(PushgateError, match=reason) as caught:
        trial.confirm(places, begun, pid)
    assert "pushgate pam confirm" in caught.value.hint
    assert under_way(places) == begun


def test_the_login_that_began_it_cannot_confirm(places: Places) -> None:
    """The first login shows nothing about new ones, also by a sudo of later."""
    begun = begin(places, "sudo")
    refused(places, begun, FIRST + 3, "the login that began the trial")
    proc = Path(places.proc)
    add_process(proc, LATER, FIRST + 1, "/usr/bin/sudo")
    add_process(proc, LATER + 1, LATER, "/usr/bin/python3")
    refused(places, begun, LATER + 1, "the login that began the trial")


def test_an_older_login_cannot_confirm(places: Places) -> None:
    """Another terminal that was open before, or opened while the files were written, shows nothing either."""
    begun = begin(places, "sshd-key")
    proc = Path(places.proc)
    for start in (FIRST - 20, 100 * HZ + 5):
        refused(places, begun, add_login(proc, start), "this login is older than the trial")


def test_the_console_does_not_confirm_a_trial_of_sshd(places: Places) -> None:
    """A new login on the console says nothing about ssh."""
    begun = begin(places, "sshd-key")
    add_process(Path(places.proc), LATER, 1, "/usr/bin/login")
    add_process(Path(places.proc), LATER + 1, LATER, "/bin/bash")
    refused(places, begun, LATER + 1, "did not come through ssh")


def test_the_console_confirms_a_trial_of_sudo(places: Places) -> None:
    """A new login on the console and a new sudo in it show that sudo works."""
    begun = begin(places, "sudo")
    add_process(Path(places.proc), LATER, 1, "/usr/bin/login")
    add_process(Path(places.proc), LATER + 1, LATER, "/usr/bin/sudo")
    add_process(Path(places.proc), LATER + 2, LATER + 1, "/usr/bin/python3")
    trial.confirm(places, begun, LATER + 2)
    assert under_way(places) is None


def test_a_trial_of_sudo_wants_a_sudo(places: Places) -> None:
    """Root's own new login, and one through su, show nothing about sudo."""
    begun = begin(places, "sudo")
    refused(places, begun, add_login(Path(places.proc), LATER, program="/usr/bin/su"), "did not come through sudo")


def test_a_login_that_cannot_be_told_does_not_confirm(places: Places) -> None:
    """A process that is not there confirms nothing."""
    begun = begin(places, "sudo")
    with pytest.raises(PushgateError, match="cannot tell which login"):
        trial.confirm(places, begun, 999_999)
    assert under_way(places) == begun


def test_other_edits_survive_the_roll_back(places: Places) -> None:
    """What an administrator edits in the file during the trial stays; our lines go."""
    begun = begin(places, "sudo")
    path = places.pam_folder / "sudo"
    path.write_text(path.read_text() + "session optional pam_umask.so\n")
    trial.roll_back(begun)
    assert path.read_text().endswith("session optional pam_umask.so\n")
    assert "pushgate" not in path.read_text()


def test_torn_marks_do_not_keep_a_trial_in_place(places: Places) -> None:
    """If our marks were torn apart, the file of before comes back as a whole, and a copy is kept of what was there."""
    before = contents(places)
    begun = begin(places, "sudo")
    path = places.pam_folder / "sudo"
    path.write_text(path.read_text().replace("# END pushgate\n", "# edited\n"))
    torn = path.read_bytes()
    trial.roll_back(begun)
    assert contents(places) == before
    assert torn in [copy.read_bytes() for copy in places.backups.glob("sudo.*")]


def test_a_deleted_file_comes_back(places: Places) -> None:
    """A file that somebody deleted during the trial is there again."""
    before = contents(places)
    begun = begin(places, "su")
    (places.pam_folder / "su").unlink()
    trial.roll_back(begun)
    assert contents(places) == before


def test_a_file_that_was_made_open_comes_back(places: Places) -> None:
    """A file that others may write meanwhile, or a link in its place, does not keep a trial in place."""
    before = contents(places)
    begun = begin(places, "sudo")
    (places.pam_folder / "sudo").chmod(0o666)
    (places.pam_folder / "sudo-i").unlink()
    (places.pam_folder / "sudo-i").symlink_to("sudo")
    trial.roll_back(begun)
    assert contents(places) == before
    for name in ("sudo", "sudo-i"):
        assert (places.pam_folder / name).lstat().st_mode & 0o777 == 0o644
        assert not (places.pam_folder / name).is_symlink()


def test_what_cannot_be_undone_is_tried_again(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """If sshd does not take the old files, the rest is undone, the error says what is left, and the trial stays."""
    before = contents(places)
    begun = begin(places, "sshd-key")
    with monkeypatch.context() as patched:
        patched.setattr(sshd, "reload", lambda _: (_ for _ in ()).throw(PushgateError("no", "x")))
        with pytest.raises(PushgateError, match="could not be undone: sshd: no") as caught:
            trial.roll_back(begun)
    assert "pushgate pam remove sshd" in caught.value.hint
    assert contents(places) == before
    trial.roll_back(begun)
    assert under_way(places) is None


def test_sshd_asks_for_the_key_until_pam_asks_for_the_password(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the stack cannot be put back, the drop-in stays: at no time is the approval alone enough for a login."""
    before = contents(places)
    begun = begin(places, "sshd-key")
    tried = contents(places)

    def fail(path: Path, _: atomic.Content) -> None:
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(atomic, "write", fail)
        with pytest.raises(PushgateError, match=r"could not be undone: .*pam.d/sshd: no space left"):
            trial.roll_back(begun)
    assert contents(places) == tried
    assert under_way(places) == begun
    trial.roll_back(begun)
    assert contents(places) == before


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"changes": [], "places": {}}', '{"changes": 1, "places": {}}'])
def test_a_broken_record_is_an_error(places: Places, text: str) -> None:
    """A record that cannot be read is said, and not taken for none."""
    places.trial.write_text(text)
    with pytest.raises(PushgateError, match="is no trial") as caught:
        under_way(places)
    assert caught.value.hint


def test_somebody_elses_record_is_refused(places: Places) -> None:
    """A record that others could have written is no order to change files."""
    begin(places, "sudo")
    places.trial.chmod(0o666)
    with pytest.raises(PushgateError, match="others may write it"):
        under_way(places)
