"""Where everything lies."""

from pathlib import Path

from pushgate.pamsetup.places import Places


def test_nothing_of_ours_lies_where_programs_look_for_services() -> None:
    """A program that lists /etc/pam.d meets no backup: all of ours lies below one folder elsewhere."""
    places = Places()
    assert [path.parent for path in (places.backups, places.trial, places.lock)] == [places.state] * 3
    assert not places.state.is_relative_to(places.pam_folder)
    assert places.drop_in == Path("/etc/ssh/sshd_config.d/pushgate.conf")


def test_places_can_be_written_down() -> None:
    """A timer in another process finds the same places."""
    places = Places(state=Path("/srv/state"), owner=1000)
    assert Places.from_json(places.to_json()) == places
