"""Files whose owner and mode decide who gets in."""

import os
from pathlib import Path

import pytest

from pushgate.errors import ConfigurationError
from pushgate.files import read_secret, read_trusted


def put(folder: Path, mode: int, content: bytes = b"content\n") -> Path:
    """Make a file with this mode."""
    path = folder / "file"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o644, 0o640])
def test_a_file_that_only_its_owner_writes_is_read(private_folder: Path, mode: int) -> None:
    """A file with a safe mode is read."""
    assert read_trusted(put(private_folder, mode), secret=False) == b"content\n"


@pytest.mark.parametrize("mode", [0o660, 0o602, 0o666, 0o777])
def test_a_file_that_others_write_is_refused_with_a_hint(private_folder: Path, mode: int) -> None:
    """A file that others can change is refused, naming mode and remedy."""
    with pytest.raises(ConfigurationError) as caught:
        read_trusted(put(private_folder, mode), secret=False)
    assert f"mode {mode:04o}" in caught.value.message
    assert caught.value.hint.startswith("chmod go-w")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o601])
def test_a_secret_that_others_read_is_refused(private_folder: Path, mode: int) -> None:
    """A secret that everybody can read is refused."""
    with pytest.raises(ConfigurationError, match="readable by others"):
        read_secret(put(private_folder, mode))


def test_a_secret_loses_its_line_end(private_folder: Path) -> None:
    """A secret written by an editor is the same as one written by printf."""
    assert read_secret(put(private_folder, 0o600, b"s3cret\r\n")) == b"s3cret"


def test_an_empty_secret_is_refused(private_folder: Path) -> None:
    """A file that holds no secret is refused: an empty RADIUS secret authenticates everybody."""
    with pytest.raises(ConfigurationError, match="is empty"):
        read_secret(put(private_folder, 0o600, b"\n"))


def test_a_symbolic_link_is_refused(private_folder: Path) -> None:
    """A link in place of the file is not followed."""
    link = private_folder / "link"
    link.symlink_to(put(private_folder, 0o600))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_trusted(link, secret=True)


def test_a_pipe_is_refused_without_waiting(private_folder: Path) -> None:
    """A named pipe in place of the file does not hang the daemon."""
    pipe = private_folder / "pipe"
    os.mkfifo(pipe, 0o600)
    with pytest.raises(ConfigurationError, match="not a regular file"):
        read_trusted(pipe, secret=True)


def test_a_folder_is_refused(private_folder: Path) -> None:
    """A folder in place of a file is refused in the same words as everything else that cannot be read."""
    (private_folder / "file").mkdir()
    with pytest.raises(ConfigurationError, match=r"file: cannot be read \(is a directory\)"):
        read_trusted(private_folder / "file", secret=False)


def test_a_missing_file_is_refused(private_folder: Path) -> None:
    """A file that is not there is a fault, never a default."""
    with pytest.raises(ConfigurationError, match="no such file"):
        read_trusted(private_folder / "none", secret=False)


def test_a_large_file_is_refused(private_folder: Path) -> None:
    """A file beyond the limit is refused instead of filling the memory."""
    with pytest.raises(ConfigurationError, match="larger than"):
        read_trusted(put(private_folder, 0o600, b"x" * 70_000), secret=False)


def test_a_folder_in_which_others_could_swap_the_file_is_refused(private_folder: Path) -> None:
    """A safe file in an unsafe folder is refused; a sticky bit is no excuse."""
    folder = private_folder / "shared"
    folder.mkdir()
    folder.chmod(0o1777)
    path = put(folder, 0o600)
    with pytest.raises(ConfigurationError, match="writable by others") as caught:
        read_trusted(path, secret=True)
    assert caught.value.hint == "put it elsewhere"


def test_a_relative_path_does_not_hide_the_folders_above(private_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is named from inside its folder is refused for an unsafe folder above, as by its full path."""
    shared, inner = private_folder / "shared", private_folder / "shared" / "inner"
    inner.mkdir(parents=True)
    inner.chmod(0o755)
    shared.chmod(0o777)
    put(inner, 0o600)
    monkeypatch.chdir(inner)
    with pytest.raises(ConfigurationError, match="shared: writable by others"):
        read_trusted(Path("file"), secret=True)


def test_a_linked_folder_does_not_hide_the_folders_above_it(private_folder: Path) -> None:
    """A file behind a link to a folder is refused if others could swap a folder above the real one."""
    shared, inner = private_folder / "shared", private_folder / "shared" / "inner"
    inner.mkdir(parents=True)
    inner.chmod(0o755)
    shared.chmod(0o777)
    put(inner, 0o600)
    (private_folder / "link").symlink_to(inner)
    with pytest.raises(ConfigurationError, match="shared: writable by others"):
        read_trusted(private_folder / "link" / "file", secret=True)


@pytest.mark.root
def test_a_file_of_another_user_is_refused(private_folder: Path) -> None:
    """A file that belongs to neither root nor the daemon's user is refused."""
    path = put(private_folder, 0o600)
    os.chown(path, 65534, 65534)
    with pytest.raises(ConfigurationError, match="owned by user 65534"):
        read_trusted(path, secret=True)
