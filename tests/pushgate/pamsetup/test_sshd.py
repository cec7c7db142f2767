"""sshd's side; real sshds are in tests/system/test_pam_setup.py."""

import signal
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup import sshd
from pushgate.pamsetup.places import Places
from tests.support.pam_places import places, recipe
from tests.support.processes import wait_until

__all__ = ["places"]


def put(places: Places, name: str, text: str) -> Path:
    """Write a drop-in."""
    path = places.drop_in.with_name(name)
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", ["sshd-key", "sshd-password"])
def test_the_drop_in_makes_sshd_do_what_the_stack_needs(places: Places, name: str) -> None:
    """With our drop-in and nothing before it, sshd asks as the stack needs it."""
    put(places, "pushgate.conf", sshd.drop_in(recipe(name)))
    sshd.check_configuration(places, recipe(name))
    assert sshd.startups(places) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("PasswordAuthentication yes", "passwordauthentication yes instead of no"),
        (
            "AuthenticationMethods publickey",
            "authenticationmethods publickey instead of publickey,keyboard-interactive",
        ),
        ("UsePAM no", "usepam no instead of yes"),
        ("KbdInteractiveAuthentication no", "kbdinteractiveauthentication no instead of yes"),
    ],
)
def test_an_earlier_line_that_wins_is_named(places: Places, line: str, message: str) -> None:
    """An administrator is told which file and line decides otherwise, and that the first one wins."""
    put(places, "pushgate.conf", sshd.drop_in(recipe("sshd-key")))
    earlier = put(places, "50-cloud.conf", f"# theirs\n{line}\n")
    with pytest.raises(PushgateError, match=message) as caught:
        sshd.check_configuration(places, recipe("sshd-key"))
    assert caught.value.message.endswith(f"because of {earlier}:2: {line.split()[1]}")
    assert "first value" in caught.value.hint


def test_the_old_name_of_a_key_is_known(places: Places) -> None:
    """ChallengeResponseAuthentication is the same key by its old name."""
    put(places, "50-old.conf", "ChallengeResponseAuthentication=no\n")
    assert "50-old.conf:1: no" in sshd.first_setting(places, "kbdinteractiveauthentication")


def test_a_configuration_without_include_is_named(places: Places) -> None:
    """Where sshd_config reads no drop-ins, the error says so."""
    places.sshd_config.write_text("UsePAM yes\n")
    assert "does not include" in sshd.first_setting(places, "authenticationmethods")
    # And not the line that decides only because ours is not read.
    put(places, "pushgate.conf", sshd.drop_in(recipe("sshd-key")))
    places.sshd_config.write_text("UsePAM yes\nKbdInteractiveAuthentication no\n")
    assert "does not include" in sshd.first_setting(places, "kbdinteractiveauthentication")


def test_a_match_block_for_everybody_is_named(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    """`Match all` wins over every line outside of it, wherever it stands: the error names its line."""
    put(places, "pushgate.conf", sshd.drop_in(recipe("sshd-key")))
    with places.sshd_config.open("a") as file:
        file.write("Match all\n  AuthenticationMethods publickey\n")
    number = len(places.sshd_config.read_text().splitlines())
    monkeypatch.setattr(sshd, "effective", lambda _: {"authenticationmethods": "publickey"})
    assert sshd.first_setting(places, "authenticationmethods") == (
        f", because of {places.sshd_config}:{number}: publickey"
    )


def test_a_configuration_that_sshd_refuses_is_refused(places: Places) -> None:
    """What sshd would not start with is refused in its own words."""
    put(places, "60.conf", "Broken yes\n")
    with pytest.raises(PushgateError, match="Bad configuration option: Broken") as caught:
        sshd.check_configuration(places, None)
    assert caught.value.hint


def test_a_missing_sshd_is_said(places: Places) -> None:
    """Without sshd there is nothing to install for."""
    places.sshd.unlink()
    with pytest.raises(PushgateError, match="is not there") as caught:
        sshd.check_configuration(places, None)
    assert "openssh-server" in caught.value.hint


@pytest.mark.parametrize(("seconds", "refused"), [(0, False), (89, True), (90, False), (120, False)])
def test_a_short_grace_time_is_refused(places: Places, seconds: int, refused: bool) -> None:
    """A LoginGraceTime that ends before the module does is refused; 0 is none."""
    places.sshd_config.write_text(f"LoginGraceTime {seconds}\n")
    if refused:
        with pytest.raises(PushgateError, match=f"after {seconds} s") as caught:
            sshd.check_grace_time(places, 75)
        assert "LoginGraceTime to 90" in caught.value.hint
    else:
        sshd.check_grace_time(places, 75)


def test_match_blocks_are_named(places: Places) -> None:
    """Logins that are let in by rules of their own are named with file and line."""
    block = "Match User backup\n  AuthenticationMethods publickey\nMatch User mallory\nX11Forwarding no\n"
    path = put(places, "60-backup.conf", block)
    (note,) = sshd.notes(places, allow_root=False)
    assert note.message.startswith(f"{path}:2: sets authenticationmethods")
    assert note.hint


@pytest.mark.parametrize(
    ("permitted", "allow_root", "reason"),
    [
        ("no", False, None),
        ("yes", True, None),
        ("yes", False, "pam.services.sshd.allow_root is false"),
        ("without-password", True, "PermitRootLogin is not yes"),
        ("forced-commands-only", False, "PermitRootLogin is not yes"),
    ],
)
def test_roots_own_login_is_warned_about(places: Places, permitted: str, allow_root: bool, reason: str | None) -> None:
    """Where root logs in with ssh and will not be able to any more, root is told why."""
    put(places, "60.conf", f"PermitRootLogin {permitted}\n")
    found = [note.message for note in sshd.notes(places, allow_root=allow_root)]
    assert found == ([] if reason is None else [f"root cannot log in with ssh any more: {reason}"])


def test_few_startups_are_noted(places: Places) -> None:
    """A MaxStartups elsewhere that would drop waiting logins is noted with its line."""
    put(places, "pushgate.conf", sshd.drop_in(recipe("sshd-key")))
    put(places, "10.conf", "MaxStartups 10:30:100\n")
    (note,) = sshd.startups(places)
    assert "from 10 on" in note
    assert "10.conf:1" in note


def test_the_listener_is_reloaded_by_its_pid_file(places: Places, private_folder: Path) -> None:
    """Without systemd the process in sshd's pid file is told, if it is sshd."""
    own = replace(places, sshd=private_folder / "sleep")
    (private_folder / "sleep").write_bytes(places.sshd.read_bytes())
    (private_folder / "sleep").chmod(0o755)
    pid_file = private_folder / "sshd.pid"
    put(own, "60.conf", f"PidFile {pid_file}\n")
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        wait_until(lambda: Path(f"/proc/{process.pid}/exe").readlink().name == "sleep", 5, "the program")
        pid_file.write_text(f"{process.pid}\n")
        assert sshd.reload(places) == "no running sshd found: if there is one, reload it by hand"
        assert sshd.reload(own) == f"reloaded sshd (process {process.pid})"
        assert process.wait(5) == -signal.SIGHUP
    assert sshd.reload(own).startswith("no running sshd found")


@pytest.mark.parametrize("text", ["", "x\n", "0\n", "-1\n", "99999999\n"])
def test_a_pid_file_with_nothing_in_it_ends_nobody(places: Places, text: str, private_folder: Path) -> None:
    """A pid file that names no process, or every process, is not used."""
    (private_folder / "pid").write_text(text)
    put(places, "60.conf", f"PidFile {private_folder}/pid\n")
    assert sshd.listener(places) is None


SYSTEMCTL = """\
#!/bin/sh
echo "$@" >> {folder}/calls
[ "$1" = is-active ] && {{ [ "$3" = "{active}" ]; exit; }}
echo refused >&2
exit {status}
"""


def with_systemd(places: Places, folder: Path, active: str, status: int) -> Places:
    """Make the machine one that systemd runs."""
    (folder / "systemd").mkdir()
    (folder / "systemctl").write_text(SYSTEMCTL.format(folder=folder, active=active, status=status))
    (folder / "systemctl").chmod(0o755)
    return replace(places, systemd=folder / "systemd", systemctl=folder / "systemctl")


def test_systemd_reloads_the_unit_that_runs(places: Places, private_folder: Path) -> None:
    """Where systemd runs, it reloads sshd's unit by the name that it has there."""
    own = with_systemd(places, private_folder, "sshd.service", 0)
    assert sshd.reload(own) == "reloaded sshd.service"
    assert (private_folder / "calls").read_text().splitlines()[-1] == (
        "--job-mode=ignore-dependencies reload sshd.service"
    )


def test_a_unit_that_does_not_run_needs_no_reload(places: Places, private_folder: Path) -> None:
    """Where systemd starts sshd for each connection, the new files are read anyway."""
    assert "each start reads" in sshd.reload(with_systemd(places, private_folder, "none", 0))


def test_a_failed_reload_is_an_error(places: Places, private_folder: Path) -> None:
    """A unit that does not reload is an error in systemctl's words."""
    with pytest.raises(PushgateError, match=r"systemctl reload ssh\.service: refused"):
        sshd.reload(with_systemd(places, private_folder, "ssh.service", 1))
