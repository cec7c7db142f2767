"""The PAM section: services and what holds for them."""

from pathlib import Path

import pytest

from pushgate.sections.pam import PamService
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


@pytest.mark.parametrize(
    ("fallback", "problem"),
    [
        ("[offline_totp, offline_totp]", "names the same twice"),
        ("[break_glass], prompt: silent", "codes need a place to be typed"),
        ("[second]", "should be 'offline_totp' or 'break_glass'"),
    ],
)
def test_rungs_that_make_no_ladder_are_refused(private_folder: Path, fallback: str, problem: str) -> None:
    """An administrator who names a rung that can never be reached, twice, or of nothing, is shown the service."""
    found = faults(private_folder, GOOD.replace("{if_unreachable: accept}", f"{{fallback: {fallback}}}"))
    assert any("pam.services.sudo" in fault and problem in fault for fault in found)


@pytest.mark.parametrize(
    ("fallback", "opens"),
    [([], True), (["offline_totp"], False), (["break_glass", "offline_totp"], False)],
)
def test_a_service_that_asks_for_codes_never_fails_open(fallback: list[str], opens: bool) -> None:
    """A service that is to accept in an outage does so only where no rung asks for a code."""
    service = PamService.model_validate({"if_unreachable": "accept", "fallback": fallback})
    assert service.fails_open is opens
    assert not PamService.model_validate({"fallback": fallback}).fails_open
