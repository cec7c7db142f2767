"""What has to be there before a login is put behind the daemon."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import requirements
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.requirements import check_console, check_daemon, faults, module_options, module_waits, warnings
from pushgate.sections.pam import PamSettings
from tests.support.pam_places import answering, places, recipe

__all__ = ["places"]


def settings(path: Path, *services: str) -> PamSettings:
    """Write the daemon's section."""
    return PamSettings.model_validate({"socket": path, "services": dict.fromkeys(services)})


@pytest.fixture
def daemon(private_folder: Path) -> Iterator[Path]:
    """Something that listens where the daemon would, as this user."""
    path = private_folder / "pam.sock"
    with answering(path):
        yield path


def test_all_there_is_no_fault(places: Places, daemon: Path) -> None:
    """With a module, a daemon, a console of its own and the names in the configuration, nothing is in the way."""
    pam = settings(daemon, "sshd", "sudo", "sudo-i", "su", "su-l")
    for name in ("sshd-key", "sudo", "su"):
        assert list(faults(places, recipe(name), pam)) == []


def test_everything_that_is_missing_is_named_at_once(places: Places, private_folder: Path) -> None:
    """An administrator hears of module, names and daemon at once, each with what to do."""
    places.module.unlink()
    found = list(faults(places, recipe("sudo"), settings(private_folder / "none.sock", "sshd")))
    assert [fault.message for fault in found] == [
        f"{places.module}: the module is not there",
        "the configuration does not name sudo, sudo-i under pam.services: every login is denied",
        f"{private_folder}/none.sock: no daemon answers (no such file or directory)",
    ]
    assert all(fault.hint for fault in found)


def test_a_module_that_others_may_write_is_refused(places: Places, daemon: Path) -> None:
    """A module that others may write, or that is a link, is everybody's code in sshd: refused."""
    pam = settings(daemon, "sshd")
    places.module.chmod(0o666)
    (fault,) = faults(places, recipe("sshd-key"), pam)
    assert "others may write it" in fault.message
    places.module.rename(places.module.with_name("other.so"))
    places.module.symlink_to("other.so")
    (fault,) = faults(places, recipe("sshd-key"), pam)
    assert "not a regular file" in fault.message


def test_a_module_in_an_open_folder_is_refused(places: Places, daemon: Path) -> None:
    """A module in a folder in which others may swap it is refused."""
    places.module.parent.chmod(0o777)
    (fault, *_) = faults(places, recipe("sshd-key"), settings(daemon, "sshd"))
    assert "writable by others" in fault.message


def test_only_services_that_are_there_have_to_be_named(places: Places, daemon: Path) -> None:
    """Where there is no sudo-i, the configuration need not name it."""
    (places.pam_folder / "sudo-i").unlink()
    assert list(faults(places, recipe("sudo"), settings(daemon, "sudo"))) == []


def test_a_dead_socket_is_no_daemon(daemon: Path, private_folder: Path) -> None:
    """A socket at which nobody listens any more, and a file in its place, are no daemon."""
    left = private_folder / "left.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(left))
    with pytest.raises(PushgateError, match="connection refused") as caught:
        check_daemon(left, os.geteuid())
    assert "systemctl start pushgate" in caught.value.hint
    (private_folder / "file").touch()
    with pytest.raises(PushgateError, match="not a socket"):
        check_daemon(private_folder / "file", os.geteuid())


def test_somebody_elses_daemon_is_not_trusted(daemon: Path) -> None:
    """A socket in a folder of somebody else is refused, as the module would."""
    with pytest.raises(PushgateError, match="is owned by user"):
        check_daemon(daemon, os.geteuid() + 1)


@pytest.mark.parametrize(("told", "reason"), [(b"", "no daemon of pushgate's"), (None, "no answer in time")])
def test_a_socket_without_a_daemon_is_no_daemon(
    private_folder: Path, told: bytes | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where systemd listens for a daemon that cannot start, connecting works: it is the answer that is missing."""
    monkeypatch.setattr(requirements, "ANSWER_SECONDS", 0.2)
    path = private_folder / "activated.sock"
    with socket.socket(socket.AF_UNIX) as listening, ExitStack() as open_ones:
        listening.bind(str(path))
        listening.listen(8)

        def hang_up() -> None:
            connection, _ = listening.accept()
            open_ones.enter_context(connection)
            if told is not None:
                connection.recv(64)
                connection.close()

        thread = threading.Thread(target=hang_up)
        thread.start()
        with pytest.raises(PushgateError, match=reason):
            check_daemon(path, os.geteuid())
        thread.join()


def test_a_full_queue_is_no_answer(private_folder: Path) -> None:
    """A daemon that hangs with a full queue is an error after a moment and holds nobody up."""
    path = private_folder / "full.sock"
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as first:
        listening.bind(str(path))
        listening.listen(0)
        first.connect(str(path))
        with socket.socket(socket.AF_UNIX) as second:
            second.settimeout(0.1)
            with suppress(OSError):
                second.connect(str(path))
            with pytest.raises(PushgateError, match="no daemon answers"):
                check_daemon(path, os.geteuid())


def test_a_console_behind_the_module_is_refused(places: Places) -> None:
    """Where the console loads the module too, also by way of common-auth, no way in would be left."""
    check_console(places)
    (places.pam_folder / "common-auth").write_text("auth required /x/pam_pushgate.so\n")
    with pytest.raises(PushgateError, match=r"common-auth:1: the console \(login\) asks for an approval") as caught:
        check_console(places)
    assert "console" in caught.value.hint


def test_a_console_that_cannot_be_read_is_refused(places: Places) -> None:
    """Nobody can say what a broken stack of the console does; one that is not there does nothing."""
    (places.pam_folder / "login").write_text("@include gone\n")
    with pytest.raises(PushgateError, match="gone: no such file"):
        check_console(places)
    (places.pam_folder / "login").unlink()
    check_console(places)


@pytest.mark.parametrize(
    ("line", "warned"),
    [
        ("root:$y$j9T$salt$hash:20000:0:99999:7:::", False),
        ("root::20000:0:99999:7:::", True),
        ("root:*:20000:0:99999:7:::", True),
        ("root:!:20000:0:99999:7:::", True),
        ("root:!$y$j9T$salt$hash:20000:0:99999:7:::", True),
        ("daemon:$y$hash:20000::::::", True),
    ],
)
def test_a_root_without_password_is_warned_about(places: Places, line: str, warned: bool) -> None:
    """Before sudo or su is gated, an administrator whose console leads to no root shell is warned."""
    places.shadow.write_text(f"daemon:*:1::::::\n{line}\n")
    for name in ("sudo", "su"):
        assert [f.message.startswith("root has no password") for f in warnings(places, recipe(name))] == [True] * warned
    assert warnings(places, recipe("sshd-key")) == []


def test_an_unreadable_shadow_is_warned_about(places: Places) -> None:
    """What cannot be read is not taken for a password."""
    places.shadow.unlink()
    assert len(warnings(places, recipe("sudo"))) == 1


def test_the_module_is_told_of_another_socket(private_folder: Path) -> None:
    """A daemon at its usual place needs no option; at another, or with a longer wait, the module is told."""
    usual = PamSettings.model_validate({"services": {"sshd": None}})
    assert module_options(usual, module_waits(60)) == module_options(usual, module_waits(70)) == ()
    assert module_options(usual, module_waits(70.5)) == ("timeout=76",)
    assert module_options(settings(Path("/srv/p.sock"), "sshd"), 75) == ("socket=/srv/p.sock",)
