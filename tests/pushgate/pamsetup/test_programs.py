"""Running other programs."""

import os
from pathlib import Path

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import programs
from pushgate.pamsetup.programs import run


def test_the_callers_environment_stays_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable of the caller does not reach what root starts."""
    monkeypatch.setenv("LD_PRELOAD_OF_MINE", "1")
    assert set(run(["/usr/bin/env"]).stdout.splitlines()) == {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C"}


def test_a_missing_program_is_said() -> None:
    """A program that is not there gives an error with a hint."""
    with pytest.raises(PushgateError, match="no such file") as caught:
        run([Path("/no/such/program")])
    assert caught.value.hint


def test_a_program_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that does not end holds nobody up."""
    monkeypatch.setattr(programs, "SECONDS", 0.05)
    with pytest.raises(PushgateError, match="did not end"):
        run(["/bin/sleep", "60"])


def test_a_detached_program_has_a_session_of_its_own(tmp_path: Path) -> None:
    """What is to outlive the login does not hang on its terminal."""
    command = ["/bin/sh", "-c", f"ps -o sid= -p $$ > {tmp_path}/sid"]
    assert run(command, detached=True).stdout is None
    assert int((tmp_path / "sid").read_text()) != os.getsid(0)
