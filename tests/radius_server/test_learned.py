"""Which addresses must sign ever after."""

import errno
import json
import os
import stat
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
import structlog

from pushgate.errors import ConfigurationError
from radius_server import learned
from radius_server.learned import FILE_NAME, LearnedSigners
from tests.support.gate import write_private

FIRST = ip_address("192.0.2.1")
SECOND = ip_address("2001:db8::1")
THIRD = ip_address("192.0.2.3")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few addresses fill the table."""
    monkeypatch.setattr(learned, "MOST", 5)
    monkeypatch.setattr(learned, "MOST_OF_ONE_CLIENT", 3)


def names_in(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())


def refusal(folder: Path) -> tuple[str, str]:
    """Message and hint with which a file is refused."""
    with pytest.raises(ConfigurationError) as caught:
        LearnedSigners(folder)
    return caught.value.message.replace(f"{folder}/", ""), caught.value.hint


def test_one_address_alone() -> None:
    """An address that has signed must sign ever after; its neighbours need not."""
    signers = LearnedSigners(None)
    assert not signers.known("vpn", FIRST)
    signers.note("vpn", FIRST)
    assert (signers.known("vpn", FIRST), signers.known("vpn", THIRD)) == (True, False)


def test_a_renamed_client_is_not_forgotten() -> None:
    """An administrator who renames a client, or moves its address to another, does not make it trustful again."""
    signers = LearnedSigners(None)
    signers.note("vpn", FIRST)
    assert signers.known("renamed", FIRST)


def test_kept_over_a_restart(private_folder: Path) -> None:
    """What was learned is known after a restart, in a file of the daemon's alone."""
    signers = LearnedSigners(private_folder)
    signers.note("vpn", FIRST)
    signers.note("branch", SECOND)
    signers.save_if_changed()
    path = private_folder / FILE_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"version": 1, "signers": {"192.0.2.1": "vpn", "2001:db8::1": "branch"}}
    again = LearnedSigners(private_folder)
    assert [again.known("vpn", address) for address in (FIRST, SECOND, THIRD)] == [True, True, False]
    assert names_in(private_folder) == [FILE_NAME]


def test_written_only_when_there_is_something_new(private_folder: Path) -> None:
    """A quiet daemon does not write; what is known already is nothing new."""
    signers = LearnedSigners(private_folder)
    signers.save_if_changed()
    assert not (private_folder / FILE_NAME).exists()
    signers.note("vpn", FIRST)
    signers.save_if_changed()
    before = (private_folder / FILE_NAME).stat().st_ino
    signers.note("vpn", FIRST)
    signers.save_if_changed()
    assert (private_folder / FILE_NAME).stat().st_ino == before


def test_nothing_is_written_without_a_folder() -> None:
    """Without a folder everything is learned anew after a restart, and nothing goes wrong."""
    signers = LearnedSigners(None)
    signers.prepare()
    signers.note("vpn", FIRST)
    signers.save_if_changed()
    assert signers.known("vpn", FIRST)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"version": 1}',
        b'{"version": 2, "signers": {}}',
        b'{"version": 1, "signers": ["192.0.2.1"]}',
        b'{"version": 1, "signers": {"vpn": "192.0.2.1"}}',
        b'{"version": 1, "signers": {"192.0.2.1": 1}}',
        b'{"version": 1, "signers": {"192.0.2.1": null}}',
        b'{"version": 1, "signers": {"192.0.2.1": "vpn"',
        b"\xff\xfe",
    ],
)
def test_a_broken_file_stops_the_start(private_folder: Path, content: bytes) -> None:
    """A file that a full disk or an attacker has broken is a fault: to learn anew would be the downgrade."""
    write_private(private_folder / FILE_NAME, content)
    message, hint = refusal(private_folder)
    assert message == f"{FILE_NAME}: is not what was written there"
    assert "Message-Authenticator" in hint


def test_a_file_of_others_stops_the_start(private_folder: Path) -> None:
    """A file that others may write is not believed, and neither is a link to one."""
    path = private_folder / FILE_NAME
    write_private(path, b'{"version": 1, "signers": {}}')
    path.chmod(0o622)
    assert "writable by others" in refusal(private_folder)[0]
    path.unlink()
    path.symlink_to("/etc/hostname")
    assert "cannot be read" in refusal(private_folder)[0]
    path.unlink()
    path.symlink_to(private_folder / "nowhere")
    assert "cannot be read" in refusal(private_folder)[0]


def test_the_rest_of_a_crash_is_overwritten(private_folder: Path) -> None:
    """A half-written file, or a link in its place, neither stops the next writing nor is written through."""
    victim = private_folder / "victim"
    victim.write_text("untouched")
    signers = LearnedSigners(private_folder)
    for number in (1, 2):
        signers.note("vpn", ip_address(f"192.0.2.{number}"))
        fresh = private_folder / f"{FILE_NAME}.new"
        if number == 1:
            fresh.write_text("{half")
        else:
            fresh.symlink_to(victim)
        signers.save_if_changed()
    assert victim.read_text() == "untouched"
    assert names_in(private_folder) == [FILE_NAME, "victim"]
    assert LearnedSigners(private_folder).known("vpn", ip_address("192.0.2.2"))


def test_a_full_disk_loses_nothing(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is full the old file stands and one line says so; later everything is written."""
    signers = LearnedSigners(private_folder)
    signers.note("vpn", FIRST)
    signers.save_if_changed()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    with structlog.testing.capture_logs() as logs, monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        signers.note("vpn", THIRD)
        signers.save_if_changed()
        signers.save_if_changed()
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("signers_not_saved", "error")]
    assert names_in(private_folder) == [FILE_NAME]
    assert not LearnedSigners(private_folder).known("vpn", THIRD)
    signers.save_if_changed()
    assert LearnedSigners(private_folder).known("vpn", THIRD)


@pytest.mark.usefixtures("small")
def test_one_client_cannot_take_the_place_of_others(private_folder: Path) -> None:
    """Whoever knows one client's secret fills its share; all of that client must sign then, and others still learn."""
    signers = LearnedSigners(private_folder)
    with structlog.testing.capture_logs() as logs:
        for number in range(100):
            signers.note("leaked", ip_address(f"192.0.2.{number}"))
    assert [(entry["event"], entry["client"]) for entry in logs] == [("signers_full", "leaked")]
    assert len(signers.addresses) == 3
    assert signers.known("leaked", ip_address("198.51.100.1"))
    signers.note("vpn", SECOND)
    assert (signers.known("vpn", SECOND), signers.known("vpn", THIRD)) == (True, False)
    signers.save_if_changed()
    assert LearnedSigners(private_folder).known("leaked", ip_address("198.51.100.1"))


@pytest.mark.usefixtures("small")
def test_the_oldest_stay() -> None:
    """When the table is full, what was learned stays, and one line says that nothing more is learned."""
    signers = LearnedSigners(None)
    with structlog.testing.capture_logs() as logs:
        for number in range(20):
            signers.note(f"client{number}", ip_address(f"192.0.2.{number}"))
    assert [signers.known("any", ip_address(f"192.0.2.{number}")) for number in range(7)] == [True] * 5 + [False] * 2
    assert [(entry["event"], entry["client"]) for entry in logs] == [("signers_full", "")]


def test_the_folder_is_made(private_folder: Path) -> None:
    """The daemon makes its folder, for itself alone."""
    signers = LearnedSigners(private_folder / "state")
    signers.prepare()
    signers.prepare()
    assert stat.S_IMODE((private_folder / "state").stat().st_mode) == 0o700
    signers.note("vpn", FIRST)
    signers.save_if_changed()
    assert LearnedSigners(private_folder / "state").known("vpn", FIRST)


@pytest.mark.parametrize("kind", ["file", "missing", "shared"])
def test_a_folder_that_cannot_be_used(private_folder: Path, kind: str) -> None:
    """An administrator hears at the start, not at the first loss, that nothing could be kept."""
    place: Any = private_folder / kind
    if kind == "file":
        place.write_text("")
    elif kind == "missing":
        place = place / "deeper"
    else:
        place.mkdir()
        place.chmod(0o777)
    with pytest.raises(ConfigurationError) as caught:
        LearnedSigners(place).prepare()
    assert str(place) in caught.value.message
    assert caught.value.hint
