"""OpenSSH's version is read out of the program that runs."""

import io
from pathlib import Path

import pytest

from pam_module.openssh import CHUNK, OpenSshVersions, find_version

PADDING = b"\x7fELF" + b"x" * (CHUNK - 40)


@pytest.mark.parametrize(
    ("content", "version"),
    [
        (b"\0OpenSSH_9.2p1 Debian-2\0", (9, 2)),
        (b"OpenSSH_10.3p1", (10, 3)),
        (b"OpenSSH_10.12", (10, 12)),
        (b"OpenSSH_for_Windows_9.5", None),
        (b"OpenSSH_", None),
        (b"", None),
    ],
)
def test_version(content: bytes, version: tuple[int, int] | None) -> None:
    """A version is two numbers; a program without one has none."""
    assert find_version(io.BytesIO(content)) == version


@pytest.mark.parametrize("shift", range(0, 60, 3))
def test_version_between_two_chunks(shift: int) -> None:
    """A version is found whole wherever in the file it stands."""
    content = PADDING + b"y" * shift + b"OpenSSH_10.12p1" + b"z" * CHUNK
    assert find_version(io.BytesIO(content)) == (10, 12)


@pytest.mark.parametrize(
    ("version", "at_once"), [("9.2p1", False), ("10.2p1", False), ("10.3p1", True), ("11.0", True)]
)
def test_text_is_shown_at_once_from_a_version_on(tmp_path: Path, version: str, at_once: bool) -> None:
    """An sshd older than 10.3 holds text back."""
    program = tmp_path / "sshd"
    program.write_text(f"\0OpenSSH_{version}\0")
    assert OpenSshVersions().shows_at_once(str(program)) is at_once


def test_an_upgraded_program_is_read_again(tmp_path: Path) -> None:
    """An administrator who upgrades OpenSSH has the new one looked at; one that is gone counts as old."""
    versions, program = OpenSshVersions(), tmp_path / "sshd"
    program.write_text("OpenSSH_9.2p1 ")
    assert not versions.shows_at_once(str(program))
    (tmp_path / "new").write_text("OpenSSH_10.3p1 ")
    (tmp_path / "new").rename(program)
    assert versions.shows_at_once(str(program))
    program.unlink()
    assert not versions.shows_at_once(str(program))


def test_few_programs_are_kept(tmp_path: Path) -> None:
    """However many programs there are, the table stays small."""
    versions = OpenSshVersions()
    for number in range(50):
        program = tmp_path / str(number)
        program.write_text("OpenSSH_10.3")
        assert versions.shows_at_once(str(program))
    assert len(versions.known) <= OpenSshVersions.LIMIT
