"""One run at a time: the folder for our own files, and the lock in it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager

from pushgate.errors import PushgateError
from pushgate.pamsetup.atomic import check_owner
from pushgate.pamsetup.places import Places


def make_state_folder(places: Places) -> None:
    """Make the folder for our own files, or refuse one that is not ours.

    Raises:
        PushgateError: somebody else owns it or may write it.
    """
    # The folder above is the daemon's, and readable for all (packaging/systemd/pushgate.service).
    places.state.parent.mkdir(mode=0o755, exist_ok=True)
    places.state.mkdir(mode=0o700, exist_ok=True)
    for folder in (places.state.parent, places.state):
        check_owner(folder, folder.lstat(), places.owner)


@contextmanager
def locked(places: Places, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock for the block.

    Raises:
        PushgateError: another run holds it.
    """
    make_state_folder(places)
    descriptor = os.open(places.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        raise PushgateError("another pushgate pam is just changing files", "wait for it, and try again") from None
    try:
        yield
    finally:
        os.close(descriptor)
