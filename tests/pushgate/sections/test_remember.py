"""Approvals that last, as an administrator writes them."""

from pathlib import Path

import pytest

from tests.support.settings import GOOD, faults, load


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("if_unreachable: accept", "remember: {for: 15m}", "pam.services.sudo.remember.bound_to"),
        ("if_unreachable: accept", "remember: {bound_to: session+tty}", "pam.services.sudo.remember.for"),
        ("if_unreachable: accept", "remember: {for_: 15m, bound_to: session+tty}", "pam.services.sudo.remember.for_"),
        ("if_unreachable: accept", "remember: {for: 13h, bound_to: session+tty}", "pam.services.sudo.remember.for"),
        ("if_unreachable: accept", "remember: {for: yes, bound_to: session+tty}", "pam.services.sudo.remember.for"),
        ("if_unreachable: accept", "remember: {for: 15m, bound_to: tty}", "pam.services.sudo.remember.bound_to"),
        ("if_unreachable: accept", "remember: {for: 15m, bound_to: key+origin}", "pam"),
        ("sshd:", "sshd: {remember: {for: 15m, bound_to: session+tty}}", "pam"),
        ("if_unreachable: accept", "unlock: {}", "pam.services.sudo.unlock.longest"),
        ("if_unreachable: accept", "unlock: {longest: 0}", "pam.services.sudo.unlock.longest"),
        ("if_unreachable: accept", "unlock: yes", "pam.services.sudo.unlock"),
    ],
)
def test_each_mistake_names_its_key(private_folder: Path, old: str, new: str, fault: str) -> None:
    """An administrator who makes one mistake about what is remembered is shown its key."""
    found = faults(private_folder, GOOD.replace(old, new))
    assert fault in [line.split(": ")[1] for line in found]


@pytest.mark.parametrize(("written", "seconds"), [("15m", 900), ("90s", 90), ("1h", 3600), ("600", 600)])
def test_how_long_an_approval_lasts(private_folder: Path, written: str, seconds: float) -> None:
    """An administrator writes a time in the unit that fits."""
    keys = f"remember: {{for: {written}, bound_to: session+tty}}, unlock: {{longest: {written}}}"
    settings = load(private_folder, GOOD.replace("if_unreachable: accept", keys))
    assert settings.pam is not None
    sudo = settings.pam.services["sudo"]
    assert sudo.remember is not None
    assert sudo.unlock is not None
    assert (sudo.remember.for_, sudo.remember.bound_to, sudo.unlock.longest) == (seconds, "session+tty", seconds)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "if_unreachable: accept",
            "remember: {for: 1d, bound_to: session+tty}",
            "must be a time such as 90s, 15m or 1h",
        ),
        ("if_unreachable: accept", "remember: {for: 15m, bound_to: key+origin}", "sudo is told no SSH key"),
        ("sshd:", "sshd: {remember: {for: 15m, bound_to: session+tty}}", "sshd has no session before the login"),
    ],
)
def test_a_mistake_about_remembering_says_what_would_be_right(
    private_folder: Path, old: str, new: str, message: str
) -> None:
    """An administrator who binds an approval to what a program never has is told what it has."""
    assert message in faults(private_folder, GOOD.replace(old, new))[0]
