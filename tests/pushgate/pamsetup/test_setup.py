"""A stack is put in place and taken out again."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import atomic, setup, sshd
from pushgate.pamsetup.changes import Change, Steps
from pushgate.pamsetup.lock import make_state_folder
from pushgate.pamsetup.places import Places
from tests.support.pam_places import contents, places, recipe

__all__ = ["places"]

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = ("sshd-key", "sshd-password", "sudo", "sudo-push", "su")


class Killed(BaseException):
    """The moment at which something ends us."""


def install(places: Places, name: str) -> list[str]:
    """Put a stack in place."""
    make_state_folder(places)
    changes = setup.plan_install(places, recipe(name), ())
    setup.check_plan(places, recipe(name), changes, 75)
    return setup.apply(places, recipe(name), changes, NOW)


def remove(places: Places, service: str) -> list[str]:
    """Take it out."""
    changes = setup.plan_remove(places, service)
    setup.check_plan(places, None, changes)
    return setup.apply(places, None, changes, NOW)


@pytest.mark.parametrize("name", NAMES)
def test_installed_and_removed_every_byte_is_as_before(places: Places, name: str) -> None:
    """Each stack goes in and comes out without a trace; a second time changes nothing."""
    before = contents(places)
    install(places, name)
    assert contents(places) != before
    assert setup.plan_install(places, recipe(name), ()) == []
    remove(places, recipe(name).service)
    assert contents(places) == before
    assert setup.plan_remove(places, recipe(name).service) == []


def test_sshd_asks_for_more_before_pam_asks_for_less(places: Places) -> None:
    """While it is put in place and while it is taken out, never does the approval stand alone."""
    order = [change.path for change in setup.plan_install(places, recipe("sshd-key"), ())]
    assert order == [places.drop_in, places.pam_folder / "sshd"]
    install(places, "sshd-key")
    assert [change.path for change in setup.plan_remove(places, "sshd")] == order[::-1]


def test_the_files_keep_mode_and_a_copy(places: Places) -> None:
    """A file keeps its mode, and what it was lies in our own folder, not in PAM's."""
    path = places.pam_folder / "sudo"
    path.chmod(0o640)
    before = path.read_bytes()
    install(places, "sudo")
    assert path.stat().st_mode & 0o777 == 0o640
    (copy,) = places.backups.glob("sudo.*")
    assert copy.read_bytes() == before
    assert {entry.name for entry in places.pam_folder.iterdir()} >= {"sudo", "sudo-i"}
    assert not list(places.pam_folder.glob("*pushgate*"))


def test_a_change_of_mind_needs_no_removal(places: Places) -> None:
    """From key to password in one step, and back to the original in another."""
    before = contents(places)
    install(places, "sshd-key")
    install(places, "sshd-password")
    assert "AuthenticationMethods keyboard-interactive" in places.drop_in.read_text()
    remove(places, "sshd")
    assert contents(places) == before


@pytest.mark.parametrize("kind", [Killed, OSError])
@pytest.mark.parametrize(
    ("name", "target"),
    # Each write in turn: the drop-in, which was not there before, then copy and file of each stack.
    [(name, target) for name, writes in (("sshd-key", 3), ("sudo", 4), ("su", 2)) for target in range(writes)],
)
def test_a_failure_at_any_file_undoes_all(
    places: Places, name: str, kind: type[BaseException], target: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever file cannot be written, backup or real one, everything is as it was."""
    before = contents(places)
    real: Callable[..., None] = atomic.write
    calls = iter(range(100))

    def fail(path: Path, content: atomic.Content) -> None:
        if next(calls) == target:
            raise kind(28, "No space left on device")
        real(path, content)

    make_state_folder(places)
    changes = setup.plan_install(places, recipe(name), ())
    monkeypatch.setattr(atomic, "write", fail)
    with pytest.raises(Killed if kind is Killed else PushgateError):
        setup.apply(places, recipe(name), changes, NOW)
    assert contents(places) == before


def test_an_sshd_that_decides_otherwise_undoes_all(places: Places) -> None:
    """If sshd would not do what the stack needs, the drop-in is gone again and PAM untouched."""
    places.drop_in.with_name("50.conf").write_text("PasswordAuthentication yes\n")
    before = contents(places)
    with pytest.raises(PushgateError, match="passwordauthentication yes instead of no"):
        install(places, "sshd-key")
    assert contents(places) == before


def test_a_failed_reload_undoes_all(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """If sshd does not take the new files, they are gone again, and it is told to read the old ones."""
    before = contents(places)
    calls: list[dict[str, Any]] = []

    def reload(_: Places) -> str:
        calls.append(contents(places))
        if len(calls) == 1:
            raise PushgateError("systemctl reload ssh.service: refused", "journalctl -u ssh")
        return "reloaded"

    monkeypatch.setattr(sshd, "reload", reload)
    with pytest.raises(PushgateError, match="refused"):
        install(places, "sshd-key")
    assert contents(places) == before == calls[1]


def test_an_sshd_that_is_broken_already_is_not_touched(places: Places) -> None:
    """A configuration that sshd refuses as it is stops us before anything is written."""
    places.sshd_config.write_text("Broken\n")
    before = contents(places)
    with pytest.raises(PushgateError, match="Bad configuration option"):
        install(places, "sshd-key")
    assert contents(places) == before


def test_a_broken_sshd_is_not_reloaded(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """A reload would end an sshd that refuses its files: it is left running."""
    monkeypatch.setattr(sshd, "reload", lambda _: pytest.fail("reloaded"))
    places.sshd_config.write_text("Broken\n")
    with pytest.raises(PushgateError, match="Bad configuration option"):
        setup.reload_sshd(places)


def test_a_drop_in_by_hand_is_not_overwritten(places: Places) -> None:
    """A file of that name that somebody wrote is refused at the installation and left at the removal."""
    places.drop_in.write_text("UsePAM yes\n")
    with pytest.raises(PushgateError, match="written by hand"):
        setup.plan_install(places, recipe("sshd-key"), ())
    assert setup.plan_remove(places, "sshd") == []


def test_a_missing_service_is_said(places: Places) -> None:
    """Without sudo's file there is nothing to edit; without sudo-i, sudo alone is."""
    (places.pam_folder / "sudo-i").unlink()
    assert len(setup.plan_install(places, recipe("sudo"), ())) == 1
    (places.pam_folder / "sudo").unlink()
    with pytest.raises(PushgateError, match="sudo: is not there") as caught:
        setup.plan_install(places, recipe("sudo"), ())
    assert "package" in caught.value.hint


def test_a_linked_service_is_refused(places: Places) -> None:
    """A stack that is a link to elsewhere is not edited."""
    (places.pam_folder / "su").rename(places.pam_folder / "su-real")
    (places.pam_folder / "su").symlink_to("su-real")
    with pytest.raises(PushgateError, match="symbolic link"):
        setup.plan_install(places, recipe("su"), ())


def test_an_edit_after_the_installation_survives_the_removal(places: Places) -> None:
    """What an administrator adds to the file meanwhile is there afterwards."""
    install(places, "sudo")
    path = places.pam_folder / "sudo"
    path.write_text(path.read_text() + "session optional pam_umask.so\n")
    remove(places, "sudo")
    assert path.read_text().endswith("@include common-account\nsession optional pam_umask.so\n")
    assert "pushgate" not in path.read_text()


def test_a_stack_with_a_way_around_is_not_installed(places: Places) -> None:
    """A line before ours that lets people in stops the installation."""
    (places.pam_folder / "sudo").write_text("auth sufficient pam_u2f.so\n@include common-auth\n")
    with pytest.raises(PushgateError, match="lets people in past the module"):
        install(places, "sudo")


def test_a_short_grace_time_stops_the_installation(places: Places) -> None:
    """An sshd that ends logins before the person can answer is refused."""
    places.sshd_config.write_text("UsePAM yes\nLoginGraceTime 30\n")
    with pytest.raises(PushgateError, match="LoginGraceTime"):
        install(places, "sshd-key")


def test_another_way_to_su_past_the_module_is_refused(places: Places) -> None:
    """Where su - has a stack of its own without the module, su is not installed: it would keep nobody out."""
    (places.pam_folder / "su-l").write_text("@include common-auth\n")
    with pytest.raises(PushgateError, match="su-l: would load the module 0 times"):
        install(places, "su")


@pytest.mark.parametrize("verb", ["install", "remove"])
@pytest.mark.parametrize("writes", [0, 1])
def test_the_next_run_completes_what_a_killed_one_began(
    places: Places, verb: str, writes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two files, nothing is undone; both verbs go on from there, and the end is as it should be."""
    before = contents(places)
    install(places, "sudo")
    installed = contents(places)
    if verb == "install":
        remove(places, "sudo")
    real, calls = Change.make, iter(range(10))

    def make(change: Change) -> None:
        if next(calls) == writes:
            raise Killed
        real(change)

    with monkeypatch.context() as patched:
        patched.setattr(Change, "make", make)
        patched.setattr(Steps, "undo_all", lambda _: [])
        if verb == "install":
            with pytest.raises(Killed):
                install(places, "sudo")
        else:
            with pytest.raises(Killed):
                remove(places, "sudo")
    install(places, "sudo")
    assert contents(places) == installed
    remove(places, "sudo")
    assert contents(places) == before
