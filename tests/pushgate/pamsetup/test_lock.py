"""One run at a time."""

import os

import pytest

from pushgate.errors import PushgateError
from pushgate.pamsetup.lock import locked, make_state_folder
from pushgate.pamsetup.places import Places
from tests.support.pam_places import places

__all__ = ["places"]


def test_a_second_run_is_refused(places: Places) -> None:
    """Who comes second is told to wait, and comes in when the first is done."""
    with locked(places), pytest.raises(PushgateError, match="just changing files"), locked(places):
        raise AssertionError("two runs at once")
    with locked(places):
        assert places.lock.stat().st_mode & 0o777 == 0o600


def test_the_folder_is_ours_alone(places: Places) -> None:
    """The folder for our own files is closed for everybody else, and one that others may write is refused."""
    make_state_folder(places)
    assert places.state.stat().st_mode & 0o777 == 0o700
    places.state.chmod(0o770)
    with pytest.raises(PushgateError, match="others may write it"):
        make_state_folder(places)


def test_a_link_in_place_of_the_lock_is_not_followed(places: Places) -> None:
    """A lock that is a link to elsewhere is an error and makes no file there."""
    make_state_folder(places)
    places.lock.symlink_to(places.state / "elsewhere")
    with pytest.raises(OSError, match=os.strerror(40)), locked(places):
        raise AssertionError("followed")
    assert not (places.state / "elsewhere").exists()
