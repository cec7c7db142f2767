"""The PAM section: services and what holds for them."""

from pathlib import Path

import pytest

from tests.support.settings import GOOD, faults, load


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("if_unreachable: accept", "if_unreachable: YES", "pam.services.sudo.if_unreachable"),
        ("if_unreachable: accept", "if_unreachabel: deny", "pam.services.sudo.if_unreachabel"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake in a service is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]


def test_a_service_without_keys_needs_no_braces(private_folder: Path) -> None:
    """An administrator may name a service alone: it denies while nobody can be asked."""
    settings = load(private_folder, GOOD)
    assert settings.pam is not None
    assert settings.pam.services["sshd"].if_unreachable == "deny"
    assert settings.pam.services["sshd"].remember is None
    assert settings.pam.services["sshd"].unlock is None
