"""The verbs of ``pushgate pam``."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from pushgate.errors import ConfigurationError, PushgateError
from pushgate.pamsetup import boot, work
from pushgate.pamsetup import trial as trials
from pushgate.pamsetup.boot import Moment
from pushgate.pamsetup.lock import locked
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.trial import Trial
from pushgate.pamsetup.work import Job
from tests.support.config import PROVIDER, RADIUS, write_config
from tests.support.pam_places import add_login, answering, contents, own_places

PAM = """\
pam:
  socket: {folder}/pam.sock
  services: {{sshd: , sudo: , sudo-i: , su: , su-l: }}
"""
TWO_MINUTES = timedelta(seconds=120)


@pytest.fixture
def places(private_folder: Path) -> Iterator[Places]:
    """A machine's files, a daemon that listens, and a login in which we are."""
    own = replace(own_places(private_folder), proc=str(private_folder / "proc"))
    add_login(Path(own.proc), 50, pid=os.getpid())
    with answering(private_folder / "pam.sock"):
        yield own


def job(places: Places, service: str) -> Job:
    """Prepare a stack."""
    config = places.state.parent.parent / "pushgate.yaml"
    if not config.exists():
        write_config(config.parent, PROVIDER, PAM)
    return work.prepare(places, service, "key", False, config)


def log_in_anew(places: Places) -> None:
    """Make this process one of a login that begins now."""
    proc = Path(places.proc)
    proc.rename(proc.with_name("proc-before"))
    add_login(proc, boot.now().ticks + 100, pid=os.getpid())


def armed(calls: list[str], places: Places) -> Callable[[Trial, float], None]:
    """Return what notes how everything was when the timer was armed."""

    def arm(begun: Trial, seconds: float) -> None:
        calls.append(f"{begun.service} {seconds:g} {places.trial.exists()} {'BEGIN' in str(contents(places))}")

    return arm


def no_timer(_: Trial, __: float) -> None:
    """Arm nothing: this test undoes its trial itself."""


def test_install_and_remove(places: Places) -> None:
    """A stack goes in and comes out, each with what was done; the second time there is nothing to do."""
    before = contents(places)
    prepared = job(places, "sshd")
    assert [note.message for note in prepared.check()] == []
    assert f"+++ {places.drop_in}" in prepared.diff
    assert work.install(prepared)[-1] == f"wrote {places.pam_folder}/sshd"
    assert job(places, "sshd").changes == ()
    said, left = work.remove(places, "sshd")
    assert (said[0], left) == (f"wrote {places.pam_folder}/sshd", [f"left: {places.backups} (what the files were)"])
    assert contents(places) == before
    assert work.remove(places, "sshd")[0] == []


def test_everything_in_the_way_is_named(places: Places) -> None:
    """A stack that could not work is refused with all its reasons; one that is in place already needs no check."""
    prepared = job(places, "sudo")
    work.install(prepared)
    places.module.unlink()
    assert job(places, "sudo").check() == []
    (places.pam_folder / "su").write_text("@include common-auth\n")
    with pytest.raises(ConfigurationError, match="the module is not there"):
        job(places, "su").check()


def test_a_stack_that_does_not_hold_is_refused(places: Places) -> None:
    """What libpam or our own reading refuses is an error of the check, before anything is written."""
    (places.pam_folder / "su").write_text("@include common-auth\n")
    with pytest.raises(PushgateError, match="root itself would be asked"):
        job(places, "su").check()


def test_a_configuration_without_pam_is_refused(private_folder: Path) -> None:
    """A daemon that runs no PAM answers nobody."""
    config = write_config(private_folder, PROVIDER, RADIUS)
    with pytest.raises(PushgateError, match="has no section pam") as caught:
        work.prepare(own_places(private_folder), "sshd", "key", False, config)
    assert caught.value.hint


def test_a_file_that_changed_meanwhile_is_not_overwritten(places: Places) -> None:
    """What somebody edits between the difference and the writing is not lost."""
    prepared = job(places, "sudo")
    (places.pam_folder / "sudo").write_text("# edited\n@include common-auth\n")
    with pytest.raises(PushgateError, match="somebody has changed it"):
        work.install(prepared)
    assert (places.pam_folder / "sudo").read_text() == "# edited\n@include common-auth\n"


def test_the_timer_is_armed_before_anything_is_live(places: Places) -> None:
    """When the timer starts, the way back is written down and no file has changed yet."""
    calls: list[str] = []
    begun, said = work.begin_trial(job(places, "sudo"), TWO_MINUTES, armed(calls, places))
    assert calls == ["sudo 120 True False"]
    assert said == [f"wrote {places.pam_folder}/sudo", f"wrote {places.pam_folder}/sudo-i"]
    assert work.is_under_way(begun)
    assert work.is_in_place(begun)
    assert work.describe_trial(places) == f"sudo, until {begun.ends}"


def test_a_timer_that_fails_changes_nothing(places: Places) -> None:
    """Without a timer no file changes and no trial is left."""
    before = contents(places)

    def fail(_: Trial, __: float) -> None:
        raise PushgateError("the timer did not start", "x")

    with pytest.raises(PushgateError, match="did not start"):
        work.begin_trial(job(places, "sudo"), TWO_MINUTES, fail)
    assert contents(places) == before
    assert work.describe_trial(places) == ""


def test_a_trial_that_fails_halfway_leaves_nothing(places: Places) -> None:
    """If sshd would do otherwise, everything is undone and no trial is left."""
    places.drop_in.with_name("50.conf").write_text("PasswordAuthentication yes\n")
    before = contents(places)
    with pytest.raises(PushgateError, match="passwordauthentication yes"):
        work.begin_trial(job(places, "sshd"), TWO_MINUTES, no_timer)
    assert contents(places) == before
    assert work.describe_trial(places) == ""


def test_a_trial_that_cannot_be_noted_is_left_to_the_timer(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """If everything is live and the note of it fails, the trial stays armed and is undone."""
    before = contents(places)

    def fail(_: Trial, __: Moment) -> Trial:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trials, "go_live", fail)
    with pytest.raises(OSError, match="No space"):
        work.begin_trial(job(places, "sudo"), TWO_MINUTES, no_timer)
    assert work.describe_trial(places).startswith("sudo, until")
    work.settle(places, Moment("next-boot", 1.0))
    assert contents(places) == before


def test_a_trial_is_confirmed_from_a_new_login(places: Places) -> None:
    """The first login is refused, a new one keeps everything, and then there is nothing left to confirm."""
    begun, _ = work.begin_trial(job(places, "sudo"), TWO_MINUTES, no_timer)
    with pytest.raises(PushgateError, match="the login that began the trial"):
        work.confirm(places)
    log_in_anew(places)
    assert work.confirm(places) == "sudo"
    assert not work.is_under_way(begun)
    assert work.is_in_place(begun)
    with pytest.raises(PushgateError, match="no trial is under way"):
        work.confirm(places)


def test_during_a_trial_nothing_else_is_installed(places: Places) -> None:
    """Neither a stack nor a second trial is put on top of a trial."""
    work.begin_trial(job(places, "sudo"), TWO_MINUTES, no_timer)
    with pytest.raises(PushgateError, match="a trial of sudo is under way until") as caught:
        work.install(job(places, "su"))
    assert "pushgate pam confirm" in caught.value.hint
    with pytest.raises(PushgateError, match="a trial of sudo is under way until"):
        work.begin_trial(job(places, "su"), TWO_MINUTES, no_timer)


def test_remove_ends_a_trial(places: Places) -> None:
    """An administrator who removes what is being tried gets the files back and has no trial any more."""
    before = contents(places)
    begun, _ = work.begin_trial(job(places, "sshd"), TWO_MINUTES, no_timer)
    assert work.remove(places, "sshd")[0][0] == f"restored {places.pam_folder}/sshd"
    assert contents(places) == before
    assert not work.is_under_way(begun)


def test_a_trial_whose_time_is_over_is_undone_by_the_next_run(places: Places) -> None:
    """If the timer was killed or the machine restarted, the next command undoes the trial and says so."""
    before = contents(places)
    begun, _ = work.begin_trial(job(places, "su"), TWO_MINUTES, no_timer)
    assert work.settle(places) == ""
    assert work.settle(places, Moment("next-boot", 1.0)) == (
        f"the trial of su ended at {begun.ends} unconfirmed: rolled back"
    )
    assert contents(places) == before
    assert work.settle(places) == ""


def test_two_runs_do_not_interleave(places: Places) -> None:
    """While one run changes files, another is told to wait."""
    prepared = job(places, "su")
    with locked(places), pytest.raises(PushgateError, match="just changing files"):
        work.install(prepared)


def test_a_line_by_hand_is_left_and_named(places: Places) -> None:
    """What somebody wrote by hand is not removed, and the administrator hears of it."""
    (places.pam_folder / "su").write_text("auth required /x/pam_pushgate.so\n")
    said, left = work.remove(places, "su")
    assert (said, left) == ([], [f"left: {places.pam_folder}/su: loads the module in a line written by hand"])


def test_only_our_services_are_removed(places: Places) -> None:
    """A name that is none of ours is refused."""
    with pytest.raises(PushgateError, match="common-auth: not installed there"):
        work.remove(places, "common-auth")
