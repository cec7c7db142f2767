"""The timer that undoes a trial."""

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from pushgate.clock import FakeClock
from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic, boot, setup, timer, trial
from pushgate.pamsetup.boot import Moment
from pushgate.pamsetup.lock import make_state_folder
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.trial import Trial
from tests.support.pam_places import contents, places, recipe
from tests.support.processes import wait_until

__all__ = ["places"]

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def begin(places: Places, now: Moment, seconds: float) -> Trial:
    """Begin a trial of sudo."""
    make_state_folder(places)
    changes = setup.plan_install(places, recipe("sudo"), ())
    begun = trial.begin(places, "sudo", changes, now, seconds, NOON + timedelta(seconds=seconds), os.getpid())
    setup.apply(places, recipe("sudo"), changes, NOON)
    return begun


def test_a_process_of_its_own_undoes_it_in_time(places: Places) -> None:
    """Armed without systemd, the real timer waits in a session of its own and puts every byte back."""
    before = contents(places)
    begun = begin(places, boot.now(), 1.0)
    timer.arm(begun, 1.0)
    assert contents(places) != before
    wait_until(lambda: contents(places) == before, 10, "the files of before")
    assert boot.now().seconds >= begun.deadline
    wait_until(lambda: not places.trial.exists(), 5, "the end of the trial")


def test_it_ends_when_the_trial_is_confirmed(places: Places) -> None:
    """Once no trial of its name is under way, the timer ends and touches nothing."""
    begun = begin(places, boot.now(), 60.0)
    installed = contents(places)
    timer.arm(begun, 60.0)
    wait_until(lambda: len(waiting(begun)) == 1, 10, "the timer")
    atomic.delete(places.trial)
    wait_until(lambda: not waiting(begun), 10, "the timer to end")
    assert contents(places) == installed


def waiting(begun: Trial) -> list[Path]:
    """List the processes that wait for this trial."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes()
        except OSError:
            continue
        if begun.ident.encode() in line:
            found.append(entry)
    return found


async def test_it_waits_for_the_deadline_and_not_longer(places: Places) -> None:
    """The wait ends at the deadline of the machine's clock."""
    clock, start = FakeClock(), boot.now()
    begun = begin(places, start, 120.0)
    began = clock.now()
    waited = asyncio.create_task(
        timer.wait(
            places.trial, begun.ident, clock, lambda: replace(start, seconds=start.seconds + clock.now() - began)
        )
    )
    await clock.advance(119.0)
    assert not waited.done()
    await clock.advance(1.5)
    assert waited.done()


async def test_a_machine_that_slept_is_late_but_not_forgotten(places: Places) -> None:
    """While the machine slept the deadline passed: the wait ends with the next short step."""
    clock, start = FakeClock(), boot.now()
    begun = begin(places, start, 600.0)
    moments = iter([start, start, replace(start, seconds=start.seconds + 3600)])
    waited = asyncio.create_task(timer.wait(places.trial, begun.ident, clock, lambda: next(moments)))
    await clock.advance(1.1)
    assert waited.done()


async def test_another_trial_is_not_its_own(places: Places) -> None:
    """A timer of an earlier trial neither waits for nor undoes the next one."""
    begun = begin(places, boot.now(), 600.0)
    installed = contents(places)
    await timer.wait(places.trial, "another", FakeClock(), boot.now)
    await timer.finish(places.trial, "another", FakeClock())
    assert contents(places) == installed
    assert timer.read(places.trial, begun.ident) == begun


def test_systemd_calls_it_at_the_deadline(places: Places) -> None:
    """Called with the name of the trial, it undoes that at once."""
    before = contents(places)
    begun = begin(places, boot.now(), 600.0)
    assert timer.main(["now", str(places.trial), begun.ident]) == 0
    assert contents(places) == before
    assert timer.main(["now", str(places.trial), begun.ident]) == 0


async def test_what_it_cannot_undo_it_tries_again(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is full the timer goes on trying, ever less often; once there is room every byte is as before."""
    clock, before = FakeClock(), contents(places)
    begun = begin(places, boot.now(), 600.0)
    tries = []

    def fail(path: Path, _: atomic.Content) -> None:
        tries.append(clock.now())
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(atomic, "write", fail)
        finished = asyncio.create_task(timer.finish(places.trial, begun.ident, clock))
        await clock.advance(4000.0)
        assert not finished.done()
        assert places.trial.exists()
    moments = sorted(set(tries))
    assert [later - sooner for sooner, later in pairwise(moments)][:8] == [5, 10, 20, 40, 80, 160, 300, 300]
    await clock.advance(300.0)
    assert finished.done()
    assert contents(places) == before
    assert not places.trial.exists()


async def test_an_unreadable_record_does_not_end_it(places: Places) -> None:
    """A record that cannot be read for a while is tried again, by the wait and by the end of it."""
    clock, before = FakeClock(), contents(places)
    begun = begin(places, boot.now(), 600.0)
    places.trial.chmod(0o666)
    await timer.wait(places.trial, begun.ident, clock, boot.now)
    finished = asyncio.create_task(timer.finish(places.trial, begun.ident, clock))
    await clock.advance(1.0)
    places.trial.chmod(0o600)
    await clock.advance(5.0)
    assert finished.done()
    assert contents(places) == before


SYSTEMD_RUN = '#!/bin/sh\nprintf "%s\\n" "$@" > {folder}/arguments\nexit {status}\n'


def with_systemd(places: Places, folder: Path, status: int) -> Places:
    """Make the machine one that systemd runs."""
    (folder / "systemd").mkdir()
    program = folder / "systemd-run"
    program.write_text(SYSTEMD_RUN.format(folder=folder, status=status))
    systemctl = folder / "systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" > {folder}/enabled\nexit 1\n')
    for each in (program, systemctl):
        each.chmod(0o755)
    return replace(places, systemd=folder / "systemd", systemd_run=program, systemctl=systemctl)


def test_where_systemd_runs_it_keeps_the_timer(places: Places, private_folder: Path) -> None:
    """Under systemd a timer unit of its own is started, which no login takes along when it ends."""
    begun = begin(with_systemd(places, private_folder, 0), boot.now(), 120.0)
    timer.arm(begun, 120.0)
    arguments = (private_folder / "arguments").read_text().splitlines()
    assert (private_folder / "enabled").read_text() == "enable --quiet pushgate-pam-trial.service\n"
    assert {"--on-active=120s", f"--unit=pushgate-pam-trial-{begun.ident}"} <= set(arguments)
    assert arguments[-6:] == ["-I", "-m", "pushgate.pamsetup.timer", "now", str(places.trial), begun.ident]


def test_a_timer_that_does_not_start_is_an_error(places: Places, private_folder: Path) -> None:
    """Without a timer there is no trial: the error comes before anything is changed."""
    own = with_systemd(places, private_folder, 1)
    begun = begin(own, boot.now(), 120.0)
    with pytest.raises(PushgateError, match="could not be started") as caught:
        timer.arm(begun, 120.0)
    assert caught.value.hint == "nothing has been changed"
    own.systemd_run.unlink()
    with pytest.raises(PushgateError, match="no such file"):
        timer.arm(begun, 120.0)
