"""The values of a login."""

import dataclasses

import pytest

from pushgate.login import Secret
from tests.support.core import make_login


def test_a_secret_is_not_in_the_repr() -> None:
    """A log line with a whole login in it shows no password."""
    assert "hunter2" not in repr(make_login(secret=Secret(b"hunter2")))
    assert "hunter2" not in f"{Secret(b'hunter2')}"
    assert "hunter2" not in repr(make_login(join_key=b"hunter2"))


def test_a_login_cannot_be_changed() -> None:
    """A login stays what the front end saw."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        make_login().user = "root"
