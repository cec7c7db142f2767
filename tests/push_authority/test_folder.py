import os
import re
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from push_authority import folder
from push_authority.errors import AuthorityError


def mode(path: Path) -> int:
    """Return the permission bits of a file."""
    return stat.S_IMODE(path.stat().st_mode)


def test_first_start_makes_private_files(private_folder: Path) -> None:
    """The first start makes folder and keys for this user alone, and the second finds the same."""
    place = private_folder / "authority"
    before = os.umask(0)
    try:
        folder.prepare_folder(place)
        key, domain, secret = folder.load_api_key(place), folder.load_domain_id(place), folder.load_secret(place)
    finally:
        os.umask(before)
    assert re.fullmatch(r"[0-9A-Za-z]{64}", key)
    assert re.fullmatch(r"[0-9a-f]{40}", domain)
    assert len(secret) == 32
    assert mode(place) == 0o700
    assert {path.name: mode(path) for path in place.iterdir()} == dict.fromkeys(
        ("api.key", "domain.id", "secret.key"), 0o600
    )
    folder.prepare_folder(place)
    assert (folder.load_api_key(place), folder.load_domain_id(place)) == (key, domain)
    assert folder.load_secret(place) == secret


@pytest.mark.parametrize("bits", [0o750, 0o701, 0o755, 0o770])
def test_open_folder_is_refused(private_folder: Path, bits: int) -> None:
    """A folder that others may enter is refused, with the command that puts it right."""
    private_folder.chmod(bits)
    with pytest.raises(AuthorityError) as refusal:
        folder.prepare_folder(private_folder)
    assert refusal.value.message == f"{private_folder}: open to others (mode {bits:04o})"
    assert refusal.value.hint == f"chmod 700 {private_folder}"
    private_folder.chmod(0o700)


def test_link_to_a_folder_is_refused(private_folder: Path) -> None:
    """A symbolic link where the folder should be is refused."""
    (private_folder / "real").mkdir(mode=0o700)
    (private_folder / "link").symlink_to("real")
    with pytest.raises(AuthorityError, match="is not a folder"):
        folder.prepare_folder(private_folder / "link")


def test_missing_parent_is_explained(private_folder: Path) -> None:
    """A folder whose parent is missing is refused with a hint."""
    with pytest.raises(AuthorityError, match="cannot be created") as refusal:
        folder.prepare_folder(private_folder / "no" / "authority")
    assert refusal.value.hint == f"mkdir -p {private_folder / 'no'}"


def test_foreign_owner_is_refused(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of another user is refused, whatever its mode."""
    owner = private_folder.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(AuthorityError, match=f"is owned by user {owner}, not by"):
        folder.prepare_folder(private_folder)


@pytest.mark.parametrize(
    ("load", "name"),
    [(folder.load_api_key, "api.key"), (folder.load_domain_id, "domain.id"), (folder.load_secret, "secret.key")],
)
@pytest.mark.parametrize("content", ["", "short", "!" * 64, "\u00e9" * 40])
def test_damaged_key_file_is_refused(
    private_folder: Path, load: Callable[[Path], object], name: str, content: str
) -> None:
    """A key file with other content stops the authority instead of weakening it, and is not replaced."""
    path = private_folder / name
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(AuthorityError, match=name) as refusal:
        load(private_folder)
    assert refusal.value.hint
    assert path.read_text() == content
    assert content not in refusal.value.message or not content


@pytest.mark.parametrize("bits", [0o640, 0o604, 0o644])
def test_readable_key_is_refused(private_folder: Path, bits: int) -> None:
    """A key that others may read is refused."""
    folder.load_api_key(private_folder)
    (private_folder / "api.key").chmod(bits)
    with pytest.raises(AuthorityError, match="open to others"):
        folder.load_api_key(private_folder)


def test_key_that_is_no_file_is_refused(private_folder: Path) -> None:
    """A link, a pipe or a folder in the place of a key is refused without waiting for it."""
    path = private_folder / "api.key"
    path.symlink_to("/dev/zero")
    with pytest.raises(AuthorityError, match="cannot be read"):
        folder.load_api_key(private_folder)
    path.unlink()
    os.mkfifo(path, 0o600)
    with pytest.raises(AuthorityError, match="is not a regular file"):
        folder.load_api_key(private_folder)


def test_interrupted_start_leaves_no_half_key(private_folder: Path) -> None:
    """A draft left behind by a crash is replaced, never used."""
    (private_folder / ".api.key.new").write_text("half")
    assert len(folder.load_api_key(private_folder)) == 64
    assert [path.name for path in private_folder.iterdir()] == ["api.key"]
