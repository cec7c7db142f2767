"""Where enrolled people's sessions are kept."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from pushgate.providers.clerk_store import KeptSession, SessionStore, SessionStoreError, replace_file

SECRET = b"s" * 32
ALICE = KeptSession("user_1", "alice", "sess_1", "header.payload.signature")


@pytest.fixture
def store(private_folder: Path) -> SessionStore:
    """An empty store."""
    return SessionStore(private_folder, SECRET)


def test_a_session_is_kept_and_replaced(store: SessionStore) -> None:
    """A session that was kept is there as it was; a newer one takes its place, and forgetting ends it."""
    assert store.load("user_1") is None
    assert store.save(ALICE)
    assert store.load("user_1") == ALICE
    newer = replace(ALICE, jwt="a.b.c")
    assert store.save(newer, instead_of="sess_1")
    assert store.everybody() == [newer]
    store.forget("user_1")
    store.forget("user_1")
    assert store.everybody() == []


def test_nobody_reads_a_session_off_the_disk(store: SessionStore) -> None:
    """An attacker who copies the file finds neither name nor session nor JWT in it, nor in a traceback."""
    store.save(ALICE)
    path = store.path_of("user_1")
    content = path.read_bytes()
    assert not any(word in content for word in (b"alice", b"sess_1", b"signature", b"user_1"))
    assert path.stat().st_mode & 0o777 == 0o600
    assert "signature" not in repr(ALICE)


def test_a_session_of_somebody_else_does_not_open(store: SessionStore) -> None:
    """An attacker who copies the own file to another person's place gets that login refused."""
    store.save(replace(ALICE, user_id="user_2"))
    store.path_of("user_1").write_bytes(store.path_of("user_2").read_bytes())
    store.path_of("user_1").chmod(0o600)
    with pytest.raises(SessionStoreError, match="another key"):
        store.load("user_1")


@pytest.mark.parametrize("damage", [b"", b"pgc1", b"pgc1" + b"x" * 60, b"pgc2" + b"x" * 60])
def test_a_damaged_file_is_refused(store: SessionStore, damage: bytes) -> None:
    """A file that was cut or changed lets nobody in."""
    store.save(ALICE)
    store.path_of("user_1").write_bytes(damage)
    with pytest.raises(SessionStoreError):
        store.load("user_1")


def test_another_key_opens_nothing(store: SessionStore, private_folder: Path) -> None:
    """An administrator who exchanged the key is told what it is about."""
    store.save(ALICE)
    with pytest.raises(SessionStoreError) as caught:
        SessionStore(private_folder, b"t" * 32).load("user_1")
    assert "session_key_file" in caught.value.hint


def test_a_file_that_others_can_read_is_refused(store: SessionStore) -> None:
    """A session that everybody could have read is not used."""
    store.save(ALICE)
    store.path_of("user_1").chmod(0o644)
    with pytest.raises(SessionStoreError, match="readable by others"):
        store.load("user_1")


def test_a_link_is_refused(store: SessionStore, private_folder: Path) -> None:
    """A link in place of the file is not followed."""
    store.save(ALICE)
    moved = private_folder / "moved"
    store.path_of("user_1").rename(moved)
    store.path_of("user_1").symlink_to(moved)
    with pytest.raises(SessionStoreError):
        store.load("user_1")


def test_who_was_enrolled_anew_stays_so(store: SessionStore) -> None:
    """A login that ends after the person was enrolled anew, or not any more, does not undo that."""
    assert not store.save(ALICE, instead_of="sess_1")
    assert store.load("user_1") is None
    store.save(replace(ALICE, session_id="sess_2"))
    assert not store.save(ALICE, instead_of="sess_1")
    kept = store.load("user_1")
    assert kept is not None
    assert kept.session_id == "sess_2"


def test_a_folder_that_everybody_may_write_is_refused(private_folder: Path) -> None:
    """Sessions are not kept where somebody else could exchange them."""
    open_folder = private_folder / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    with pytest.raises(SessionStoreError, match="writable by others"):
        SessionStore(open_folder, SECRET).save(ALICE)


def test_a_write_that_fails_leaves_what_was_there(
    store: SessionStore, private_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full costs no session: the old one stays, and no half file."""
    store.save(ALICE)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(SessionStoreError, match="no space left"):
        store.save(replace(ALICE, jwt="a.b.c"))
    assert store.load("user_1") == ALICE
    assert len(list(private_folder.iterdir())) == 1


def test_a_folder_that_went_away_is_said(private_folder: Path) -> None:
    """A session that cannot be deleted or written is an error with a place in it."""
    gone = private_folder / "gone"
    gone.write_text("a file")
    with pytest.raises(SessionStoreError, match="not a directory"):
        SessionStore(gone, SECRET).forget("user_1")
    with pytest.raises(OSError, match="Not a directory"):
        replace_file(gone / "x", b"")


def test_a_folder_that_cannot_be_looked_into_is_no_folder_without_the_person(
    store: SessionStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator who has spoilt the folder's rights reads so; nobody is taken for not enrolled."""

    def refuse(_path: Path) -> None:
        raise PermissionError(errno.EACCES, "refused")

    monkeypatch.setattr(Path, "lstat", refuse)
    with pytest.raises(SessionStoreError, match="permission denied"):
        store.load("user_1")
