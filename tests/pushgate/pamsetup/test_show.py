"""What is in place."""

from datetime import UTC, datetime

from pushgate.pamsetup import setup, sshd
from pushgate.pamsetup.lock import make_state_folder
from pushgate.pamsetup.places import Places
from pushgate.pamsetup.show import Service, as_json, drop_in, look_at, services
from tests.support.pam_places import places, recipe

__all__ = ["places"]

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def install(places: Places, name: str, *options: str) -> None:
    """Put a stack in place."""
    make_state_folder(places)
    setup.apply(places, recipe(name), setup.plan_install(places, recipe(name), options), NOW)


def test_nothing_is_in_place_at_first(places: Places) -> None:
    """On a machine without pushgate each service says no."""
    assert [(each.service, each.installed) for each in services(places)] == [
        ("sshd", "no"),
        ("sudo", "no"),
        ("sudo-i", "no"),
        ("su", "no"),
    ]
    assert drop_in(places) == "no"


def test_what_is_installed_is_described(places: Places) -> None:
    """Each service says which stack it has, where the line stands, and where its copy is."""
    install(places, "sshd-key")
    install(places, "sudo", "socket=/run/x.sock")
    found = {each.service: each for each in services(places)}
    copy = places.backups / "sshd.20260101T000000.000000Z"
    line = ("required", "instead of common-auth", "", str(places.module))
    assert found["sshd"] == Service("sshd", "yes", "sshd-key", *line, str(copy))
    assert (found["sudo-i"].position, found["sudo-i"].options) == ("after common-auth", "socket=/run/x.sock")
    assert drop_in(places) == "yes"
    assert as_json(services(places))[0]["stack"] == "sshd-key"


def test_a_line_by_hand_is_told_from_ours(places: Places) -> None:
    """A line that somebody wrote, also one that does not hold, is shown as it is."""
    (places.pam_folder / "su").write_text("auth sufficient /gone/pam_pushgate.so debug\n@include common-auth\n")
    found = look_at(places, "su")
    assert (found.installed, found.control, found.position) == ("by hand", "sufficient", "before common-auth")
    assert (found.module, found.options) == ("/gone/pam_pushgate.so (missing)", "debug")
    places.drop_in.write_text("UsePAM yes\n")
    assert drop_in(places) == "by hand"


def test_what_cannot_be_read_is_said(places: Places) -> None:
    """A missing service, a torn block and a broken include are said, and do not end the list."""
    (places.pam_folder / "su").unlink()
    (places.pam_folder / "sudo").write_text("# END pushgate\n")
    (places.pam_folder / "sshd").write_text("@include gone\n")
    found = {each.service: each.installed for each in services(places)}
    assert found["su"] == "no such service"
    assert found["sudo"].startswith("cannot be read: ")
    assert "marks" in found["sudo"]
    assert "gone" in found["sshd"]
    places.drop_in.mkdir()
    assert drop_in(places).startswith("cannot be read")


def test_our_drop_in_is_known_by_its_first_line() -> None:
    """What we write begins with the line by which it is known again."""
    assert sshd.drop_in(recipe("sshd-key")).startswith(sshd.HEADER)
